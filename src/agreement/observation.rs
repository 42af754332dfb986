//! What statistics see of a labelled item, whatever it was read from.

use super::clusters::ClusterId;

/// Where a verdict lies on a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Index of the category; 0 on a numeric scale.
    pub category: usize,
    /// The number: of the level, 0 or 1 on a binary scale, the index of a named level.
    pub number: f64,
}

/// What a judge, a person or several people together said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// A place on the scale, and on which side of the threshold it lies where the scale has one.
    Placed {
        place: Place,
        /// Whether it passes.
        pass: Option<bool>,
    },
    /// Only the side of the threshold: somebody said pass or fail and no level, or people agree on no more than that.
    Side(bool),
}

impl Verdict {
    /// Where it lies; none where only the side is known.
    pub fn place(self) -> Option<Place> {
        match self {
            Self::Placed { place, .. } => Some(place),
            Self::Side(_) => None,
        }
    }

    /// Whether it passes; none where the scale has no threshold.
    pub fn pass(self) -> Option<bool> {
        match self {
            Self::Placed { pass, .. } => pass,
            Self::Side(pass) => Some(pass),
        }
    }
}

/// One item as both sides see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The item: its index among those that were read.
    pub item: usize,
    /// What it depends on.
    pub cluster: ClusterId,
    /// How many items it stands for, up to a factor that all share: 1 / the probability with which it was drawn.
    pub weight: f64,
    pub judge: Verdict,
    pub human: Verdict,
}
