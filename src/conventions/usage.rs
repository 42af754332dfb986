//! Tokens: every producer's names, one arithmetic.

use super::json_tree::Node;
use crate::model::{Attributes, Usage};

/// Tokens as told, before it is settled whether the input includes what came from a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: Option<i64>,
    pub(crate) output: Option<i64>,
    pub(crate) cache_read: Option<i64>,
    pub(crate) cache_write: Option<i64>,
    pub(crate) reasoning: Option<i64>,
    pub(crate) total: Option<i64>,
    /// The producer counts cached tokens beside the input, not in it.
    pub(crate) cache_excluded: bool,
}

const INPUT: &[&str] = &[
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "llm.usage.prompt_tokens",
];
const OUTPUT: &[&str] = &[
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "llm.usage.completion_tokens",
];
const CACHE_READ: &[&str] = &[
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.input_cached_tokens",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_input",
    "gen_ai.usage.cached_input_tokens",
    "ai.usage.cachedInputTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "llm.usage.cached_tokens",
];
const CACHE_WRITE: &[&str] = &[
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
];
const TOTAL: &[&str] = &[
    "gen_ai.usage.total_tokens",
    "llm.usage.total_tokens",
    "llm.token_count.total",
    "ai.usage.totalTokens",
    "ai.usage.tokens",
];
const REASONING: &[&str] = &[
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
    "ai.usage.reasoningTokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
    "llm.usage.reasoning_tokens",
];

/// Reads the usage attributes of a span in all spellings.
pub(crate) fn of_attributes(attributes: &Attributes) -> Tokens {
    let mut tokens = Tokens::default();
    let mut by_modality = Tokens::default();
    let mut best = [usize::MAX; 6];
    for (key, value) in attributes.iter() {
        if !(key.starts_with("gen_ai.usage.")
            || key.starts_with("llm.token_count.")
            || key.starts_with("llm.usage.")
            || key.starts_with("ai.usage."))
        {
            continue;
        }
        if let Some(slot) = of_modality(key, &mut by_modality) {
            let count = value.as_i64().filter(|count| *count >= 0);
            *slot = count.map(|count| slot.unwrap_or(0).saturating_add(count)).or(*slot);
            continue;
        }
        let slots = [
            (INPUT, &mut tokens.input),
            (OUTPUT, &mut tokens.output),
            (CACHE_READ, &mut tokens.cache_read),
            (CACHE_WRITE, &mut tokens.cache_write),
            (REASONING, &mut tokens.reasoning),
            (TOTAL, &mut tokens.total),
        ];
        for ((names, slot), best) in slots.into_iter().zip(&mut best) {
            // Earlier spellings win over later ones, whatever the order of the attributes.
            if let Some(rank) = names.iter().position(|name| *name == key)
                && rank <= *best
                && let Some(count) = value.as_i64().filter(|count| *count >= 0)
            {
                *slot = Some(count);
                *best = rank;
            }
        }
    }
    // Parts of the totals; where a producer leaves the totals out, they are their sum.
    tokens.or(by_modality)
}

/// The count that tokens of one modality (`gen_ai.usage.image.input_tokens`) are part of.
fn of_modality<'t>(key: &str, tokens: &'t mut Tokens) -> Option<&'t mut Option<i64>> {
    let (modality, count) = key.strip_prefix("gen_ai.usage.")?.split_once('.')?;
    if !matches!(modality, "text" | "image" | "audio" | "video" | "document") {
        return None;
    }
    match count {
        "input_tokens" => Some(&mut tokens.input),
        "output_tokens" => Some(&mut tokens.output),
        "cache_read.input_tokens" => Some(&mut tokens.cache_read),
        _ => None,
    }
}

