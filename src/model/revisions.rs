//! Revisions of what a judge is shown: scores of two revisions are two measurements.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The revision of the reading: what normalisation and assembly make of the same spans and log records.
///
/// Raise it with every change after which unchanged records give a subject another content, or a subject that they did not
/// give before; once between two releases is enough, then only the test's expectation changes. Late records then supersede
/// nothing for that difference alone, series of scores get a break, and anchors are judged again. The test
/// `what_is_read_from_fixed_spans_is_pinned` tells when that is the case.
pub const READING_REVISION: u32 = 2;

/// The revision of the rendering: the words that judged itself adds to a rubric, the form of data blocks (their random keys
/// aside) and the schema of the reply.
///
/// Raise it with every change after which the same rubric and subject give another prompt or schema. The test
/// `what_a_judge_is_sent_is_pinned` tells when that is the case. 2: one member holds the verdict or the abstention, levels are
/// texts, and the length of the rationale is named.
pub const RENDERING_REVISION: u32 = 2;

/// The revision of every release that kept none: rows without one are counted under it.
const FIRST: u32 = 1;

/// The revisions behind a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revisions {
    /// Of the reading that assembled what was judged.
    pub reading: u32,
    /// Of the rendering that made a prompt of it.
    pub rendering: u32,
}

impl Revisions {
    /// The revisions of releases that kept none.
    pub const FIRST: Self = Self { reading: FIRST, rendering: FIRST };

    /// From columns in which releases that kept none left nothing.
    pub fn stored(reading: Option<i64>, rendering: Option<i64>) -> Self {
        let revision = |stored: Option<i64>| stored.and_then(|number| u32::try_from(number).ok()).unwrap_or(FIRST);
        Self { reading: revision(reading), rendering: revision(rendering) }
    }
}

impl fmt::Display for Revisions {
    /// `2.1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.reading, self.rendering)
    }
}
