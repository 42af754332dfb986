//! One row of the table of causes, and when it fits.

use super::cause::Cause;

/// What a row looks at, all in lower case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) status: u16,
    pub(super) codes: &'a [String],
    pub(super) words: &'a str,
    /// Whether it says how long to wait.
    pub(super) says_wait: bool,
}

/// One row: any of `codes` or `says` (where there are any), and one of `with`, and none of `without`.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is about, for the log and for its examples.
    pub(super) name: &'static str,
    pub(super) cause: Cause,
    on: &'static [(u16, u16)],
    codes: &'static [&'static str],
    says: &'static [&'static str],
    with: &'static [&'static str],
    without: &'static [&'static str],
    needs: Option<fn(&Facts<'_>) -> bool>,
}

const ANY: &[(u16, u16)] = &[(300, 999)];

impl Row {
    pub(super) const fn new(name: &'static str, cause: Cause) -> Self {
        Self { name, cause, on: ANY, codes: &[], says: &[], with: &[], without: &[], needs: None }
    }

    pub(super) const fn on(self, on: &'static [(u16, u16)]) -> Self {
        Self { on, ..self }
    }

    pub(super) const fn codes(self, codes: &'static [&'static str]) -> Self {
        Self { codes, ..self }
    }

    pub(super) const fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    pub(super) const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    pub(super) const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }

    pub(super) const fn needs(self, needs: fn(&Facts<'_>) -> bool) -> Self {
        Self { needs: Some(needs), ..self }
    }

    /// What its phrases say, each with a status and with what else it asks for.
    #[cfg(test)]
    pub(super) fn sayings(&self) -> impl Iterator<Item = (&'static str, Vec<u16>, String)> {
        let statuses: Vec<u16> = self.on.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let with = self.with.first().copied().unwrap_or_default();
        self.says.iter().map(move |phrase| (*phrase, statuses.clone(), format!("{phrase} {with}")))
    }

    /// Phrases that speak against it.
    #[cfg(test)]
    pub(super) fn excluding(&self) -> &'static [&'static str] {
        self.without
    }

    pub(super) fn fits(&self, facts: &Facts<'_>) -> bool {
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| facts.words.contains(phrase));
        let has_code = || self.codes.iter().any(|code| facts.codes.iter().any(|said| said == code));
        self.on.iter().any(|(from, to)| (*from..=*to).contains(&facts.status))
            && ((self.codes.is_empty() && self.says.is_empty()) || has_code() || says(self.says))
            && (self.with.is_empty() || says(self.with))
            && !says(self.without)
            && self.needs.is_none_or(|holds| holds(facts))
    }
}
