//! The aliases that `judged rubrics promote` moves.

use clap::ValueEnum;

use crate::model::{CANDIDATE, PRODUCTION};

/// The aliases that mean something to judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Alias {
    /// The version that judges.
    Production,
    /// A version that judges the same subjects beside production, as a series of its own.
    Candidate,
}

impl Alias {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Production => PRODUCTION,
            Self::Candidate => CANDIDATE,
        }
    }
}
