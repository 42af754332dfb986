//! Messages of a conversation with a model, independent of who recorded them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions by the application.
    System,
    /// The person (or the application on a person's behalf).
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// Any other role, as the producer wrote it.
    #[serde(untagged)]
    Other(String),
}

impl Role {
    /// Reads any producer's name for a role (`human`, `ai`, `model`, `developer`, `AIMessageChunk`, …).
    pub fn parse(name: &str) -> Self {
        match name {
            "system" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            _ => Self::parse_any_spelling(name),
        }
    }

    fn parse_any_spelling(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "system" | "developer" | "systemmessage" | "systemmessagechunk" => Self::System,
            "user" | "human" | "humanmessage" | "humanmessagechunk" => Self::User,
            "assistant" | "ai" | "model" | "bot" | "aimessage" | "aimessagechunk" => Self::Assistant,
            "tool" | "function" | "toolmessage" | "toolmessagechunk" | "functionmessage" => Self::Tool,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The role's name as `inspect` and the rubrics show it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(name) => name,
        }
    }
}

/// A model's request to call a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The call's id, when the provider gave one.
    pub id: Option<String>,
    pub name: String,
    /// The arguments, parsed from JSON text where that is what they were; text that does not parse stays text.
    pub arguments: Json,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// What is said, unchanged.
    Text { text: String },
    /// What the model thought before it spoke; never part of the answer.
    Reasoning { text: String },
    /// A request to call a tool.
    ToolCall(ToolCall),
    /// The result of a tool call.
    ToolResult {
        /// The id of the call it answers.
        id: Option<String>,
        /// The tool's name, where it is told.
        name: Option<String>,
        /// The result, as the model saw it.
        text: String,
    },
    /// An image, sound, video or file: named, not shown to judges that read text.
    Media {
        /// `image`, `audio`, `video`, `document` or what the producer said.
        modality: String,
        /// The media type, when told.
        mime_type: Option<String>,
        /// A URI or file id; inline bytes are dropped.
        reference: Option<String>,
    },
    /// Anything else, by its own type name.
    Other {
        /// The producer's name for the part's type.
        kind: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// A participant's name, when told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its parts in order.
    pub parts: Vec<Part>,
    /// Why the model stopped, on output messages that carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

impl Message {
    /// A message of one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, name: None, parts: vec![Part::Text { text: text.into() }], finish_reason: None }
    }

    /// The text parts, unchanged and with nothing between them (a streamed answer has a part for each piece); the
    /// results of several tools stand on lines of their own. `None` when there is no text part.
    /// Tool results count as the text of their message, reasoning does not.
    pub fn joined_text(&self) -> Option<String> {
        let mut joined: Option<String> = None;
        let mut after_result = false;
        for part in &self.parts {
            let (text, is_result) = match part {
                Part::Text { text } => (text, false),
                Part::ToolResult { text, .. } => (text, true),
                _ => continue,
            };
            match &mut joined {
                Some(said) => {
                    if is_result || after_result {
                        said.push('\n');
                    }
                    said.push_str(text);
                }
                None => joined = Some(text.clone()),
            }
            after_result = is_result;
        }
        joined
    }

    /// The tool calls it asks for.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// The id of the tool call this message answers.
    pub fn tool_call_id(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::ToolResult { id, .. } => id.as_deref(),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_every_producer_become_four() {
        assert_eq!(Role::parse("AIMessageChunk"), Role::Assistant);
        assert_eq!(Role::parse("developer"), Role::System);
        assert_eq!(Role::parse("unknown"), Role::Other("unknown".into()));
    }

    #[test]
    fn reasoning_is_not_part_of_what_is_said() {
        let message = Message {
            role: Role::Assistant,
            name: None,
            parts: vec![Part::Reasoning { text: "hm".into() }, Part::Text { text: "Yes.".into() }],
            finish_reason: None,
        };
        assert_eq!(message.joined_text().as_deref(), Some("Yes."));
    }

    #[test]
    fn a_role_survives_json() {
        for role in [Role::User, Role::Other("critic".into())] {
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
    }
}
