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

/// Prefixes of which none begins with another, in order: the one that a key begins with, if any, is the last that is not
/// greater than the key.
struct Prefixes(Vec<&'static str>);

impl Prefixes {
    fn new(prefixes: impl Iterator<Item = &'static str>) -> Self {
        let mut all: Vec<&str> = prefixes.collect();
        all.sort_unstable();
        let mut apart: Vec<&str> = Vec::with_capacity(all.len());
        for prefix in all {
            if !apart.last().is_some_and(|shorter| prefix.starts_with(shorter)) {
                apart.push(prefix);
            }
        }
        Self(apart)
    }

    fn begin(&self, key: &str) -> bool {
        let after = self.0.partition_point(|prefix| *prefix <= key);
        after > 0 && key.starts_with(self.0[after - 1])
    }
}

struct Names {
    spaces: Prefixes,
    exact: HashSet<&'static str>,
    prefixes: Prefixes,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let known = || FAMILIES.iter().flat_map(|family| family.known).copied();
    Names {
        spaces: Prefixes::new(SPACES.iter().copied()),
        exact: known().filter(|name| !name.ends_with('*')).collect(),
        prefixes: Prefixes::new(known().filter_map(|name| name.strip_suffix('*'))),
    }
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
    NAMES.spaces.begin(key)
}

fn is_known(key: &str) -> bool {
    NAMES.prefixes.begin(key) || NAMES.exact.contains(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_prefix_is_found_as_by_looking_at_all(key in "(gen_ai|llm|ai|db|ag)?[._a-c]{0,4}") {
            let all = ["gen_ai.", "gen_ai.a", "llm.", "ai.", "ai.b.", "db", "a"];
            let naive = all.iter().any(|prefix| key.starts_with(prefix));
            proptest::prop_assert_eq!(Prefixes::new(all.into_iter()).begin(&key), naive);
        }
    }

    #[test]
    fn a_name_that_no_family_explains_is_named() {
        assert!(looks_like_llm("gen_ai.brand_new.thing") && !is_known("gen_ai.brand_new.thing"));
        assert!(is_known("gen_ai.input.messages") && is_known("llm.input_messages.0.message.role"));
        assert!(!looks_like_llm("http.route"));
    }
}
