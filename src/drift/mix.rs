//! What comes in and what the judge says about it: segment shares and verdicts, window by window against the baseline.

use std::collections::{BTreeMap, BTreeSet};

use crate::agreement::Kind;
use crate::statistics::distance::chi_squared;
use crate::statistics::two_sample::kolmogorov_smirnov;
use crate::statistics::{CONFIDENCE, Estimate, Interval, distribution, newcombe};

use super::Settings;
use super::history::{Entry, Event, History};
use super::recovery::{Back, Period, Recovery};
use super::stream::Agreement;

/// Entries of one window; also the least size of the baseline here.
const WINDOW: usize = 100;
/// Level that is promised over all windows together.
pub(super) const LEVEL: f64 = 0.01;
/// Level that is spent: the tests are asymptotic, and half of the promise is left for what that costs.
const SPENT: f64 = LEVEL / 2.0;

/// A distribution moved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shift {
    pub(super) since: usize,
    pub(super) detected: usize,
    pub(super) entries: usize,
    /// The attribute whose shares moved; empty for verdicts, and where the only attribute has no name.
    pub(super) attribute: String,
    /// The segment whose share moved most; none for verdicts.
    pub(super) segment: Option<String>,
    pub(super) effect: Estimate,
    pub(super) p: f64,
    pub(super) level: f64,
    /// Its end, where it has one.
    pub(super) back: Option<Back>,
}

impl Shift {
    pub(super) fn period(&self) -> Period {
        Period { since: self.since, until: self.back.map(|back| back.detected) }
    }
}

/// Fresh entries before and after the end of the baseline, which is the entry `until`.
fn split(history: &History, until: usize) -> (Vec<&Event>, Vec<&Event>) {
    let fresh = history.events.iter().filter(|event| !event.anchor && !event.again);
    fresh.partition(|event| event.index <= until)
}

/// Windows in which the segments of some attribute have other shares: chi-squared at levels that sum to 1 % over windows and
/// attributes, and a share that moved by at least twice the tolerance. In order of time: what moved first does not hide what
/// moves later or stays.
pub(super) fn input_shifts(history: &History, entries: &[Entry], until: usize, settings: &Settings) -> Vec<Shift> {
    let attributes: BTreeSet<&str> = entries.iter().flat_map(|entry| entry.parts().map(|(name, _)| name)).collect();
    let tests = attributes.len() as f64;
    let of = |name| shifts_of(history, entries, name, until, tests, settings);
    let mut shifts: Vec<Shift> = attributes.into_iter().flat_map(of).collect();
    shifts.sort_by(|a, b| a.detected.cmp(&b.detected).then_with(|| a.p.total_cmp(&b.p)));
    shifts
}

fn shifts_of(
    history: &History,
    entries: &[Entry],
    attribute: &str,
    until: usize,
    tests: f64,
    settings: &Settings,
) -> Vec<Shift> {
    let (before, after) = split(history, until);
    let count = |events: &[&Event]| {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for name in events.iter().filter_map(|event| entries.get(event.index)?.part(attribute)) {
            *counts.entry(name).or_default() += 1.0;
        }
        counts
    };
    let reference = count(&before);
    let moved = |round: usize, window: &[&Event]| {
        let current = count(window);
        let names: Vec<&String> =
            reference.keys().chain(current.keys().filter(|name| !reference.contains_key(*name))).collect();
        let shares = |counts: &BTreeMap<String, f64>| {
            names.iter().map(|name| counts.get(*name).copied().unwrap_or(0.0)).collect()
        };
        let (r, c): (Vec<f64>, Vec<f64>) = (shares(&reference), shares(&current));
        let (n, m): (f64, f64) = (r.iter().sum(), c.iter().sum());
        let test = chi_squared(&r, &c).ok()?;
        let moved = |index: &usize| (c[*index] / m - r[*index] / n).abs();
        let most = (0..names.len()).max_by(|a, b| moved(a).total_cmp(&moved(b)))?;
        let effect = Estimate::new(Ok(c[most] / m - r[most] / n), newcombe(c[most], m, r[most], n, CONFIDENCE));
        let worth = moved(&most) >= 2.0 * settings.tolerance;
        let found = shift(round, window, test.p * tests, effect).filter(|_| worth)?;
        Some(Shift { attribute: attribute.to_owned(), segment: Some(names[most].clone()), ..found })
    };
    // It is back when the share that moved most is.
    let share = |shift: &Shift, event: &Event| {
        let part = entries.get(event.index)?.part(attribute)?;
        Some(f64::from(u8::from(shift.segment.as_ref() == Some(&part))))
    };
    episodes(&before, &after, moved, share, 2.0 * settings.tolerance, settings.run_length)
}

/// Shift after shift, each watched for its return before the next is looked for. The levels of the windows sum over all
/// episodes, so that the promise is kept over them together.
fn episodes(
    before: &[&Event],
    after: &[&Event],
    moved: impl Fn(usize, &[&Event]) -> Option<Shift>,
    value: impl Fn(&Shift, &Event) -> Option<f64>,
    tolerance: f64,
    run_length: f64,
) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = Vec::new();
    for (round, window) in windows(before, after) {
        let begin = window.first().map_or(0, |event| event.index);
        let over = shifts.last().is_none_or(|shift| shift.back.is_some_and(|back| back.detected < begin));
        if let Some(shift) = moved(round, window).filter(|_| over) {
            let back = returned(&shift, before, after, &value, tolerance, run_length);
            shifts.push(Shift { back, ..shift });
        }
    }
    shifts
}

