//! What comes in and what the judge says about it: segment shares and verdicts, window by window against the baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::Parted;
use super::history::{Event, History};
use super::recovery::{Back, Period, Recovery};
use super::settings::Settings;
use super::weights::{Observation, Rarity, stake};
use crate::agreement::Kind;
use crate::statistics::distance::chi_squared;
use crate::statistics::survey::effective_size;
use crate::statistics::two_sample::kolmogorov_smirnov;
use crate::statistics::{CONFIDENCE, Estimate, Interval, distribution, newcombe};

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

/// Entries with what each stands for: the inverse of its probability, cut where it is rarer than the others.
struct Sample<'a> {
    events: Vec<&'a Event>,
    weights: Vec<f64>,
}

impl<'a> Sample<'a> {
    fn of(events: Vec<&'a Event>) -> Self {
        let rarest = Rarity::of(events.iter().map(|event| event.probability));
        let weights = events.iter().map(|event| stake(event.probability, rarest)).collect();
        Self { events, weights }
    }

    /// Values of those entries that have one, with their weights.
    fn values<V>(&self, value: impl Fn(&Event) -> Option<V>) -> Vec<(V, f64)> {
        self.events.iter().zip(&self.weights).filter_map(|(event, weight)| Some((value(event)?, *weight))).collect()
    }

    /// How many entries of equal weight have each value: weighted shares of the effective number.
    fn counts<V: Ord>(&self, value: impl Fn(&Event) -> Option<V>) -> BTreeMap<V, f64> {
        let values = self.values(value);
        let total: f64 = values.iter().map(|(_, weight)| weight).sum();
        let worth = effective_size(values.iter().map(|(_, weight)| *weight)) / total;
        let mut counts = BTreeMap::new();
        for (value, weight) in values {
            *counts.entry(value).or_default() += weight * worth;
        }
        counts
    }

    fn is_uniform(&self) -> bool {
        self.weights.iter().all(|weight| *weight == 1.0)
    }
}

/// Entries of the baseline and after it, one of each conversation or content.
fn split<'a>(history: &'a History, parted: &Parted, counts: impl Fn(&Event) -> bool) -> (Sample<'a>, Vec<&'a Event>) {
    let leading = history.leading().filter(|event| counts(event));
    let (mut before, after): (Vec<&Event>, Vec<&Event>) = leading.partition(|event| event.index <= parted.until);
    before.retain(|event| parted.settled.is_none_or(|until| event.observed.is_some_and(|at| at <= until)));
    (Sample::of(before), after)
}

/// Windows in which the segments of some attribute have other shares: chi-squared at levels that sum to 1 % over windows and
/// attributes, and a share that moved by at least twice the tolerance. In order of time: what moved first does not hide what
/// moves later or stays.
pub(super) fn input_shifts(history: &History, parted: &Parted, settings: &Settings) -> Vec<Shift> {
    // By those of the baseline: one that comes later would change what the others had to show.
    let known = history.entries.iter().take(parted.until + 1);
    let attributes: BTreeSet<&str> = known.flat_map(|entry| entry.segments.keys().map(String::as_str)).collect();
    let tests = attributes.len() as f64;
    let of = |name| shifts_of(history, name, parted, tests, settings);
    let mut shifts: Vec<Shift> = attributes.into_iter().flat_map(of).collect();
    shifts.sort_by(|a, b| a.detected.cmp(&b.detected).then_with(|| a.p.total_cmp(&b.p)));
    shifts
}

fn shifts_of(history: &History, attribute: &str, parted: &Parted, tests: f64, settings: &Settings) -> Vec<Shift> {
    let (before, after) = split(history, parted, |_| true);
    let part = |event: &Event| history.entry(event)?.part(attribute);
    let reference = before.counts(part);
    let moved = |round: usize, window: &[&Event]| {
        let current = Sample::of(window.to_vec()).counts(part);
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
        let part = part(event)?;
        Some(f64::from(u8::from(shift.segment.as_ref() == Some(&part))))
    };
    episodes(&before, &after, moved, share, 2.0 * settings.tolerance, settings.run_length)
}

