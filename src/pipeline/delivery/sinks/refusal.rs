//! What a server says of a request that it refused, without what it repeats of the request: the text goes into logs and into
//! the outbox, and a score's rationale quotes what was judged.

use crate::net::error_words::ErrorWords;

/// The server's own words. Of a JSON body only the members that errors are written in; another body (a proxy's page) whole.
pub(super) fn own_words(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(json) => ErrorWords::of_store(&json).said.join("; "),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
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
        assert_eq!(own_words(fastapi), "string_too_long; body.data.0.result; at most 10 characters");
        assert_eq!(own_words(br#"{"received":{"comment":"Ada"}}"#), "");
        assert_eq!(own_words(br#"{"message":"no","metadata":{"message":"Ada","reason":"Ada"}}"#), "no");
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
