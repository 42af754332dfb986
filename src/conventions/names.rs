//! Which attribute names are explained: what looks like an LLM convention's and is not gets reported, never dropped.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::families::FAMILIES;
use super::space::{BySpace, Space};
use crate::model::Span;

/// Google Cloud's own space holds more than agents.
const GCP_AGENT: &str = "gcp.vertex.agent.";

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

/// The names that families explain in one space.
struct Known {
    exact: HashSet<&'static str>,
    prefixes: Prefixes,
}

static KNOWN: LazyLock<BySpace<Known>> = LazyLock::new(|| {
    let names = FAMILIES.iter().flat_map(|family| family.known).map(|name| (*name, ()));
    BySpace::group(names).map(|names| Known {
        exact: names.iter().map(|(name, ())| *name).filter(|name| !name.ends_with('*')).collect(),
        prefixes: Prefixes::new(names.iter().filter_map(|(name, ())| name.strip_suffix('*'))),
    })
});

/// Attribute and event names of `span` that look like an LLM convention's but that no family explains.
pub(super) fn unmapped(span: &Span) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (key, _) in span.attributes.iter() {
        if let Some(space) = llm_space(key)
            && found.len() < MAX_UNMAPPED
            && !is_known(space, key)
            && !found.iter().any(|name| name == key)
        {
            found.push(key.to_owned());
        }
    }
    found
}

/// The space of a name that looks like an LLM convention's.
fn llm_space(key: &str) -> Option<Space> {
    Space::of(key).filter(|space| match space {
        Space::Gcp => key.starts_with(GCP_AGENT),
        // Everybody's words, or tools that do more than call models.
        Space::Enduser
        | Space::Entity
        | Space::Events
        | Space::Input
        | Space::Logfire
        | Space::Metadata
        | Space::Output
        | Space::RequestData
        | Space::ResponseData
        | Space::Session
        | Space::Tag
        | Space::User
        | Space::Voltagent => false,
        _ => true,
    })
}

fn is_known(space: Space, key: &str) -> bool {
    let known = KNOWN.get(space);
    known.prefixes.begin(key) || known.exact.contains(key)
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
        let unexplained = |key| llm_space(key).is_some_and(|space| !is_known(space, key));
        assert!(unexplained("gen_ai.brand_new.thing"));
        assert!(!unexplained("gen_ai.input.messages") && !unexplained("llm.input_messages.0.message.role"));
        assert!(!unexplained("http.route") && !unexplained("gcp.region") && !unexplained("genkit:type"));
    }
}
