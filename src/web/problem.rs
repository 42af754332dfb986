//! Requests that are answered by what is wrong with them.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::report::charts::escape;
use crate::report::kept::KeptReportError;
use crate::store::StoreError;

/// Why a request is answered by an error page.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// Nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// The request is wrong.
    #[error("{0}")]
    BadRequest(String),
    #[error("too many wrong tokens; try again in a minute")]
    TooManyAttempts,
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// A template failed.
    #[error("the page cannot be rendered")]
    Template(#[from] minijinja::Error),
    /// The report that is kept cannot be read.
    #[error("the report cannot be read")]
    Report(#[from] KeptReportError),
    /// Nobody has made a report yet.
    #[error("no report has been made yet; a worker with the role calibrate makes one soon after its start")]
    NoReport,
    /// A value without JSON form.
    #[error("the answer has no JSON form")]
    Json(#[from] serde_json::Error),
}

impl PageError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(error) | Self::Report(KeptReportError::Store(error)) if error.is_transient() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NoReport => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Report(_) | Self::Template(_) | Self::Json(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() && !matches!(self, Self::NoReport) {
            tracing::error!(error = crate::error_chain::causes(&self), "a page failed");
        }
        problem(status, &self.to_string())
    }
}

/// A page that says what is wrong; it needs no template, so that it can say so of templates too.
pub(super) fn problem(status: StatusCode, message: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>judged</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main><h1>{}</h1><p>{}</p>\
         <p><a href=\"/\">To the overview</a></p></main></body></html>",
        escape(status.canonical_reason().unwrap_or("Error")),
        escape(message)
    );
    (status, Html(page)).into_response()
}