/// Reads a usage object of a provider's response or of a framework.
pub(crate) fn of_node(node: &Node<'_>) -> Tokens {
    let count = |keys: &[&str]| keys.iter().find_map(|key| node.get(key)?.as_i64()).filter(|count| *count >= 0);
    let nested = |outer: &[&str], inner: &[&str]| {
        let details = node.first_of(outer)?;
        inner.iter().find_map(|key| details.get(key)?.as_i64()).filter(|count| *count >= 0)
    };
    let input_details = ["prompt_tokens_details", "input_tokens_details", "input_token_details", "inputTokenDetails"];
    let output_details =
        ["completion_tokens_details", "output_tokens_details", "output_token_details", "outputTokenDetails"];
    Tokens {
        input: count(&[
            "input_tokens",
            "prompt_tokens",
            "inputTokens",
            "promptTokens",
            "promptTokenCount",
            "prompt_token_count",
            "input",
        ]),
        output: count(&[
            "output_tokens",
            "completion_tokens",
            "outputTokens",
            "completionTokens",
            "candidatesTokenCount",
            "candidates_token_count",
            "output",
        ]),
        cache_read: count(&[
            "cache_read_input_tokens",
            "cacheReadInputTokens",
            "cachedContentTokenCount",
            "cachedContentTokens",
            "cachedInputTokens",
            "cached_content_token_count",
            "input_cached_tokens",
            "cache_read_tokens",
        ])
        .or_else(|| nested(&input_details, &["cached_tokens", "cache_read", "cacheReadTokens"])),
        cache_write: count(&[
            "cache_creation_input_tokens",
            "cacheWriteInputTokens",
            "cache_write_input_tokens",
            "cache_creation_tokens",
            "input_cache_creation",
            "cacheCreationInputTokens",
        ])
        .or_else(|| nested(&input_details, &["cache_write_tokens", "cache_creation"])),
        reasoning: count(&["reasoning_tokens", "reasoningTokens", "thoughtsTokenCount", "output_reasoning_tokens"])
            .or_else(|| nested(&output_details, &["reasoning_tokens", "reasoning"])),
        total: count(&["total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "total"]),
        cache_excluded: false,
    }
}

impl Tokens {
    /// Fills what is missing here from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        // The parts of one count belong together: cache and reasoning of a source whose totals lost are still true.
        Self {
            input: self.input.or(other.input),
            output: self.output.or(other.output),
            cache_read: self.cache_read.or(other.cache_read),
            cache_write: self.cache_write.or(other.cache_write),
            reasoning: self.reasoning.or(other.reasoning),
            total: self.total.or(other.total),
            cache_excluded: self.cache_excluded || other.cache_excluded,
        }
    }

    /// OpenTelemetry's arithmetic: input includes cached tokens. More cached tokens than input tokens, or a total that
    /// only adds up with them, prove that a producer counts them apart.
    pub(crate) fn settled(self) -> Usage {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        let input = self.input.map(|input| {
            let sum = input.saturating_add(self.output.unwrap_or(0));
            let apart = match self.total {
                Some(total) if total == sum => cached > input,
                Some(total) if total == sum.saturating_add(cached) => true,
                _ => self.cache_excluded || cached > input,
            };
            if apart { input.saturating_add(cached) } else { input }
        });
        Usage {
            input_tokens: input,
            output_tokens: self.output,
            cached_input_tokens: self.cache_read,
            reasoning_tokens: self.reasoning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, i64)]) -> Attributes {
        let mut attributes = Attributes::default();
        for (key, value) in pairs {
            attributes.push(*key, *value);
        }
        attributes
    }

    #[test]
    fn the_current_spelling_wins_over_the_deprecated_one() {
        let read = of_attributes(&attributes(&[("gen_ai.usage.prompt_tokens", 7), ("gen_ai.usage.input_tokens", 8)]));
        assert_eq!(read.input, Some(8));
    }

    #[test]
    fn tokens_by_modality_are_summed_where_no_total_is_told() {
        let parts = [
            ("gen_ai.usage.text.input_tokens", 100),
            ("gen_ai.usage.image.input_tokens", 200),
            ("gen_ai.usage.text.cache_read.input_tokens", 40),
            ("gen_ai.usage.audio.output_tokens", 9),
        ];
        let read = of_attributes(&attributes(&parts));
        assert_eq!((read.input, read.cache_read, read.output), (Some(300), Some(40), Some(9)));
        let told = of_attributes(&attributes(&[&parts[..], &[("gen_ai.usage.input_tokens", 310)]].concat()));
        assert_eq!((told.input, told.output), (Some(310), Some(9)));
    }

    #[test]
    fn input_that_leaves_out_the_cache_is_made_whole() {
        let read = of_attributes(&attributes(&[
            ("gen_ai.usage.input_tokens", 10),
            ("gen_ai.usage.cache_read.input_tokens", 90),
        ]));
        assert_eq!(read.settled().input_tokens, Some(100));
        let told = Tokens { input: Some(100), cache_read: Some(90), cache_excluded: true, ..Tokens::default() };
        assert_eq!(told.settled().input_tokens, Some(190));
        let adds_up = Tokens { output: Some(1), total: Some(191), ..told };
        assert_eq!(Tokens { cache_excluded: false, ..adds_up }.settled().input_tokens, Some(190));
        let inside = Tokens { input: Some(100), cache_read: Some(90), ..Tokens::default() };
        assert_eq!(inside.settled().input_tokens, Some(100));
    }
}
