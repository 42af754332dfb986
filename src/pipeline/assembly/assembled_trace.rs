//! What assembly knows of one trace.

use crate::model::{Problem, Span, Step};

/// All that is known of one trace.
#[derive(Debug, Clone, Default)]
pub struct AssembledTrace {
    /// Its steps in order of their start; parents before children that started with them.
    pub steps: Vec<Step>,
    /// The raw spans, index by index those of `steps`: what segments are read from.
    pub spans: Vec<Span>,
    /// The position of the root: the earliest step whose parent is not here; `None` without any step.
    pub root: Option<usize>,
    /// The conversation, from the first step that names one.
    pub session_id: Option<String>,
    /// The deployment environment, from the first span that names one.
    pub environment: Option<String>,
    /// What is wrong with the trace as a whole.
    pub problems: Vec<Problem>,
}
