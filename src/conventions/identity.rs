//! Whose conversation a span belongs to, and the tags and metadata that came with it: carriers shared by all families.

use super::node::{Node, Parsed, parse};
use super::source::Source;
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
    "voltagent.conversation_id",
    "gen_ai.thread.id",
];

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

const TAGS: &[&str] =
    &["tag.tags", "langfuse.trace.tags", "langsmith.span.tags", "logfire.tags", "ai.telemetry.metadata.tags"];

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

/// Reads them in one pass over the attributes.
pub(crate) fn identity(source: &Source<'_>) -> Identity {
    let mut found = Identity::default();
    let (mut session_rank, mut user_rank) = (usize::MAX, usize::MAX);
    for (key, value) in source.span.attributes.iter() {
        rank_in(SESSION, key, value, &mut session_rank, &mut found.session_id);
        rank_in(USER, key, value, &mut user_rank, &mut found.user_id);
        if TAGS.contains(&key) {
            add_tags(value, &mut found.tags);
        } else if let Some(name) = METADATA.iter().find_map(|prefix| key.strip_prefix(prefix)) {
            push(&mut found.metadata, name, scalar(value));
        } else if key == "metadata" || key == "langfuse.trace.metadata" || key == "langfuse.observation.metadata" {
            flatten(value, &mut found.metadata);
        }
    }
    // OpenInference and pydantic-ai keep LangChain's thread and user in one JSON attribute.
    let in_metadata = |names: &[&str]| {
        names.iter().find_map(|name| found.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    };
    if found.session_id.is_none() {
        found.session_id = in_metadata(&["thread_id", "session_id", "conversation_id", "ls_thread_id"]);
    }
    if found.user_id.is_none() {
        found.user_id = in_metadata(&["user_id", "langfuse_user_id"]);
    }
    found
}

fn rank_in(names: &[&str], key: &str, value: &Value, best: &mut usize, slot: &mut Option<String>) {
    if let Some(rank) = names.iter().position(|name| *name == key)
        && rank <= *best
    {
        let text = scalar(value);
        if !text.is_empty() {
            *best = rank;
            *slot = Some(text);
        }
    }
}

/// A value as text, a JSON-quoted string without its quotes.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with('"') => match parse(text) {
            Parsed::Tree(Node::Str(inner)) => inner.into_owned(),
            _ => text.clone(),
        },
        other => other.display(),
    }
}

/// Tags come as a list, as JSON of a list, or joined by commas (LangSmith).
fn add_tags(value: &Value, tags: &mut Vec<String>) {
    let node = match value {
        Value::String(text) => match parse(text) {
            Parsed::Tree(node) => node,
            _ => Node::List(text.split(',').map(|tag| Node::Str(tag.trim().into())).collect()),
        },
        other => Node::of_value(other),
    };
    for tag in node.as_list().unwrap_or_default() {
        let tag = tag.to_text();
        if !tag.is_empty() && !tags.contains(&tag) && tags.len() < MAX_METADATA {
            tags.push(tag);
        }
    }
}

fn flatten(value: &Value, metadata: &mut Vec<(String, String)>) {
    let node = match value {
        Value::String(text) => match parse(text) {
            Parsed::Tree(node) => node,
            _ => return,
        },
        other => Node::of_value(other),
    };
    if let Node::Map(entries) = node {
        for (key, value) in entries {
            push(metadata, &key, value.to_text());
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
