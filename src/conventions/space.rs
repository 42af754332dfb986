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

            fn named(segment: &str) -> Option<Self> {
                match segment {
                    $($name => Some(Self::$space),)*
                    _ => None,
                }
            }
        }
    };
}

spaces! {
    Agno "agno", Ai "ai", Anthropic "anthropic", Autogen "autogen", Chroma "chroma", ClaudeCode "claude_code",
    Completion "completion", Crewai "crewai", Dspy "dspy", Embedding "embedding", Enduser "enduser", Entity "entity",
    Events "events", Flue "flue", Gcp "gcp", GenAi "gen_ai", Genkit "genkit", Haystack "haystack", Input "input",
    Langfuse "langfuse", Langsmith "langsmith", LiveKit "lk", LlamaIndex "llama_index", Llamaindex "llamaindex",
    Llm "llm", Lmnr "lmnr", Logfire "logfire", Metadata "metadata", Mlflow "mlflow", OpenAi "openai",
    OpenInference "openinference", Openlit "openlit", Output "output", Prompt "prompt", PydanticAi "pydantic_ai",
    Rag "rag", RequestData "request_data", Reranker "reranker", ResponseData "response_data", Retrieval "retrieval",
    SemanticKernel "semantic_kernel", Session "session", Smolagents "smolagents", Tag "tag", Traceloop "traceloop",
    User "user", VectorDb "vector_db", Voltagent "voltagent",
}

impl Space {
    /// The space of a name: what stands before its first dot or colon.
    pub(super) fn of(key: &str) -> Option<Self> {
        let end = key.bytes().position(|byte| byte == b'.' || byte == b':').unwrap_or(key.len());
        Self::named(&key[..end])
    }
}

/// The spaces in which a span has attributes, so that a family whose names do not occur costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spaces(u64);

impl Spaces {
    pub(super) fn of(attributes: &Attributes) -> Self {
        let bits =
            attributes.iter().filter_map(|(key, _)| Space::of(key)).fold(0, |bits, space| bits | Self::bit(space));
        Self(bits)
    }

    pub(super) fn has_any(self, spaces: &[Space]) -> bool {
        spaces.iter().any(|space| self.0 & Self::bit(*space) != 0)
    }

    fn bit(space: Space) -> u64 {
        const { assert!(Space::COUNT <= u64::BITS as usize, "one bit a space") };
        1 << space as u32
    }
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
    fn the_first_segment_decides() {
        assert_eq!(Space::of("gen_ai.input.messages"), Some(Space::GenAi));
        assert_eq!(Space::of("genkit:metadata:subtype"), Some(Space::Genkit));
        assert_eq!(Space::of("input"), Some(Space::Input));
        assert_eq!(Space::of("generic.thing"), None);
        assert_eq!(Space::of(""), None);
    }

    #[test]
    fn only_spaces_that_occur_are_there() {
        let mut attributes = Attributes::default();
        attributes.push("llm.model_name", "m");
        attributes.push("http.route", "/");
        assert!(Spaces::of(&attributes).has_any(&[Space::Ai, Space::Llm]));
        assert!(!Spaces::of(&attributes).has_any(&[Space::Ai, Space::GenAi]));
    }
}
