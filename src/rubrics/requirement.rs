//! What a rubric needs a subject to have before it can be judged.

use crate::model::{CutPart, CutParts, SubjectContent, SubjectKind, named_enum};

named_enum! {
    /// A part of a subject's content that a rubric cannot do without, in the order in which a missing one is named.
    pub enum Requirement {
        /// What was asked.
        Input = "input",
        /// The answer. A really empty answer is present: it is judged.
        Output = "output",
        /// At least one document with its text.
        Documents = "documents",
        /// At least one offered tool.
        Tools = "tools",
        /// At least one tool call.
        ToolCalls = "tool_calls",
        /// A reference answer.
        Reference = "reference",
        /// At least one step of a trace.
        Steps = "steps",
        /// At least one turn of a session.
        Turns = "turns",
    }
}

impl Requirement {
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

    /// Whether what it is made of was cut off, or may have been; a part that is not known here may be any. Definitions and references are one text each: a limit
    /// leaves nothing of them that could be taken for the whole.
    pub fn is_cut(self, cut: CutParts) -> bool {
        let part = match self {
            Self::Input => CutPart::Input,
            Self::Output => CutPart::Output,
            Self::Documents => CutPart::Documents,
            Self::ToolCalls => CutPart::ToolCalls,
            Self::Steps => CutPart::Steps,
            Self::Turns => CutPart::Turns,
            Self::Tools | Self::Reference => return false,
        };
        cut.contains(part) || cut.contains(CutPart::Unknown)
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
    use crate::model::{Document, Named as _};

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
    fn the_reason_of_a_filter_names_what_is_missing() {
        for requirement in Requirement::ALL {
            assert_eq!(requirement.reason(), format!("no_{}", requirement.as_str()));
        }
    }
}
