//! A fall as a chart marks it.

use crate::model::Moment;

/// When agreement fell and was back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fell {
    /// When the evidence crossed its threshold.
    pub noticed: Moment,
    /// When it was seen to be back; none while it stands.
    pub back: Option<Moment>,
}
