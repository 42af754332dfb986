//! What judged wrote into a backend, under a mark: what differs from it later, a person has changed.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// The member of a record's metadata that holds the mark.
pub const MARK: &str = "judged.written";
/// Who a person is whom the backend does not name.
pub const UNKNOWN_PERSON: &str = "unknown person";
/// Eight bytes tell two verdicts of one record apart.
const BYTES: usize = 8;

/// The mark of what a record says: its values and its reasons, in the order in which the sink names them.
pub fn mark(said: &[&Json]) -> String {
    let mut digest = Sha256::new();
    for value in said {
        // 2 and 2.0 are one number, and an empty text is none.
        let text = match value {
            Json::Null => String::new(),
            Json::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
            Json::String(text) => text.clone(),
            // Some interfaces show 1 and 0 as a switch.
            Json::Bool(flag) => u8::from(*flag).to_string(),
            other => other.to_string(),
        };
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(&digest.finalize()[..BYTES])
}

/// Whether a record says something else than its mark tells; `None` of a record without one.
pub fn is_changed(mark_there: Option<&str>, said: &[&Json]) -> Option<bool> {
    Some(mark_there? != mark(said))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_changed_when_it_says_something_else() {
        let there = mark(&[&json!(2.0), &json!("too short")]);
        assert_eq!(is_changed(Some(&there), &[&json!(2), &json!("too short")]), Some(false));
        assert_eq!(is_changed(Some(&there), &[&json!(3), &json!("too short")]), Some(true));
        assert_eq!(is_changed(Some(&there), &[&json!(2), &Json::Null]), Some(true));
        assert_eq!(is_changed(None, &[&json!(2)]), None);
        assert_eq!(mark(&[&Json::Null]), mark(&[&json!("")]));
        assert_ne!(mark(&[&json!("ab"), &json!("c")]), mark(&[&json!("a"), &json!("bc")]));
    }
}
