//! Requests that are answered by what is wrong with them.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::report::charts::escape;
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
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// A template failed.
    #[error("the page cannot be rendered")]
    Template(#[from] minijinja::Error),
    /// Work on another thread was lost.
    #[error("the page cannot be computed")]
    Work(#[from] tokio::task::JoinError),
    /// A value without JSON form.
    #[error("the answer has no JSON form")]
    Json(#[from] serde_json::Error),
}

impl PageError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Template(_) | Self::Work(_) | Self::Json(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
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