/// Shift after shift, each watched for its return before the next is looked for. The levels of the windows sum over all
/// episodes, so that the promise is kept over them together.
fn episodes(
    before: &Sample<'_>,
    after: &[&Event],
    moved: impl Fn(usize, &[&Event]) -> Option<Shift>,
    value: impl Fn(&Shift, &Event) -> Option<f64>,
    tolerance: f64,
    run_length: f64,
) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = Vec::new();
    for (round, window) in windows(before.events.len(), after) {
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
    before: &Sample<'_>,
    after: &[&Event],
    value: &impl Fn(&Shift, &Event) -> Option<f64>,
    tolerance: f64,
    run_length: f64,
) -> Option<Back> {
    let fell = shift.effect.value()? < 0.0;
    // What rose is watched upside down.
    let upright = |event: &Event| {
        let value = value(shift, event)?;
        Some(if fell { value } else { 1.0 - value })
    };
    let known = before.values(upright);
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let usual = known.iter().map(|(value, weight)| value * weight).sum::<f64>() / total.max(f64::MIN_POSITIVE);
    let mut recovery = Recovery::new(shift.since, usual, usual - shift.effect.value()?.abs(), tolerance)?;
    let remains = |recent: &[Observation]| {
        let recent: Vec<(f64, f64)> = recent.iter().map(|one| (one.closeness, one.weight)).collect();
        mean_difference(&known, &recent, 1.0)
    };
    let seen = |event: &&Event| Some(Observation::drawn(event.index, upright(event)?, event.probability, event.rarest));
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

/// Windows in which the judge's verdicts are distributed otherwise: chi-squared over categories, Kolmogorov–Smirnov over
/// numbers (over tenths of the scale where they count with different weights), and a mean that moved by at least the
/// tolerance, on [0, 1].
pub(super) fn score_shifts(history: &History, parted: &Parted, settings: &Settings) -> Vec<Shift> {
    let (before, after) = split(history, parted, |event| event.judge.is_some());
    let scale = &history.scale;
    let number = |event: &Event| Some(event.judge?.number);
    let bin = |event: &Event| {
        let place = event.judge?;
        let tenth = (scale.share(place) * 10.0).min(9.0) as usize;
        Some(if scale.kind == Kind::Numeric { tenth } else { place.category })
    };
    let bins = if scale.kind == Kind::Numeric { 10 } else { scale.levels };
    let table = |counts: &BTreeMap<usize, f64>| -> Vec<f64> {
        (0..bins).map(|bin| counts.get(&bin).copied().unwrap_or(0.0)).collect()
    };
    let (known, reference) = (before.values(number), table(&before.counts(bin)));
    let moved = |round: usize, window: &[&Event]| {
        let sample = Sample::of(window.to_vec());
        let current = sample.values(number);
        let p = if scale.kind == Kind::Numeric && before.is_uniform() && sample.is_uniform() {
            let numbers = |values: &[(f64, f64)]| values.iter().map(|(number, _)| *number).collect::<Vec<f64>>();
            kolmogorov_smirnov(&numbers(&known), &numbers(&current)).ok()?.p
        } else {
            chi_squared(&reference, &table(&sample.counts(bin))).ok()?.p
        };
        let effect = mean_difference(&known, &current, scale.range());
        let worth = effect.value().is_some_and(|effect| effect.abs() >= settings.tolerance);
        shift(round, window, p, effect).filter(|_| worth)
    };
    let value = |_: &Shift, event: &Event| Some(scale.share(event.judge?));
    episodes(&before, &after, moved, value, settings.tolerance, settings.run_length)
}

/// Whole windows after the baseline, numbered from 1.
fn windows<'a, 'b>(before: usize, after: &'b [&'a Event]) -> impl Iterator<Item = (usize, &'b [&'a Event])> {
    let enough = before >= WINDOW;
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

/// Welch's interval of the difference of weighted means, in units of the scale's range.
fn mean_difference(reference: &[(f64, f64)], current: &[(f64, f64)], range: f64) -> Estimate {
    let moments = |values: &[(f64, f64)]| {
        let n = values.len() as f64;
        let total: f64 = values.iter().map(|(_, weight)| weight).sum();
        let mean = values.iter().map(|(value, weight)| value * weight).sum::<f64>() / total;
        let squares: f64 = values.iter().map(|(value, weight)| (weight * (value - mean)).powi(2)).sum();
        (mean, squares / (total * total) * n / (n - 1.0))
    };
    let ((before, error), (after, other_error)) = (moments(reference), moments(current));
    let value = (after - before) / range;
    let half = distribution::two_sided_z(CONFIDENCE) * (error + other_error).sqrt() / range;
    Estimate::new(Ok(value), Ok(Interval::around(value, half)))
}
