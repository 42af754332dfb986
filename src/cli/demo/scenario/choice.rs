//! The scenarios there are, and the right answer to each.

use clap::ValueEnum;

use crate::drift::Attribution;

/// What happens half-way through the simulated weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Scenario {
    /// The provider replaces the judge's model silently.
    JudgeDrift,
    /// A kind of question at which the judge is worse becomes the commonest.
    InputShift,
    /// The provider replaces the judge's model silently, and two weeks later somebody puts it back.
    JudgeRepaired,
    /// People change their minds about what is good.
    RaterDrift,
    /// Nothing moves.
    Healthy,
}

impl Scenario {
    /// The right answer of the report: which cause, if any.
    pub(super) fn truth(self) -> Option<Attribution> {
        match self {
            Self::JudgeDrift | Self::JudgeRepaired => Some(Attribution::JudgeModel),
            Self::InputShift => Some(Attribution::InputMix),
            Self::RaterDrift => Some(Attribution::Raters),
            Self::Healthy => None,
        }
    }
}
