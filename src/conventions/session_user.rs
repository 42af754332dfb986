//! Whose conversation a span belongs to, and the tags and metadata that came with it: carriers shared by all families.

use std::sync::LazyLock;

use super::attribute_namespace::BySpace;
use super::json_text::Parsed;
use super::json_tree::Node;
use super::span_view::Source;
use crate::model::{Attributes, Value};

/// Where a conversation id may stand, in the order of trust.
const SESSION: &[&str] = &[
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.conversation_id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.conversation_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.threadId",
    "ai.settings.context.sessionId",
    "gcp.vertex.agent.session_id",
    "mlflow.trace.session",
    "mastra.metadata.threadId",
    "mastra.metadata.sessionId",
    "voltagent.conversation_id",
    "gen_ai.thread.id",
    "gen_ai.session.id",
    "conversation.id",
];

/// Whether an attribute of this name may carry the conversation's id or the user's.
pub(crate) fn names_session_or_user(key: &str) -> bool {
    SESSION.contains(&key) || USER.contains(&key)
}

const USER: &[&str] = &[
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "gen_ai.user",
    "gen_ai.request.user",
    "gen_ai.user.id",
    "langsmith.metadata.user_id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "ai.settings.context.userId",
    "mlflow.trace.user",
    "mastra.metadata.userId",
    "mastra.metadata.resourceId",
    "llm.user",
];

/// Prefixes whose rest is the key of free metadata.
const METADATA: &[&str] = &[
    "langfuse.trace.metadata.",
    "langfuse.observation.metadata.",
    "langsmith.metadata.",
    "traceloop.association.properties.",
    "ai.telemetry.metadata.",
    "ai.settings.context.",
    "mlflow.traceTag.",
    "metadata.",
    "genkit:metadata:context:",
];

const TAGS: &[&str] = &[
    "tag.tags",
    "langfuse.trace.tags",
    "langsmith.span.tags",
    "logfire.tags",
    "ai.telemetry.metadata.tags",
    "mastra.tags",
];

/// Names under which all free metadata stands as one JSON object.
const METADATA_OBJECTS: &[&str] = &["metadata", "langfuse.trace.metadata", "langfuse.observation.metadata"];

/// Metadata pairs kept per span; more than that is a payload, not metadata.
const MAX_METADATA: usize = 128;

/// Session, user, tags and metadata of a span.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Identity {
    pub(crate) session_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Vec<(String, String)>,
}

/// What an attribute of a certain name, or with a certain beginning, carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// A conversation id, with its place in the order of trust.
    Session(usize),
    /// A user id, with its place in the order of trust.
    User(usize),
    Tags,
    /// Metadata whose key is what follows after the name.
    Metadata,
    /// Metadata as one JSON object.
    MetadataObject,
}

/// All carriers; tags come before metadata, whose names they share.
fn carriers() -> impl Iterator<Item = (&'static str, Carrier)> {
    let all = |names: &'static [&'static str], carrier| names.iter().map(move |name| (*name, carrier));
    let sessions = SESSION.iter().enumerate().map(|(rank, name)| (*name, Carrier::Session(rank)));
    let users = USER.iter().enumerate().map(|(rank, name)| (*name, Carrier::User(rank)));
    let metadata = all(METADATA, Carrier::Metadata).chain(all(METADATA_OBJECTS, Carrier::MetadataObject));
    sessions.chain(users).chain(all(TAGS, Carrier::Tags)).chain(metadata)
}

static CARRIERS: LazyLock<BySpace<Carriers>> = LazyLock::new(|| BySpace::group(carriers()).map(Carriers::new));

