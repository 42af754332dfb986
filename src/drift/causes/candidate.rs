//! What may have caused a fall, and what speaks for it.

use serde::{Deserialize, Serialize};

use crate::model::{Attribution, named_enum};
use crate::statistics::Estimate;

named_enum! {
    /// What the evidence says of a cause.
    pub enum Standing {
        /// It moved, beyond chance.
        Shown = "shown",
        /// Nothing shows it and nothing excludes it.
        Possible = "possible",
        /// Its interval excludes that it made the fall.
        Excluded = "excluded",
    }
}

/// A cause, and the change of agreement that it made by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The cause.
    pub cause: Attribution,
    /// What the evidence says of it.
    pub standing: Standing,
    /// The change of agreement by it alone, with its interval; the reason where that is not known.
    pub change: Estimate,
    /// What that is told from, or what is missing.
    pub why: String,
}
