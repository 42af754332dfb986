//! Agreement over time: has it fallen below its baseline, in all and in each segment?

use std::collections::BTreeMap;

use crate::statistics::e_detector::Detector;
use crate::statistics::multiplicity::e_benjamini_hochberg;
use crate::statistics::survey::effective_size;
use crate::statistics::{CONFIDENCE, Estimate, Reason, newcombe, wilson};

use super::Settings;
use super::history::History;
use super::recovery::{Back, Period, Recovery};

/// Labels of a segment or annotator within the baseline that it needs to be watched by itself.
const MIN_PART: usize = 30;
/// Labels of a part since the whole is back that can say that the part is as well.
const MIN_BACK: usize = 20;

/// When evidence is an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// A fall below this is none.
    pub(super) tolerance: f64,
    /// Observations that pass on average before a false alarm, at least.
    pub(super) run_length: f64,
    /// Observations since the likely change that an alarm takes.
    pub(super) least: usize,
}

impl From<&Settings> for Rule {
    fn from(settings: &Settings) -> Self {
        Self { tolerance: settings.tolerance, run_length: settings.run_length, least: 1 }
    }
}

/// One observation of agreement, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreement {
    /// Index of the entry.
    pub(super) index: usize,
    pub(super) closeness: f64,
    pub(super) weight: f64,
}

/// Agreement as it was before the watch began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Baseline {
    pub(super) agreement: Estimate,
    mean: f64,
    size: f64,
    /// The detector's bound: a mean below it is drift.
    bound: f64,
}

/// An alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Alarm {
    /// Index of the entry at which agreement likely fell.
    pub(super) since: usize,
    /// Index of the entry that raised the alarm.
    pub(super) detected: usize,
    /// Labels from the one to the other, both included.
    pub(super) labels: usize,
    pub(super) effect: Estimate,
    pub(super) statistic: f64,
    pub(super) threshold: f64,
}

/// A fall of agreement, and its end where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fall {
    pub(super) alarm: Alarm,
    pub(super) back: Option<Back>,
}

impl Fall {
    pub(super) fn period(&self) -> Period {
        Period { since: self.alarm.since, until: self.back.map(|back| back.detected) }
    }
}

/// First appearances, with both sides, of items that are no anchors: exchangeable while nothing changes.
pub(super) fn agreements(history: &History) -> Vec<Agreement> {
    let fresh = history.events.iter().filter(|event| !event.anchor && !event.again);
    fresh
        .filter_map(|event| {
            let closeness = history.agreement(event.human?, event.judge?);
            Some(Agreement { index: event.index, closeness, weight: event.weight })
        })
        .collect()
}

impl Baseline {
    /// The baseline of these labels. The bound is the mean less the tolerance, but never above the lower Wilson limit:
    /// a baseline that was overestimated by chance would void the guarantee.
    pub(super) fn of(labels: &[Agreement], tolerance: f64) -> Result<Self, Reason> {
        Self::at(labels, tolerance, CONFIDENCE)
    }

    /// The same with the Wilson limit at another confidence.
    pub(super) fn at(labels: &[Agreement], tolerance: f64, confidence: f64) -> Result<Self, Reason> {
        let weights = labels.iter().map(|label| label.weight);
        let total: f64 = weights.clone().sum();
        if labels.is_empty() || total <= 0.0 {
            return Err(Reason::NoPairs);
        }
        let mean = labels.iter().map(|label| label.weight * label.closeness).sum::<f64>() / total;
        let size = effective_size(weights);
        let interval = wilson(mean * size, size, confidence)?;
        let bound = (mean - tolerance).min(interval.low);
        Ok(Self { agreement: Estimate::new(Ok(mean), Ok(interval)), mean, size, bound })
    }

    /// Agreement since a change minus the baseline's.
    fn effect(&self, since: &[Agreement]) -> Estimate {
        match Self::of(since, 0.0) {
            Err(reason) => reason.into(),
            Ok(now) => Estimate::new(
                Ok(now.mean - self.mean),
                newcombe(now.mean * now.size, now.size, self.mean * self.size, self.size, CONFIDENCE),
            ),
        }
    }
}

/// A detector over one stream: from fall to return to fall, each episode with a detector of its own against the same
/// baseline, so that each has the promised run length.
pub(super) struct Watch {
    baseline: Baseline,
    detector: Detector,
    labels: Vec<Agreement>,
    fallen: Option<(Alarm, Option<Recovery>)>,
    /// The whole's return, until it is decided whether this part is back with it.
    whole_is_back: Option<Back>,
    over: Vec<Fall>,
}

