//! What a server says of a request that it refused, without what it repeats of the request: the text goes into logs and into
//! the outbox, and a score's rationale quotes what was judged.

use serde_json::Value as Json;

/// Deeper than any of these APIs nests its errors.
const DEEPEST: usize = 5;

/// The server's own words. Of a JSON body only the members that errors are written in; another body (a proxy's page) whole.
pub(super) fn own_words(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice(body) else { return String::from_utf8_lossy(body).into_owned() };
    let mut words = Vec::new();
    collect(&json, &mut words, 0);
    words.join("; ")
}

/// Walks `{message, error_code}`, `{error: "…"}`, `{error: {message}}`, `{detail: [{loc, msg, input}]}`, a text, and lists of them.
fn collect(json: &Json, words: &mut Vec<String>, depth: usize) {
    match json {
        _ if depth > DEEPEST => {}
        Json::String(text) => words.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| collect(item, words, depth + 1)),
        Json::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "message" | "msg" | "title" | "code" | "error_code" | "error" | "errors" | "detail" | "details" => {
                        collect(value, words, depth + 1);
                    }
                    "loc" | "path" => words.push(place(value)),
                    _ => {}
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The way to the member at fault: `body.data.0.name`.
fn place(value: &Json) -> String {
    let part = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    match value {
        Json::Array(parts) => parts.iter().map(part).collect::<Vec<_>>().join("."),
        other => part(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_repeats_of_the_request_is_left_out() {
        let fastapi =
            br#"{"detail":[{"type":"string_too_long","loc":["body","data",0,"result"],"msg":"at most 10 characters",
            "input":"the patient's name is Ada","ctx":{"given":"Ada"}}]}"#;
        assert_eq!(own_words(fastapi), "body.data.0.result; at most 10 characters");
        assert_eq!(own_words(br#"{"received":{"comment":"Ada"}}"#), "");
    }

    #[test]
    fn the_words_of_each_api_are_found() {
        let mlflow = br#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Trace tr-1 not found"}"#;
        assert_eq!(own_words(mlflow), "RESOURCE_DOES_NOT_EXIST; Trace tr-1 not found");
        let langfuse = br#"{"message":"Invalid request data","error":[{"path":["value"],"message":"Required"}]}"#;
        assert_eq!(own_words(langfuse), "Invalid request data; value; Required");
        assert_eq!(own_words(br#"{"error":{"message":"no such project"}}"#), "no such project");
        assert_eq!(own_words(b"None of the supplied spans exist"), "None of the supplied spans exist");
        assert_eq!(own_words(br#""Not Found""#), "Not Found");
    }
}
