//! What judge models reply with when they work as they should.

use serde_json::{Value as Json, json};

/// A chat completion with this text.
pub fn completion(text: &str, reason: Option<&str>, request: &Json) -> Json {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": format!("{}-2026-11-01", request["model"].as_str().unwrap_or("unnamed")),
        "system_fingerprint": "fp_1",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "finish_reason": reason.unwrap_or("stop")
        }],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 40}
        }
    })
}

/// A reply that fits the schema of the request, wherever the dialect carries it.
pub fn fitting(request: &Json) -> String {
    let schema = [&request["response_format"]["json_schema"]["schema"], &request["tools"][0]["input_schema"]]
        .into_iter()
        .find(|schema| schema.is_object())
        .unwrap_or(&Json::Null);
    let mut reply = json!({"rationale": "as scripted"});
    if let Some(score) = schema["properties"].get("score") {
        let mut levels = score["enum"].as_array().into_iter().flatten();
        reply["score"] = levels.rfind(|level| level.as_str() != Some("abstain")).cloned().unwrap_or(json!(1));
    }
    if let Some(label) = schema["properties"].get("label") {
        reply["label"] = label["enum"][0].clone();
    }
    reply.to_string()
}