/// The carriers of one space, and which names need not be compared with any of them.
struct Carriers {
    all: Vec<(&'static str, Carrier)>,
    /// One bit for each length that a carrier's whole name has.
    lengths: u128,
    prefixes: Vec<&'static str>,
}

impl Carriers {
    fn new(all: Vec<(&'static str, Carrier)>) -> Self {
        let (prefixes, names): (Vec<_>, Vec<_>) = all.iter().partition(|(_, carrier)| *carrier == Carrier::Metadata);
        Self {
            lengths: names.iter().fold(0, |bits, (name, _)| bits | 1 << name.len()),
            prefixes: prefixes.into_iter().map(|(prefix, _)| prefix).collect(),
            all,
        }
    }

    /// The carriers that `key` may be.
    fn of(&self, key: &str) -> &[(&'static str, Carrier)] {
        let may_be_name = self.lengths.checked_shr(key.len() as u32).is_some_and(|bits| bits & 1 == 1);
        if may_be_name || self.prefixes.iter().any(|prefix| key.starts_with(prefix)) { &self.all } else { &[] }
    }
}

/// An id, from the most trusted of the carriers seen so far.
struct Trusted {
    rank: usize,
    id: Option<String>,
}

impl Trusted {
    const NONE: Self = Self { rank: usize::MAX, id: None };

    fn offer<'a>(&mut self, source: &Source<'a>, rank: usize, value: &'a Value) {
        if rank <= self.rank {
            let id = scalar(source, value);
            if !id.is_empty() {
                *self = Self { rank, id: Some(id) };
            }
        }
    }
}

/// Reads them in one pass over the attributes.
pub(crate) fn identity(source: &Source<'_>) -> Identity {
    let (mut session, mut user) = (Trusted::NONE, Trusted::NONE);
    let (mut tags, mut metadata) = (Vec::new(), Vec::new());
    for (space, key, value) in source.spaced() {
        for (name, carrier) in CARRIERS.get(space).of(key) {
            match carrier {
                Carrier::Session(rank) if key == *name => session.offer(source, *rank, value),
                Carrier::User(rank) if key == *name => user.offer(source, *rank, value),
                Carrier::Tags if key == *name => {
                    add_tags(source, value, &mut tags);
                    break;
                }
                Carrier::Metadata => {
                    if let Some(rest) = key.strip_prefix(name) {
                        push(&mut metadata, rest, scalar(source, value));
                    }
                }
                Carrier::MetadataObject if key == *name => flatten(source, value, &mut metadata),
                Carrier::Session(_) | Carrier::User(_) | Carrier::Tags | Carrier::MetadataObject => {}
            }
        }
    }
    // OpenInference and pydantic-ai keep LangChain's thread and user in one JSON attribute.
    let in_metadata = |names: &[&str]| {
        names.iter().find_map(|name| metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    };
    let session_id =
        session.id.or_else(|| in_metadata(&["thread_id", "session_id", "conversation_id", "ls_thread_id"]));
    let user_id = user.id.or_else(|| in_metadata(&["user_id", "langfuse_user_id"]));
    Identity { session_id, user_id, tags, metadata }
}

/// A value as text, a JSON-quoted string without its quotes.
fn scalar<'a>(source: &Source<'a>, value: &'a Value) -> String {
    match value {
        Value::String(text) if text.starts_with('"') => match source.parse(text) {
            Parsed::Tree(Node::Str(inner)) => inner.to_owned(),
            _ => text.clone(),
        },
        other => other.display(),
    }
}

/// Tags come as a list, as JSON of a list, or joined by commas (LangSmith).
fn add_tags<'a>(source: &Source<'a>, value: &'a Value, tags: &mut Vec<String>) {
    let node = match value {
        Value::String(text) => match source.parse(text) {
            Parsed::Tree(node) => node,
            _ => return text.split(',').for_each(|tag| add_tag(tag.trim(), tags)),
        },
        other => source.of_value(other),
    };
    for tag in node.as_list().unwrap_or_default() {
        add_tag(&tag.to_text(), tags);
    }
}

fn add_tag(tag: &str, tags: &mut Vec<String>) {
    if !tag.is_empty() && tags.len() < MAX_METADATA && !tags.iter().any(|known| known == tag) {
        tags.push(tag.to_owned());
    }
}

fn flatten<'a>(source: &Source<'a>, value: &'a Value, metadata: &mut Vec<(String, String)>) {
    let node = match value {
        Value::String(text) => match source.parse(text) {
            Parsed::Tree(node) => node,
            _ => return,
        },
        other => source.of_value(other),
    };
    if let Node::Map(entries) = node {
        for (key, value) in entries {
            push(metadata, key, value.to_text());
        }
    }
}

fn push(metadata: &mut Vec<(String, String)>, key: &str, value: String) {
    if metadata.len() < MAX_METADATA && !value.is_empty() {
        metadata.push((key.to_owned(), value));
    }
}

/// The environment that a span or its resource names.
pub fn environment(span: &Attributes, resource: &Attributes) -> Option<String> {
    const NAMES: [&str; 5] = [
        "deployment.environment.name",
        "deployment.environment",
        "langfuse.environment",
        "gen_ai.environment",
        "logfire.environment",
    ];
    NAMES.iter().find_map(|name| span.str(name).or_else(|| resource.str(name))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::attribute_namespace::Space;
    use super::*;

    #[test]
    fn no_carrier_is_outside_the_spaces_that_are_looked_at() {
        for (name, _) in carriers() {
            assert!(Space::of(name).is_some(), "{name}");
        }
    }
}
