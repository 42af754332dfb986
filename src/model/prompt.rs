//! A rendered rubric, ready for a judge.

use serde::{Deserialize, Serialize};

/// The two messages of a judge call. The static part comes first, so that providers' prompt caches work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Instructions: the criterion and the scale.
    pub system: String,
    /// The subject, inside nonce-marked data blocks.
    pub user: String,
}