impl Watch {
    pub(super) fn new(baseline: Baseline) -> Result<Self, Reason> {
        let detector = Detector::new(baseline.bound)?;
        Ok(Self { baseline, detector, labels: Vec::new(), fallen: None, whole_is_back: None, over: Vec::new() })
    }

    /// Takes the next label and returns the evidence of this episode.
    pub(super) fn observe(&mut self, label: Agreement, rule: &Rule) -> f64 {
        self.labels.push(label);
        let evidence = self.detector.observe_weighted(label.closeness, label.weight);
        let baseline = self.baseline;
        let Some((alarm, recovery)) = &mut self.fallen else { return evidence };
        let remains = |recent: &[Agreement]| baseline.effect(recent);
        let back = recovery.as_mut().and_then(|recovery| recovery.observe(label, rule.run_length, remains));
        if back.is_some() {
            self.over.push(Fall { alarm: *alarm, back });
            self.rearm();
        } else {
            self.end_if_back();
        }
        evidence
    }

    /// Says that the whole is back: a part has too few labels to show it soon. Only a part that fell with the whole is back
    /// with it, and only if its first labels since then lie above the level that a return must exceed; else the fall stands.
    pub(super) fn end_with(&mut self, whole: &Back) {
        // Neither start is dated exactly: what was flagged before the whole fell had another cause.
        let together = |alarm: &Alarm| alarm.detected >= whole.fell && alarm.since <= whole.since;
        if self.fallen.as_ref().is_some_and(|(alarm, _)| together(alarm)) {
            self.whole_is_back = Some(*whole);
            self.end_if_back();
        }
    }

    /// One look, as soon as there are labels enough: looking after each would find a lucky moment.
    fn end_if_back(&mut self) {
        let Some(whole) = self.whole_is_back else { return };
        let own = &self.labels[self.labels.partition_point(|label| label.index < whole.since)..];
        let Some(since) = own.first().map(|label| label.index).filter(|_| own.len() >= MIN_BACK) else { return };
        let (labels, effect) = (own.len(), self.baseline.effect(own));
        self.whole_is_back = None;
        let is_back = |recovery: &Option<Recovery>| recovery.as_ref().is_some_and(|one| one.is_above_level(effect));
        if let Some((alarm, _)) = self.fallen.take_if(|(_, recovery)| is_back(recovery)) {
            let detected = self.labels.last().map_or(whole.detected, |label| label.index);
            self.over
                .push(Fall { alarm, back: Some(Back { since, detected, labels, effect, of_whole: true, ..whole }) });
            self.rearm();
        }
    }

    fn rearm(&mut self) {
        if let Ok(fresh) = Self::new(self.baseline) {
            *self = Self { over: std::mem::take(&mut self.over), ..fresh };
        }
    }

    /// Raises the alarm if none stands, the evidence has reached `threshold` and the effect is worth one.
    pub(super) fn raise(&mut self, threshold: f64, rule: &Rule) {
        if self.fallen.is_some() || self.detector.evidence() < threshold {
            return;
        }
        self.fallen = self.alarm(threshold, rule).map(|alarm| {
            let mean = self.baseline.mean;
            let recovery = |effect| Recovery::new(alarm.since, mean, mean + effect, rule.tolerance);
            (alarm, alarm.effect.value().and_then(recovery))
        });
    }

    fn alarm(&self, threshold: f64, rule: &Rule) -> Option<Alarm> {
        let start = self.detector.since() as usize;
        let recent = self.labels.get(start..).filter(|recent| recent.len() >= rule.least)?;
        let effect = self.baseline.effect(recent);
        if effect.value().is_none_or(|effect| effect > -rule.tolerance) {
            return None;
        }
        Some(Alarm {
            since: recent.first()?.index,
            detected: recent.last()?.index,
            labels: recent.len(),
            effect,
            statistic: self.detector.evidence(),
            threshold,
        })
    }

    /// The latest return.
    pub(super) fn latest_return(&self) -> Option<Back> {
        self.over.last()?.back
    }

    /// All falls, in order of time; only the last one may stand.
    pub(super) fn falls(self) -> Vec<Fall> {
        let standing = self.fallen.map(|(alarm, _)| Fall { alarm, back: None });
        self.over.into_iter().chain(standing).collect()
    }
}

