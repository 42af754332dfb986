//! The two sides of a comparison, and what belongs to which.

use crate::cells::{PartKey, ValueOf, release_of, segment_values};
use crate::model::{HOUR_MS, hour_of};
use crate::store::{EvaluationFilter, ScoredEvaluation};

/// What tells the sides apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    ServiceVersion,
    PromptVersion,
    /// A segment, `model` (which model answered) among them.
    Segment(String),
    /// Before and after the beginning of an hour.
    Time,
}

impl By {
    pub const SERVICE_VERSION: &str = "service.version";
    pub const PROMPT_VERSION: &str = "prompt.version";
    pub const TIME: &str = "time";

    /// As it is written.
    pub fn name(&self) -> &str {
        match self {
            Self::ServiceVersion => Self::SERVICE_VERSION,
            Self::PromptVersion => Self::PROMPT_VERSION,
            Self::Segment(name) => name,
            Self::Time => Self::TIME,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Old,
    New,
}

/// Two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    by: By,
    old: String,
    new: String,
    /// Only hours from this one on, since the Unix epoch.
    from: i64,
    /// The first hour of the new side, where time tells them apart.
    split: Option<i64>,
}

impl Sides {
    /// Two values of what tells the sides apart, of hours since `since_ms`.
    pub fn of_values(by: By, old: &str, new: &str, since_ms: Option<i64>) -> Self {
        let from = since_ms.map_or(i64::MIN, hour_of);
        Self { by, old: old.to_owned(), new: new.to_owned(), from, split: None }
    }

    /// Before and after the hour of `at_ms`.
    pub fn around(at_ms: i64, written: &str, since_ms: Option<i64>) -> Self {
        let split = hour_of(at_ms);
        let from = since_ms.map_or(i64::MIN, hour_of);
        let (old, new) = (format!("before {written}"), format!("since {written}"));
        Self { by: By::Time, old, new, from, split: Some(split) }
    }

    pub fn name(&self, side: Side) -> &str {
        match side {
            Side::Old => &self.old,
            Side::New => &self.new,
        }
    }

    /// What tells the sides apart.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// The hours of a side that are read; none for all of them.
    pub(super) fn hours(&self, side: Side) -> Option<std::ops::Range<i64>> {
        match (self.split, side) {
            (Some(split), Side::Old) => Some(self.from..split),
            (Some(split), Side::New) => Some(split.max(self.from)..i64::MAX),
            (None, _) if self.from == i64::MIN => None,
            (None, _) => Some(self.from..i64::MAX),
        }
    }

    /// Whether parts can be told by segment beside this: cells know a segment of a release, and no segment of a segment.
    pub(super) fn have_segments(&self) -> bool {
        !matches!(self.by, By::Segment(_))
    }

    /// The sides that a part belongs to: both, where the hour tells. Parts of the whole and parts of a segment alike.
    pub(super) fn of_part(&self, part: &PartKey) -> Vec<Side> {
        let of = |value: Option<&str>| {
            let is = |side: Side| value == Some(self.name(side));
            [Side::Old, Side::New].into_iter().filter(|side| is(*side)).collect()
        };
        match (&self.by, &part.release, &part.segment) {
            (By::Time, ..) => vec![Side::Old, Side::New],
            (By::ServiceVersion, ValueOf::One(release), _) => of(release.service_version.as_deref()),
            (By::PromptVersion, ValueOf::One(release), _) => of(release.prompt_version.as_deref()),
            (By::Segment(name), _, Some((segment, ValueOf::One(value)))) if name == segment => of(Some(value)),
            (By::ServiceVersion | By::PromptVersion, ValueOf::Other, _) | (By::Segment(_), ..) => Vec::new(),
        }
    }

    /// The side of a scored answer.
    pub(super) fn of_row(&self, row: &ScoredEvaluation) -> Option<Side> {
        let hour = hour_of(row.observed_at_ms);
        if hour < self.from {
            return None;
        }
        let release = release_of(row.release.service_version.as_deref(), row.release.prompt_version.as_deref());
        let segments = segment_values(row.model.as_deref(), &row.segments);
        let value = match &self.by {
            By::Time => return Some(if Some(hour) < self.split { Side::Old } else { Side::New }),
            By::ServiceVersion => release.service_version.as_deref(),
            By::PromptVersion => release.prompt_version.as_deref(),
            By::Segment(name) => segments.get(name.as_str()).map(AsRef::as_ref),
        };
        [Side::Old, Side::New].into_iter().find(|side| value == Some(self.name(*side)))
    }

    /// The evaluations of a side, as a search finds them.
    pub(super) fn filter(&self, side: Side) -> EvaluationFilter {
        let name = self.name(side).to_owned();
        let since_ms = (self.from > i64::MIN).then(|| self.from.saturating_mul(HOUR_MS));
        let filter = EvaluationFilter { since_ms, ..EvaluationFilter::default() };
        match &self.by {
            By::ServiceVersion => EvaluationFilter { service_version: Some(name), ..filter },
            By::PromptVersion => EvaluationFilter { prompt_version: Some(name), ..filter },
            By::Segment(segment) => EvaluationFilter { segment: Some((segment.clone(), name)), ..filter },
            By::Time => {
                let split_ms = self.split.map(|split| split.saturating_mul(HOUR_MS));
                match side {
                    Side::Old => EvaluationFilter { until_ms: split_ms, ..filter },
                    Side::New => EvaluationFilter { since_ms: split_ms.max(since_ms), ..filter },
                }
            }
        }
    }
}
