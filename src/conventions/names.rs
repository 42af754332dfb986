//! Which attribute names are explained: what looks like an LLM convention's and is not gets reported, never dropped.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::families::FAMILIES;
use crate::model::Span;

/// Names in these spaces belong to some LLM convention.
const SPACES: &[&str] = &[
    "gen_ai.",
    "llm.",
    "ai.",
    "openinference.",
    "traceloop.",
    "mlflow.",
    "langfuse.",
    "langsmith.",
    "genkit:",
    "genkit.",
    "gcp.vertex.agent.",
    "pydantic_ai.",
    "haystack.",
    "lk.",
    "lmnr.",
    "flue.",
    "claude_code.",
    "openlit.",
    "anthropic.",
    "openai.",
    "retrieval.",
    "reranker.",
    "embedding.",
    "prompt.",
    "completion.",
    "smolagents.",
    "crewai.",
    "dspy.",
    "llamaindex.",
    "llama_index.",
    "agno.",
    "semantic_kernel.",
    "autogen.",
    "vector_db.",
    "chroma.",
    "rag.",
];

/// Reported names per span: a span of a thousand foreign names needs no thousand lines.
const MAX_UNMAPPED: usize = 64;

struct Names {
    exact: HashSet<&'static str>,
    prefixes: Vec<&'static str>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { exact: HashSet::new(), prefixes: Vec::new() };
    for name in FAMILIES.iter().flat_map(|family| family.known) {
        match name.strip_suffix('*') {
            Some(prefix) => names.prefixes.push(prefix),
            None => {
                names.exact.insert(name);
            }
        }
    }
    names.prefixes.sort_unstable();
    names.prefixes.dedup();
    names
});

/// Attribute and event names of `span` that look like an LLM convention's but that no family explains.
pub(super) fn unmapped(span: &Span) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (key, _) in span.attributes.iter() {
        if found.len() < MAX_UNMAPPED && looks_like_llm(key) && !is_known(key) && !found.iter().any(|name| name == key)
        {
            found.push(key.to_owned());
        }
    }
    found
}

fn looks_like_llm(key: &str) -> bool {
    SPACES.iter().any(|space| key.starts_with(space))
}

fn is_known(key: &str) -> bool {
    NAMES.exact.contains(key) || NAMES.prefixes.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_family_explains_is_named() {
        assert!(looks_like_llm("gen_ai.brand_new.thing") && !is_known("gen_ai.brand_new.thing"));
        assert!(is_known("gen_ai.input.messages") && is_known("llm.input_messages.0.message.role"));
        assert!(!looks_like_llm("http.route"));
    }
}