/// Whether a mean that moved, up or down, is where it was.
fn returned(
    shift: &Shift,
    before: &[&Event],
    after: &[&Event],
    value: &impl Fn(&Shift, &Event) -> Option<f64>,
    tolerance: f64,
    run_length: f64,
) -> Option<Back> {
    let fell = shift.effect.value()? < 0.0;
    // What rose is watched upside down.
    let seen = |event: &&Event| {
        let value = value(shift, event)?;
        let closeness = if fell { value } else { 1.0 - value };
        Some(Agreement { index: event.index, closeness, weight: 1.0 })
    };
    let known: Vec<f64> = before.iter().filter_map(seen).map(|one| one.closeness).collect();
    let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let mut recovery = Recovery::new(shift.since, usual, usual - shift.effect.value()?.abs(), tolerance)?;
    let remains = |recent: &[Agreement]| {
        let recent: Vec<f64> = recent.iter().map(|one| one.closeness).collect();
        mean_difference(&known, &recent, 1.0)
    };
    let mut later = after.iter().filter(|event| event.index > shift.detected).filter_map(seen);
    let back = later.find_map(|label| recovery.observe(label, run_length, remains))?;
    // Upside down, what is missing is too much.
    Some(if fell { back } else { Back { effect: negated(back.effect), ..back } })
}

fn negated(effect: Estimate) -> Estimate {
    match effect {
        Estimate::Interval(value, Interval { low, high }) => {
            Estimate::Interval(-value, Interval { low: -high, high: -low })
        }
        Estimate::Bare(value, reason) => Estimate::Bare(-value, reason),
        Estimate::Undefined(reason) => Estimate::Undefined(reason),
    }
}

/// Windows in which the judge's verdicts are distributed otherwise: chi-squared over categories, or
/// Kolmogorov–Smirnov over numbers, and a mean that moved by at least the tolerance, on [0, 1].
pub(super) fn score_shifts(history: &History, until: usize, settings: &Settings) -> Vec<Shift> {
    let (before, after) = split(history, until);
    let numeric = history.scale.kind() == Kind::Numeric;
    let (before, after): (Vec<&Event>, Vec<&Event>) = (
        before.into_iter().filter(|event| event.judge.is_some()).collect(),
        after.into_iter().filter(|event| event.judge.is_some()).collect(),
    );
    let numbers = |events: &[&Event]| events.iter().filter_map(|event| Some(event.judge?.number)).collect::<Vec<f64>>();
    let counts = |events: &[&Event]| {
        let mut counts = vec![0.0; history.scale.values().len()];
        for place in events.iter().filter_map(|event| event.judge) {
            counts[place.category] += 1.0;
        }
        counts
    };
    let moved = |round: usize, window: &[&Event]| {
        let p = if numeric {
            kolmogorov_smirnov(&numbers(&before), &numbers(window)).ok()?.p
        } else {
            chi_squared(&counts(&before), &counts(window)).ok()?.p
        };
        let effect = mean_difference(&numbers(&before), &numbers(window), history.range());
        let worth = effect.value().is_some_and(|effect| effect.abs() >= settings.tolerance);
        shift(round, window, p, effect).filter(|_| worth)
    };
    let value = |_: &Shift, event: &Event| Some(history.share(event.judge?));
    episodes(&before, &after, moved, value, settings.tolerance, settings.run_length)
}

/// Whole windows after the baseline, numbered from 1.
fn windows<'a, 'b>(before: &[&'a Event], after: &'b [&'a Event]) -> impl Iterator<Item = (usize, &'b [&'a Event])> {
    let enough = before.len() >= WINDOW;
    after.chunks_exact(WINDOW).enumerate().filter(move |_| enough).map(|(round, window)| (round + 1, window))
}

/// Round k is tested at `SPENT / (k (k+1))`.
fn shift(round: usize, window: &[&Event], p: f64, effect: Estimate) -> Option<Shift> {
    let level = SPENT / (round * (round + 1)) as f64;
    (p <= level).then(|| Shift {
        since: window.first().map_or(0, |event| event.index),
        detected: window.last().map_or(0, |event| event.index),
        entries: window.len(),
        attribute: String::new(),
        segment: None,
        effect,
        p,
        level,
        back: None,
    })
}

/// Welch's interval of the difference of means, in units of the scale's range.
fn mean_difference(reference: &[f64], current: &[f64], range: f64) -> Estimate {
    let moments = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    };
    let ((before, error), (after, other_error)) = (moments(reference), moments(current));
    let value = (after - before) / range;
    let half = distribution::two_sided_z(CONFIDENCE) * (error + other_error).sqrt() / range;
    Estimate::new(Ok(value), Ok(Interval::around(value, half)))
}
