//! What the recognisers find in a text.

use crate::config::privacy::Kind;

/// A value and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
}

/// A kind that judged knows, or the user's pattern of that index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    Kind(Kind),
    Pattern(usize),
}

impl Finding {
    pub(super) fn new(start: usize, end: usize, kind: Kind) -> Self {
        Self { start, end, what: What::Kind(kind) }
    }
}
