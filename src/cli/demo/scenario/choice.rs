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
    /// Version 2.4 of the application answers worse than 2.3.
    ReleaseWorse,
    /// Version 2.4 answers better.
    ReleaseBetter,
    /// Version 2.4 answers as well as 2.3, and is asked harder questions.
    MixOnly,
}

/// What is true of two releases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Releases {
    /// The share of good answers to easy and to hard questions, of 2.3 and of 2.4.
    pub(super) good: [[f64; 2]; 2],
    /// The share of hard questions that 2.3 and 2.4 are asked.
    pub(super) hard: [f64; 2],
    pub(super) story: &'static str,
}

impl Scenario {
    /// The right answer of the report: which cause, if any.
    pub(super) fn truth(self) -> Option<Attribution> {
        match self {
            Self::JudgeDrift | Self::JudgeRepaired => Some(Attribution::JudgeModel),
            Self::InputShift => Some(Attribution::InputMix),
            Self::RaterDrift => Some(Attribution::Raters),
            Self::Healthy | Self::ReleaseWorse | Self::ReleaseBetter | Self::MixOnly => None,
        }
    }

    /// What is true of two releases, where the scenario is about them.
    pub(super) fn releases(self) -> Option<Releases> {
        match self {
            Self::ReleaseWorse => Some(Releases {
                good: [[0.95, 0.75], [0.85, 0.60]],
                hard: [0.2, 0.2],
                story: "2.4 answers worse: 91 % of the answers of 2.3 are good, 80 % of those of 2.4",
            }),
            Self::ReleaseBetter => Some(Releases {
                good: [[0.85, 0.60], [0.95, 0.75]],
                hard: [0.2, 0.2],
                story: "2.4 answers better: 80 % of the answers of 2.3 are good, 91 % of those of 2.4",
            }),
            Self::MixOnly => Some(Releases {
                good: [[0.95, 0.65], [0.95, 0.65]],
                hard: [0.2, 0.6],
                story: "both answer alike, but contracts, the hard questions, grow from 20 % to 60 %: 89 % of the answers of 2.3 are \
                        good, 77 % of those of 2.4",
            }),
            Self::JudgeDrift | Self::JudgeRepaired | Self::InputShift | Self::RaterDrift | Self::Healthy => None,
        }
    }
}
