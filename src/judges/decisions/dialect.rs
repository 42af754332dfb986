//! The dialects side by side, and what wraps an answer on its way. Pure.

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::answer::Reading;
use super::question::Question;
use super::{gemini, openai, systemone};
use crate::config::judges::{Dialect, Envelope, JudgeConfig};
use crate::judges::completion::{NoCompletion, what_it_is};

/// The body of a request.
pub(super) fn body(
    dialect: Dialect,
    config: &JudgeConfig,
    model: &str,
    state: &RawValue,
    questions: &[Question<'_>],
) -> Vec<u8> {
    let members = match dialect {
        Dialect::Systemone => systemone::members(state, questions),
        Dialect::Openai => openai::members(state, questions),
        Dialect::Gemini => gemini::members(state, questions),
    };
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.extend(config.extra_body.clone());
    let mut text = Json::Object(body).to_string();
    // The state is large: it is written once, not parsed again.
    text.pop();
    for (name, value) in members {
        text.push_str(&format!(",\"{name}\":{value}"));
    }
    text.push('}');
    text.into_bytes()
}

/// Reads the body of a successful response.
pub(super) fn read(
    dialect: Dialect,
    envelope: Option<Envelope>,
    body: &[u8],
    questions: &[Question<'_>],
) -> Result<Reading, NoCompletion> {
    let unwrapped = match envelope {
        Some(Envelope::Cloudflare) => Some(result_of(body)?),
        None => None,
    };
    let body = unwrapped.as_deref().unwrap_or(body);
    match dialect {
        Dialect::Systemone => systemone::read(body, questions),
        Dialect::Openai => openai::read(body, questions),
        Dialect::Gemini => gemini::read(body, questions),
    }
}

/// What Cloudflare wraps: `{"result": …, "success": true, "errors": [], "messages": []}`. A success may say that it is none.
fn result_of(body: &[u8]) -> Result<Vec<u8>, NoCompletion> {
    let Ok(Json::Object(mut wrapped)) = serde_json::from_slice::<Json>(body) else {
        return Err(NoCompletion::Other(what_it_is(body)));
    };
    let failed = wrapped.get("success") == Some(&Json::Bool(false));
    match wrapped.remove("result") {
        Some(result @ Json::Object(_)) if !failed => Ok(result.to_string().into_bytes()),
        _ => Err(NoCompletion::Error(Json::Object(wrapped))),
    }
}
