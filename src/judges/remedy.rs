//! What to do about evaluations that failed, by the code of the failure.

/// In a few words, for a person who runs the judge.
pub fn remedy(code: &str) -> &'static str {
    match code {
        "output_truncated" => "raise max_output_tokens of the judge",
        "unparseable" | "wrong_schema" => {
            "the model does not keep to the form of the reply: try it with judged rubrics test, or choose another"
        }
        "timeout" => "raise timeout of the judge, or lower its concurrency",
        "context_length" => "choose a model with a longer context, or show less of the answer in the rubric",
        "unsupported_scale" => "a decision model cannot judge on such a scale: judged rubrics check says why",
        "refused" | "content_filter" => "the model declines such content: another judge may not",
        "bad_request" | "bad_response" => "the endpoint does not take the request: judged doctor says what it answers",
        "unavailable" => {
            "the endpoint was away for longer than the attempts last: raise retries or evaluation.attempts"
        }
        "render" => "the template of the rubric breaks on this answer: judged rubrics check, then a new version",
        _ => "judged doctor says what the judge answers",
    }
}
