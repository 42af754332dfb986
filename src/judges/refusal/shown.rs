//! A refusal's words, fit to be shown and kept: without keys, addresses and anything of what was judged. Pure.

/// The most characters that are shown.
const LONGEST: usize = 300;
/// A longer word is a token, a hash or data.
const LONGEST_WORD: usize = 60;
/// Words that are looked at: a run of hidden ones is shown as one, and each is looked for in what was judged.
const MOST_WORDS: usize = 300;
const HIDDEN: &str = "***";

/// Words that say something of a request, and are hidden nowhere: also a judged answer may speak of a model or a limit.
const PLAIN: &[&str] = &[
    "a",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "do",
    "does",
    "error",
    "exceeded",
    "failed",
    "field",
    "for",
    "format",
    "found",
    "from",
    "has",
    "have",
    "in",
    "input",
    "invalid",
    "is",
    "it",
    "key",
    "large",
    "length",
    "limit",
    "maximum",
    "message",
    "messages",
    "missing",
    "model",
    "must",
    "no",
    "not",
    "of",
    "on",
    "only",
    "or",
    "output",
    "parameter",
    "please",
    "prompt",
    "provider",
    "request",
    "required",
    "response",
    "retry",
    "schema",
    "server",
    "service",
    "should",
    "supported",
    "that",
    "the",
    "this",
    "to",
    "token",
    "tokens",
    "too",
    "try",
    "type",
    "unable",
    "unexpected",
    "unknown",
    "unsupported",
    "use",
    "user",
    "value",
    "was",
    "were",
    "when",
    "will",
    "with",
    "you",
    "your",
];

/// `said`, shortened, and without what `material` holds: an endpoint may echo what it was asked about.
pub(in crate::judges) fn shown(said: &str, material: &str) -> Option<String> {
    let material = material.to_lowercase();
    let mut after_bearer = false;
    let words = said.split_whitespace().take(MOST_WORDS).map(|word| {
        let is_hidden = after_bearer || is_like_a_key(word) || word.contains('@') || is_of(word, &material);
        after_bearer = word.to_lowercase().ends_with("bearer");
        if is_hidden { HIDDEN } else { word }
    });
    let mut text = String::new();
    for word in words {
        // A run of hidden words is one.
        if word == HIDDEN && text.ends_with(HIDDEN) {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    let text: String = text.chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

fn is_of(word: &str, material: &str) -> bool {
    if material.is_empty() {
        return false;
    }
    // Escaped text is not recognised as that of the material.
    let is_escaped = word.contains("\\u") || word.contains('%');
    is_escaped
        || word.split(|letter: char| !letter.is_alphanumeric()).filter(|core| !core.is_empty()).any(|core| {
            let core = core.to_lowercase();
            !PLAIN.contains(&core.as_str()) && material.contains(&core)
        })
}

fn is_like_a_key(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let prefixed = ["sk-", "sk_", "key-", "pk-", "aiza", "gsk_", "hf_"]
        .iter()
        .any(|prefix| core.to_lowercase().starts_with(prefix));
    let is_random = core.len() >= 32 && core.chars().any(|c| c.is_ascii_digit()) && !core.contains("://");
    prefixed || core.contains('*') || is_random || word.chars().count() > LONGEST_WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_are_hidden() {
        let said = |said: &str| shown(said, "").unwrap();
        assert_eq!(
            said("Received API Key = Bearer Secret123, which is wrong"),
            "Received API Key = Bearer *** which is wrong"
        );
        assert_eq!(said("Incorrect API key provided: sk-abc. See docs"), "Incorrect API key provided: *** See docs");
        assert_eq!(said("no model claude-sonnet-4-20250514"), "no model claude-sonnet-4-20250514");
        assert_eq!(said("ask admin@example.org for it"), "ask *** for it");
    }

    #[test]
    fn what_is_judged_is_hidden_also_when_it_is_cut_or_in_other_case() {
        let material = "Anna Kowalska wrote: the model's refund is 4711 euros";
        assert_eq!(
            shown("invalid request: near \"anna kowal\", refund 47 is not a number", material).unwrap(),
            "invalid request: near *** is not a number"
        );
        assert_eq!(shown("near \\u0041nna", material).unwrap(), "near ***");
        assert_eq!(shown("the model is too large", material).unwrap(), "the model is too large");
    }

    #[test]
    fn no_more_is_shown_than_a_few_sentences() {
        assert_eq!(shown(&"word ".repeat(200), "").unwrap().chars().count(), LONGEST);
        assert_eq!(shown("  ", ""), None);
        let echo = format!("{}late", "Anna ".repeat(MOST_WORDS));
        assert_eq!(shown(&echo, "Anna").as_deref(), Some(HIDDEN), "what is looked at is bounded too");
    }
}
