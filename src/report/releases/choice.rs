//! Which two sides somebody means.

use super::input::versions;
use super::sides::{By, Sides};
use crate::config::TimeArg;
use crate::store::{Store, StoreError};

/// What was asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Choice<'a> {
    /// What tells the sides apart; `service.version` where it is empty.
    pub by: &'a str,
    pub old: Option<&'a str>,
    pub new: Option<&'a str>,
    /// Only what was observed since, milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
}

/// Why there are no two sides.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    #[error("nothing was judged with {by} = {value}; {}", list(.known))]
    Unknown { by: String, value: String, known: Vec<String> },
    #[error("there are not two values of {by} to compare; {}", list(.known))]
    NoTwo { by: String, known: Vec<String> },
    #[error("name both sides, the old and the new; {}", list(.known))]
    OneSide { known: Vec<String> },
    #[error("`{written}` is no moment: {problem}; by time takes one, such as 2026-01-31 or 7d")]
    Moment { written: String, problem: String },
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
}

/// The newest of the values that are known.
fn list(known: &[String]) -> String {
    const SHOWN: usize = 10;
    if known.is_empty() {
        return "no answer that was judged has one".to_owned();
    }
    let newest: Vec<&str> = known.iter().rev().take(SHOWN).map(String::as_str).collect();
    format!("there is: {}", newest.join(", "))
}

impl Choice<'_> {
    fn by(&self) -> By {
        match self.by {
            "" | By::SERVICE_VERSION => By::ServiceVersion,
            By::PROMPT_VERSION => By::PromptVersion,
            By::TIME => By::Time,
            segment => By::Segment(segment.to_owned()),
        }
    }

    /// The sides; without names the two that came last. Beside them the values that there are, the oldest first.
    pub async fn sides(&self, store: &Store) -> Result<(Sides, Vec<String>), ChoiceError> {
        let by = self.by();
        if by == By::Time {
            return Ok((self.around(store.now_ms())?, Vec::new()));
        }
        let known = versions(store, &by).await?;
        let (old, new) = match (self.old, self.new, known.as_slice()) {
            (Some(old), Some(new), _) => (old.to_owned(), new.to_owned()),
            (None, None, [.., old, new]) => (old.clone(), new.clone()),
            (None, None, _) => return Err(ChoiceError::NoTwo { by: by.name().to_owned(), known }),
            (Some(_), None, _) | (None, Some(_), _) => return Err(ChoiceError::OneSide { known }),
        };
        if let Some(unknown) = [&old, &new].into_iter().find(|value| !known.contains(value)) {
            return Err(ChoiceError::Unknown { by: by.name().to_owned(), value: unknown.clone(), known });
        }
        Ok((Sides::of_values(by, &old, &new, self.since_ms), known))
    }

    fn around(&self, now_ms: i64) -> Result<Sides, ChoiceError> {
        let written = self.old.or(self.new).unwrap_or_default();
        let problem = |problem: String| ChoiceError::Moment { written: written.to_owned(), problem };
        if self.old.is_some() && self.new.is_some() {
            return Err(problem("there are two".to_owned()));
        }
        let moment: TimeArg = written.parse().map_err(|error| problem(format!("{error}")))?;
        Ok(Sides::around(moment.ms(now_ms), written, self.since_ms))
    }
}
