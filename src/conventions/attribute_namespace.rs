//! The first segment of an attribute name: a name space, by which most names are told apart at once.

use crate::model::Attributes;

macro_rules! spaces {
    ($($space:ident $name:literal),* $(,)?) => {
        /// A name space that some convention uses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Space {
            $(#[doc = concat!("`", $name, "`")] $space),*
        }

        impl Space {
            /// How many there are.
            pub(super) const COUNT: usize = [$($name),*].len();

            const ALL: [Self; Self::COUNT] = [$(Self::$space),*];
            pub(super) const NAMES: [&'static str; Self::COUNT] = [$($name),*];
        }
    };
}

spaces! {
    Ag2 "ag2", Agno "agno", Ai "ai", Anthropic "anthropic", Autogen "autogen", Chroma "chroma", ClaudeCode "claude_code",
    Completion "completion", Conversation "conversation", Crewai "crewai", Decision "decision", Dspy "dspy", Embedding "embedding", Enduser "enduser", Entity "entity",
    Events "events", Flue "flue", Gcp "gcp", GenAi "gen_ai", Genkit "genkit", Haystack "haystack", Input "input",
    Langfuse "langfuse", Langsmith "langsmith", Langwatch "langwatch", LiveKit "lk", LlamaIndex "llama_index", Llamaindex "llamaindex",
    Llm "llm", Lmnr "lmnr", Logfire "logfire", Mastra "mastra", Mcp "mcp", Metadata "metadata", Mlflow "mlflow", OpenAi "openai",
    OpenInference "openinference", Openlit "openlit", Output "output", Prompt "prompt", PydanticAi "pydantic_ai",
    Rag "rag", RequestData "request_data", Reranker "reranker", ResponseData "response_data", Retrieval "retrieval",
    SemanticKernel "semantic_kernel", Session "session", Smolagents "smolagents", Spring "spring", Tag "tag", Tanstack "tanstack", Traceloop "traceloop",
    User "user", VectorDb "vector_db", Voltagent "voltagent",
}

impl Space {
    /// The space of a name: what stands before its first dot or colon.
    pub(super) fn of(key: &str) -> Option<Self> {
        // Asked of every attribute of every span: only the few names with the same first letter are compared.
        let letter = key.bytes().next()?.checked_sub(b'a')? as usize;
        let (from, to) = (*BY_FIRST_LETTER.get(letter)?, *BY_FIRST_LETTER.get(letter + 1)?);
        let candidates = Self::NAMES.get(from..to)?;
        let end = key.bytes().position(|byte| byte == b'.' || byte == b':').unwrap_or(key.len());
        let found = candidates.iter().position(|name| *name == &key[..end])?;
        Self::ALL.get(from + found).copied()
    }

    /// Whether `key` is a name of this space with more than one segment.
    fn holds(self, key: &str) -> bool {
        let name = Self::NAMES[self as usize];
        matches!(key.as_bytes().get(name.len()), Some(b'.' | b':')) && key.starts_with(name)
    }
}

/// Where the names with each letter begin, and after the last letter how many names there are; the names are in order.
const BY_FIRST_LETTER: [usize; 27] = {
    let mut begins = [0; 27];
    let mut letter = 0;
    while letter < begins.len() {
        let mut before = 0;
        while before < Space::COUNT && ((Space::NAMES[before].as_bytes()[0] - b'a') as usize) < letter {
            before += 1;
        }
        begins[letter] = before;
        letter += 1;
    }
    begins
};

/// The spaces of a span's attributes, so that a family whose names do not occur costs nothing.
#[derive(Debug)]
pub(super) struct Spaces {
    /// One bit a space that occurs.
    occurring: u64,
    /// One bit a name that occurs, by its mark; other names may have the same.
    names: [u64; 4],
    /// Of each attribute.
    each: Vec<Option<Space>>,
}

impl Spaces {
    pub(super) fn of(attributes: &Attributes) -> Self {
        let mut before = None;
        let mut names = [0; 4];
        let each: Vec<Option<Space>> = attributes
            .iter()
            .map(|(key, _)| {
                // Mostly that of the name before.
                let mark = mark(key);
                names[usize::from(mark / 64)] |= 1 << (mark % 64);
                before = before.filter(|space: &Space| space.holds(key)).or_else(|| Space::of(key));
                before
            })
            .collect();
        let occurring = each.iter().flatten().fold(0, |bits, space| bits | Self::bit(*space));
        Self { occurring, names, each }
    }

    /// False for most names that do not occur; true for all that do.
    pub(super) fn may_contain(&self, key: &str) -> bool {
        let mark = mark(key);
        self.names[usize::from(mark / 64)] >> (mark % 64) & 1 == 1
    }

    pub(super) fn has_any(&self, spaces: &[Space]) -> bool {
        spaces.iter().any(|space| self.occurring & Self::bit(*space) != 0)
    }

    /// The space of each attribute, in their order.
    pub(super) fn each(&self) -> impl Iterator<Item = Option<Space>> {
        self.each.iter().copied()
    }

    fn bit(space: Space) -> u64 {
        const { assert!(Space::COUNT <= u64::BITS as usize, "one bit a space") };
        1 << space as u32
    }
}

/// A number that names which differ mostly differ in.
fn mark(key: &str) -> u8 {
    let bytes = key.as_bytes();
    let (Some(last), Some(middle)) = (bytes.last(), bytes.get(bytes.len() / 2)) else { return 0 };
    last.wrapping_mul(7).wrapping_add(middle.wrapping_mul(31)).wrapping_add(bytes.len() as u8)
}

/// Things by the space of their name.
#[derive(Debug)]
pub(super) struct BySpace<T>(Vec<T>);

impl<T> BySpace<Vec<(&'static str, T)>> {
    /// Named things, those of each space together and in their order; a name outside all spaces is left out.
    pub(super) fn group(things: impl Iterator<Item = (&'static str, T)>) -> Self {
        let mut groups: Vec<_> = (0..Space::COUNT).map(|_| Vec::new()).collect();
        for (name, thing) in things {
            if let Some(space) = Space::of(name) {
                groups[space as usize].push((name, thing));
            }
        }
        Self(groups)
    }
}

impl<T> BySpace<T> {
    /// Something else made of what each space holds.
    pub(super) fn map<U>(self, make: impl Fn(T) -> U) -> BySpace<U> {
        BySpace(self.0.into_iter().map(make).collect())
    }

    /// What belongs to `space`.
    pub(super) fn get(&self, space: Space) -> &T {
        &self.0[space as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_is_found_by_its_name() {
        assert!(Space::NAMES.is_sorted());
        for (space, name) in Space::ALL.into_iter().zip(Space::NAMES) {
            assert_eq!(Space::of(&format!("{name}.x")), Some(space));
        }
    }

    #[test]
    fn the_first_segment_decides() {
        assert_eq!(Space::of("gen_ai.input.messages"), Some(Space::GenAi));
        assert_eq!(Space::of("genkit:metadata:subtype"), Some(Space::Genkit));
        assert_eq!(Space::of("input"), Some(Space::Input));
        assert_eq!(Space::of("generic.thing"), None);
        for key in ["", ".", "Gen_ai.x", "zebra", "\u{e4}ther"] {
            assert_eq!(Space::of(key), None, "{key}");
        }
    }

    #[test]
    fn only_spaces_that_occur_are_there() {
        let mut attributes = Attributes::default();
        attributes.push("llm.model_name", "m");
        attributes.push("http.route", "/");
        assert!(Spaces::of(&attributes).has_any(&[Space::Ai, Space::Llm]));
        assert!(!Spaces::of(&attributes).has_any(&[Space::Ai, Space::GenAi]));
    }

    proptest::proptest! {
        #[test]
        fn no_name_that_occurs_is_passed_over(keys in proptest::collection::vec(".{0,40}", 0..40)) {
            let mut attributes = Attributes::default();
            for key in &keys {
                attributes.push(key.as_str(), "x");
            }
            let spaces = Spaces::of(&attributes);
            proptest::prop_assert!(keys.iter().all(|key| spaces.may_contain(key)));
        }
    }
}
