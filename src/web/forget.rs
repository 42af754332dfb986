//! Forgetting what belongs to a trace, a conversation or a person.

use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;

use super::api::Problem;
use super::problem::PageError;
use super::state::Shared;
use crate::forgetting::{Forgetting, Whose, forget};
use crate::model::{Actor, IdError};

/// Exactly one of the three ids.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    trace: Option<String>,
    session: Option<String>,
    user: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl Asked {
    fn whose(self) -> Result<Whose, PageError> {
        match (self.trace, self.session, self.user) {
            (Some(id), None, None) => {
                let wrong = |error: IdError| PageError::BadRequest(format!("`trace`: {error}"));
                id.parse().map(Whose::Trace).map_err(wrong)
            }
            (None, Some(id), None) => Ok(Whose::Session(id)),
            (None, None, Some(id)) => Ok(Whose::User(id)),
            _ => Err(PageError::BadRequest("name one of `trace`, `session` and `user`".to_owned())),
        }
    }
}

/// `POST /api/forget`: like `judged forget`.
pub(super) async fn forget_api(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Json<Forgetting>, Problem> {
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| PageError::BadRequest(format!("the body cannot be read: {error}")))?;
    let dry_run = asked.dry_run;
    let redactor = web.parts.redactor.current();
    Ok(Json(forget(&web.parts.store, &redactor, &asked.whose()?, &actor, dry_run).await?))
}
