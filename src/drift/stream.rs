//! Agreement over time: has it fallen below its baseline, in all and in each segment?

use std::collections::{BTreeMap, BTreeSet};

use crate::statistics::e_detector::Detector;
use crate::statistics::multiplicity::e_benjamini_hochberg;
use crate::statistics::{Estimate, Reason};

use super::baseline::{Baseline, rarest_of};
use super::course::Step;
use super::recovery::{Back, Period, Recovery};
use super::settings::Settings;
use super::votes::Vote;
use super::weights::Observation;

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
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fall {
    pub(super) alarm: Alarm,
    pub(super) back: Option<Back>,
    pub(super) baseline: Baseline,
    /// What was observed since the watch began or began anew, the return included.
    pub(super) seen: Vec<Observation>,
}

impl Fall {
    pub(super) fn period(&self) -> Period {
        Period { since: self.alarm.since, until: self.back.map(|back| back.detected) }
    }
}

/// A detector over one stream: from fall to return to fall, each episode with a detector of its own against the same
/// baseline, so that each has the promised run length.
pub(super) struct Watch {
    baseline: Baseline,
    detector: Detector,
    seen: Vec<Observation>,
    fallen: Option<(Alarm, Option<Recovery>)>,
    /// The whole's return, until it is decided whether this part is back with it.
    whole_is_back: Option<Back>,
    over: Vec<Fall>,
}

impl Watch {
    pub(super) fn new(baseline: Baseline) -> Result<Self, Reason> {
        let detector = Detector::new(baseline.bound)?;
        Ok(Self { baseline, detector, seen: Vec::new(), fallen: None, whole_is_back: None, over: Vec::new() })
    }

    /// Takes the next label and returns the evidence of this episode.
    pub(super) fn observe(&mut self, label: Observation, rule: &Rule) -> f64 {
        self.seen.push(label);
        let evidence = self.detector.observe_weighted(label.closeness, label.stake);
        let baseline = self.baseline;
        let Some((alarm, recovery)) = &mut self.fallen else { return evidence };
        let remains = |recent: &[Observation]| baseline.effect(recent);
        let back = recovery.as_mut().and_then(|recovery| recovery.observe(label, rule.run_length, remains));
        if back.is_some() {
            let alarm = *alarm;
            self.is_over(alarm, back);
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
        let own = &self.seen[self.seen.partition_point(|label| label.index < whole.since)..];
        let Some(since) = own.first().map(|label| label.index).filter(|_| labels_of(own) >= MIN_BACK) else { return };
        let (labels, effect) = (labels_of(own), self.baseline.effect(own));
        self.whole_is_back = None;
        let is_back = |recovery: &Option<Recovery>| recovery.as_ref().is_some_and(|one| one.is_above_level(effect));
        if let Some((alarm, _)) = self.fallen.take_if(|(_, recovery)| is_back(recovery)) {
            let detected = self.seen.last().map_or(whole.detected, |label| label.index);
            self.is_over(alarm, Some(Back { since, detected, labels, effect, of_whole: true, ..whole }));
        }
    }

    /// Notes a fall and watches anew.
    fn is_over(&mut self, alarm: Alarm, back: Option<Back>) {
        let seen = std::mem::take(&mut self.seen);
        self.over.push(Fall { alarm, back, baseline: self.baseline, seen });
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
        let recent = self.seen.get(start..).filter(|recent| recent.len() >= rule.least)?;
        let effect = self.baseline.effect(recent);
        if effect.value().is_none_or(|effect| effect > -rule.tolerance) {
            return None;
        }
        Some(Alarm {
            since: recent.first()?.index,
            detected: recent.last()?.index,
            labels: labels_of(recent),
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
        let (baseline, seen) = (self.baseline, self.seen);
        let standing = self.fallen.map(|(alarm, _)| Fall { alarm, back: None, baseline, seen });
        self.over.into_iter().chain(standing).collect()
    }
}

fn labels_of(observations: &[Observation]) -> usize {
    observations.iter().map(|one| one.labels).sum()
}

/// What the detector of the whole stream saw after its baseline.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) falls: Vec<Fall>,
    /// The evidence after each vote.
    pub(super) path: Vec<Step>,
}

/// Watches the whole stream after its baseline.
pub(super) fn watch_all(later: &[Vote], baseline: Baseline, settings: &Settings) -> Watched {
    let Ok(mut watch) = Watch::new(baseline) else { return Watched::default() };
    let (rule, mut path, mut labels) = (Rule::from(settings), Vec::with_capacity(later.len()), 0);
    for vote in later {
        labels += vote.members.len();
        let statistic = watch.observe(vote.observation(), &rule);
        path.push(Step { index: vote.index(), labels, statistic });
        watch.raise(rule.run_length, &rule);
    }
    Watched { falls: watch.falls(), path }
}

/// The baselines of parts: what the votes of the baseline say of each, where they hold enough labels of it.
fn baselines(first: &[Vote], parts: impl Fn(usize) -> Vec<String>, settings: &Settings) -> BTreeMap<String, Baseline> {
    let mut own: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    let rarest = rarest_of(first);
    for vote in first {
        for (name, observation) in in_parts(vote, &parts, rarest) {
            own.entry(name).or_default().push(observation);
        }
    }
    own.retain(|_, observations| labels_of(observations) >= MIN_PART);
    own.into_iter().filter_map(|(name, own)| Some((name, Baseline::of(&own, settings.tolerance).ok()?))).collect()
}

/// What a vote says of each part that its labels belong to.
fn in_parts(vote: &Vote, parts: impl Fn(usize) -> Vec<String>, rarest: f64) -> Vec<(String, Observation)> {
    let of_each: Vec<(usize, Vec<String>)> =
        vote.members.iter().map(|member| (member.index, parts(member.index))).collect();
    let names: BTreeSet<&String> = of_each.iter().flat_map(|(_, names)| names).collect();
    let belongs =
        |name: &String, index: usize| of_each.iter().any(|(own, names)| *own == index && names.contains(name));
    let said = |name: &String| Some((name.clone(), vote.part(|index| belongs(name, index), rarest)?));
    names.into_iter().filter_map(said).collect()
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
    first: &[Vote],
    later: &[Vote],
    parts: impl Fn(usize) -> Vec<String>,
    returns: &[Back],
    settings: &Settings,
) -> Vec<(String, Fall)> {
    let is_whole = |baseline: &Baseline| baseline.labels == first.iter().map(|vote| vote.members.len()).sum::<usize>();
    let mut watches: BTreeMap<String, Watch> = baselines(first, &parts, settings)
        .into_iter()
        // A part that everything belonged to is the whole.
        .filter(|(_, baseline)| !is_whole(baseline))
        .filter_map(|(name, baseline)| Some((name, Watch::new(baseline).ok()?)))
        .collect();
    let (rule, mut returns) = (Rule::from(settings), returns.iter().peekable());
    for vote in later {
        for (name, observation) in in_parts(vote, &parts, vote.rarest) {
            if let Some(watch) = watches.get_mut(&name) {
                watch.observe(observation, &rule);
            }
        }
        if let Some(threshold) = least_evidence(watches.values(), rule.run_length) {
            for watch in watches.values_mut() {
                watch.raise(threshold, &rule);
            }
        }
        while let Some(whole) = returns.next_if(|whole| whole.detected <= vote.index()) {
            for watch in watches.values_mut() {
                watch.end_with(whole);
            }
        }
    }
    let named = |(name, watch): (String, Watch)| watch.falls().into_iter().map(move |fall| (name.clone(), fall));
    watches.into_iter().flat_map(named).collect()
}