/// What the detector of the whole stream saw after its baseline.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) falls: Vec<Fall>,
    /// The evidence after each label: index of its entry, statistic.
    pub(super) path: Vec<(usize, f64)>,
}

/// Watches the whole stream after its baseline.
pub(super) fn watch_all(labels: &[Agreement], baseline: Baseline, settings: &Settings) -> Watched {
    let Ok(mut watch) = Watch::new(baseline) else { return Watched::default() };
    let (rule, mut path) = (Rule::from(settings), Vec::with_capacity(labels.len()));
    for label in labels {
        path.push((label.index, watch.observe(*label, &rule)));
        watch.raise(rule.run_length, &rule);
    }
    Watched { falls: watch.falls(), path }
}

/// Whether agreement fell within the parts, whatever their shares: a detector that holds each label against the baseline of
/// its own part. Labels of parts without a baseline of 30 are passed over.
pub(super) fn fell_within(
    baseline: &[Agreement],
    labels: &[Agreement],
    part: impl Fn(usize) -> Option<String>,
    settings: &Settings,
) -> bool {
    let mut baselines: BTreeMap<String, Vec<Agreement>> = BTreeMap::new();
    for label in baseline {
        if let Some(name) = part(label.index) {
            baselines.entry(name).or_default().push(*label);
        }
    }
    baselines.retain(|_, labels| labels.len() >= MIN_PART);
    let bounds: BTreeMap<String, f64> = baselines
        .iter()
        .filter_map(|(name, labels)| Some((name.clone(), Baseline::of(labels, settings.tolerance).ok()?.bound)))
        .collect();
    let Some(lowest) = bounds.values().copied().min_by(f64::total_cmp) else { return false };
    let Ok(mut detector) = Detector::new(lowest) else { return false };
    labels.iter().any(|label| {
        part(label.index)
            .and_then(|name| bounds.get(&name))
            .is_some_and(|bound| detector.observe_against(*bound, label.closeness, label.weight) >= settings.run_length)
    })
}

/// The evidence that e-BH asks of each of several watches now; none where no watch has enough.
pub(super) fn least_evidence<'a>(watches: impl Iterator<Item = &'a Watch> + Clone, run_length: f64) -> Option<f64> {
    e_benjamini_hochberg(watches.map(|watch| watch.detector.evidence()), run_length)
}

/// The falls of each part (segment, annotator), parts compared by e-BH: of `K` parts the `k` with the largest evidence
/// alarm when each has at least `run length · K / k`.
///
/// `returns` are those of the whole, which end the falls of parts that fell with it and agree as before by their own labels. `parts`
/// names those that an entry belongs to. A part needs 30 labels in the baseline; smaller ones are watched only as part of
/// the whole.
pub(super) fn watch_parts(
    baseline: &[Agreement],
    labels: &[Agreement],
    parts: impl Fn(usize) -> Vec<String>,
    returns: &[Back],
    settings: &Settings,
) -> Vec<(String, Fall)> {
    let mut baselines: BTreeMap<String, Vec<Agreement>> = BTreeMap::new();
    for label in baseline {
        for name in parts(label.index) {
            baselines.entry(name).or_default().push(*label);
        }
    }
    let mut watches: BTreeMap<String, Watch> = BTreeMap::new();
    for (name, labels) in baselines.into_iter().filter(|(_, labels)| labels.len() >= MIN_PART) {
        if let Ok(watch) = Baseline::of(&labels, settings.tolerance).and_then(Watch::new) {
            watches.insert(name, watch);
        }
    }
    let (rule, mut returns) = (Rule::from(settings), returns.iter().peekable());
    for label in labels {
        for name in parts(label.index) {
            if let Some(watch) = watches.get_mut(&name) {
                watch.observe(*label, &rule);
            }
        }
        if let Some(threshold) = least_evidence(watches.values(), rule.run_length) {
            for watch in watches.values_mut() {
                watch.raise(threshold, &rule);
            }
        }
        while let Some(whole) = returns.next_if(|whole| whole.detected <= label.index) {
            for watch in watches.values_mut() {
                watch.end_with(whole);
            }
        }
    }
    let named = |(name, watch): (String, Watch)| watch.falls().into_iter().map(move |fall| (name.clone(), fall));
    watches.into_iter().flat_map(named).collect()
}
