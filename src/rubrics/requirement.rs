//! What a rubric needs a subject to have before it can be judged.

use crate::model::{SubjectContent, SubjectKind};

/// A part of a subject's content that a rubric cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// What was asked.
    Input,
    /// The answer. A really empty answer is present: it is judged.
    Output,
    /// At least one document with its text.
    Documents,
    /// At least one offered tool.
    Tools,
    /// At least one tool call.
    ToolCalls,
    /// A reference answer.
    Reference,
    /// At least one step of a trace.
    Steps,
    /// At least one turn of a session.
    Turns,
}

impl Requirement {
    /// Every requirement, in the order in which a missing one is named.
    pub const ALL: [Self; 8] = [
        Self::Input,
        Self::Output,
        Self::Documents,
        Self::Tools,
        Self::ToolCalls,
        Self::Reference,
        Self::Steps,
        Self::Turns,
    ];

    /// The name in `requires:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Documents => "documents",
            Self::Tools => "tools",
            Self::ToolCalls => "tool_calls",
            Self::Reference => "reference",
            Self::Steps => "steps",
            Self::Turns => "turns",
        }
    }

    /// Reads back [`Requirement::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|requirement| requirement.as_str() == name)
    }

    /// Why a subject without it is filtered: a stable, low-cardinality code.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Input => "no_input",
            Self::Output => "no_output",
            Self::Documents => "no_documents",
            Self::Tools => "no_tools",
            Self::ToolCalls => "no_tool_calls",
            Self::Reference => "no_reference",
            Self::Steps => "no_steps",
            Self::Turns => "no_turns",
        }
    }

    /// Whether `content` has it. Documents of which only the ids were recorded cannot be judged by.
    pub fn met_by(self, content: &SubjectContent) -> bool {
        match self {
            Self::Input => content.input.is_some(),
            Self::Output => content.output.is_some(),
            Self::Documents => content.documents.iter().any(|document| document.text.is_some()),
            Self::Tools => !content.tools.is_empty(),
            Self::ToolCalls => !content.tool_calls.is_empty(),
            Self::Reference => content.reference.is_some(),
            Self::Steps => !content.steps.is_empty(),
            Self::Turns => !content.turns.is_empty(),
        }
    }

    /// The only kind of subject that can have it, where there is one.
    pub fn only_of(self) -> Option<SubjectKind> {
        match self {
            Self::Steps => Some(SubjectKind::Trace),
            Self::Turns => Some(SubjectKind::Session),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Document;

    #[test]
    fn an_empty_answer_is_an_answer() {
        let empty = SubjectContent { output: Some(String::new()), ..SubjectContent::default() };
        assert!(Requirement::Output.met_by(&empty));
        assert!(!Requirement::Output.met_by(&SubjectContent::default()));
    }

    #[test]
    fn documents_without_text_do_not_count() {
        let ids_only = SubjectContent {
            documents: vec![Document { id: Some("kb-1".into()), ..Document::default() }],
            ..SubjectContent::default()
        };
        assert!(!Requirement::Documents.met_by(&ids_only));
    }

    #[test]
    fn names_read_back() {
        for requirement in Requirement::ALL {
            assert_eq!(Requirement::parse(requirement.as_str()), Some(requirement));
            assert_eq!(requirement.reason(), format!("no_{}", requirement.as_str()));
        }
    }
}
