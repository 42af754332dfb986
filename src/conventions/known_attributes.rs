//! Which attribute names are explained: what looks like an LLM convention's and is not gets reported, never dropped.

use std::sync::LazyLock;

use super::attribute_namespace::{BySpace, Space};
use super::families::FAMILIES;
use super::span_view::Source;

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

    fn of(&self, key: &str) -> Option<&'static str> {
        let after = self.0.partition_point(|prefix| *prefix <= key);
        self.0[..after].last().copied().filter(|prefix| key.starts_with(prefix))
    }
}

/// Names by their length, of which hardly two in a space are alike.
struct Names(Vec<Vec<&'static str>>);

impl Names {
    fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let mut by_length: Vec<Vec<&str>> = Vec::new();
        for name in names {
            by_length.resize_with(by_length.len().max(name.len() + 1), Vec::new);
            by_length[name.len()].push(name);
        }
        Self(by_length)
    }

    fn contain(&self, key: &str) -> bool {
        self.0.get(key.len()).is_some_and(|names| names.contains(&key))
    }
}

/// The names that families explain in one space.
struct Known {
    exact: Names,
    prefixes: Prefixes,
}

static KNOWN: LazyLock<BySpace<Known>> = LazyLock::new(|| {
    let names = FAMILIES.iter().flat_map(|family| family.known).map(|name| (*name, ()));
    BySpace::group(names).map(|names| Known {
        exact: Names::new(names.iter().map(|(name, ())| *name).filter(|name| !name.ends_with('*'))),
        prefixes: Prefixes::new(names.iter().filter_map(|(name, ())| name.strip_suffix('*'))),
    })
});

/// Attribute names of a span that look like an LLM convention's but that no family explains.
pub(super) fn unmapped(source: &Source<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Flattened messages are many names in a row that begin alike.
    let mut last_prefix = None;
    for (space, key, _) in source.spaced() {
        if last_prefix.is_some_and(|prefix| key.starts_with(prefix)) || !looks_llm(space, key) {
            continue;
        }
        match explanation(space, key) {
            Some(Explanation::Prefix(prefix)) => last_prefix = Some(prefix),
            Some(Explanation::Name) => {}
            None if found.len() < MAX_UNMAPPED && !found.iter().any(|name| name == key) => found.push(key.to_owned()),
            None => {}
        }
    }
    found
}

/// How a name is known.
enum Explanation {
    Name,
    Prefix(&'static str),
}

/// Whether a name looks like an LLM convention's.
fn looks_llm(space: Space, key: &str) -> bool {
    match space {
        Space::Gcp => key.starts_with(GCP_AGENT),
        // Everybody's words, or tools that do more than call models.
        Space::Decision
        | Space::Enduser
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
    }
}

fn explanation(space: Space, key: &str) -> Option<Explanation> {
    let known = KNOWN.get(space);
    if known.exact.contain(key) {
        return Some(Explanation::Name);
    }
    known.prefixes.of(key).map(Explanation::Prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_prefix_is_found_as_by_looking_at_all(key in "(gen_ai|llm|ai|db|ag)?[._a-c]{0,4}") {
            let all = ["gen_ai.", "gen_ai.a", "llm.", "ai.", "ai.b.", "db", "a"];
            let naive = all.iter().any(|prefix| key.starts_with(prefix));
            proptest::prop_assert_eq!(Prefixes::new(all.into_iter()).of(&key).is_some(), naive);
        }
    }

    #[test]
    fn a_name_that_no_family_explains_is_named() {
        let unexplained =
            |key| Space::of(key).is_some_and(|space| looks_llm(space, key) && explanation(space, key).is_none());
        assert!(unexplained("gen_ai.brand_new.thing"));
        assert!(!unexplained("gen_ai.input.messages") && !unexplained("llm.input_messages.0.message.role"));
        assert!(!unexplained("http.route") && !unexplained("gcp.region") && !unexplained("genkit:type"));
    }
}
