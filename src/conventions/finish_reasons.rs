//! Why a model stopped: one vocabulary for the spellings of providers and frameworks.

/// The conventions' own words.
const STOP: &str = "stop";
const LENGTH: &str = "length";
const TOOL_CALLS: &str = "tool_calls";
const CONTENT_FILTER: &str = "content_filter";
const ERROR: &str = "error";

/// Spellings without case, marks and spaces, and what they mean.
const SPELLINGS: &[(&str, &str)] = &[
    ("stop", STOP),
    ("endturn", STOP),
    ("eos", STOP),
    ("eostoken", STOP),
    ("complete", STOP),
    ("completed", STOP),
    ("stopsequence", STOP),
    ("length", LENGTH),
    ("maxtokens", LENGTH),
    ("maxoutputtokens", LENGTH),
    ("maxlength", LENGTH),
    ("modellength", LENGTH),
    ("modelcontextwindowexceeded", LENGTH),
    ("toolcall", TOOL_CALLS),
    ("toolcalls", TOOL_CALLS),
    ("tooluse", TOOL_CALLS),
    ("toolexecution", TOOL_CALLS),
    ("functioncall", TOOL_CALLS),
    ("functioncalls", TOOL_CALLS),
    ("contentfilter", CONTENT_FILTER),
    ("contentfiltered", CONTENT_FILTER),
    ("safety", CONTENT_FILTER),
    ("blocked", CONTENT_FILTER),
    ("refusal", CONTENT_FILTER),
    ("blocklist", CONTENT_FILTER),
    ("prohibitedcontent", CONTENT_FILTER),
    ("recitation", CONTENT_FILTER),
    ("spii", CONTENT_FILTER),
    ("guardrailintervened", CONTENT_FILTER),
    ("error", ERROR),
];

/// The word of the vocabulary for a producer's finish reason; one that nobody knows stays as it is, without the brackets
/// and quotes of a list that was printed.
pub(super) fn normalised(reason: &str) -> String {
    if matches!(reason, STOP | LENGTH | TOOL_CALLS | CONTENT_FILTER | ERROR) {
        return reason.to_owned();
    }
    let bare = reason.trim().trim_matches(['[', ']', '"', '\'']).trim();
    let letters: String = bare.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    let letters = letters.strip_prefix("finishreason").unwrap_or(&letters);
    let known = SPELLINGS.iter().find(|(spelling, _)| spelling == &letters);
    known.map_or_else(|| bare.to_owned(), |(_, word)| (*word).to_owned())
}

/// Whether a finish reason says that the model asked for a tool.
pub(super) fn is_tool_call(reason: &str) -> bool {
    normalised(reason) == TOOL_CALLS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_word() {
        let cases = [
            ("STOP", "stop"),
            ("[stop]", "stop"),
            ("endTurn", "stop"),
            ("end_turn", "stop"),
            ("TOOL_EXECUTION", "tool_calls"),
            ("toolUse", "tool_calls"),
            ("function_call", "tool_calls"),
            ("tool-calls", "tool_calls"),
            ("MAX_TOKENS", "length"),
            ("blocked", "content_filter"),
            ("FinishReason.STOP", "stop"),
            ("FINISH_REASON_MAX_TOKENS", "length"),
            ("FinishReason.SAFETY", "content_filter"),
            ("refusal", "content_filter"),
            ("user_abort", "user_abort"),
        ];
        for (reason, word) in cases {
            assert_eq!(normalised(reason), word, "{reason}");
        }
    }
}
