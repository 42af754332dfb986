//! Which answers people are asked to label, chosen for what the labels can then prove.
//!
//! Two streams. The uniform one draws every candidate with the same probability: it is exchangeable and feeds drift
//! tests. The targeted one draws what the judge is unsure of more often, never with less than `FLOOR`, and records how
//! often (Zrnic and Candès 2024, mixed with uniform draws so that weights stay bounded). Both are drawn by a hash of
//! rubric and subject, so that every process draws the same and nobody can wish for an item; within a stream items come
//! in sequential Poisson order (Ohlsson 1998), so that the part that gets done is again a sample with those probabilities.
//!
//! The recorded probability is that of being drawn by either stream: what a weighted mean over all labels needs. Within
//! the uniform stream every item counts the same.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::model::{Distribution, LabelStream, Probability, SubjectId};

/// Labels asked for per rubric and window.
pub const BUDGET: f64 = 200.0;
/// The window over which candidates are gathered, in days.
pub const WINDOW_DAYS: i64 = 14;
/// The share of drawn items that a second person labels too: nobody knows the human ceiling otherwise.
pub const TWICE: f64 = 0.25;
/// The least probability of the targeted stream.
const FLOOR: f64 = 0.02;
/// Uncertainty of an item whose judge has no opinion in between: a binary score says nothing of its own doubt.
const LEAST_UNCERTAINTY: f64 = 0.1;

/// An item to label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// What.
    pub subject: SubjectId,
    /// Which stream brought it.
    pub stream: LabelStream,
    /// With which probability it was drawn.
    pub probability: Probability,
}

/// All candidates of a rubric, as far as the draw needs to know them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    pub number: u64,
    /// The sum of how unsure the judge was.
    pub doubt: f64,
    /// Those that may be drawn, with how unsure the judge was of each, and any number of the others.
    pub candidates: Vec<(SubjectId, f64)>,
}

impl Pool {
    pub(super) fn add(&mut self, subject: SubjectId, doubt: f64) {
        self.number += 1;
        self.doubt += doubt;
        self.candidates.push((subject, doubt));
    }
}

/// What has been labelled in the window: who labelled which subject, and which stream had brought it.
pub type Done = Vec<(SubjectId, String, LabelStream)>;

/// Everything drawn, in the order in which it should be labelled; uniform and targeted items take turns.
pub fn draw(rubric: &str, pool: &Pool, budget: f64) -> Vec<Drawn> {
    if pool.number == 0 {
        return Vec::new();
    }
    let number = pool.number as f64;
    let half = (budget / 2.0 / number).min(1.0);
    let mean_doubt = pool.doubt / number;
    let (mut uniform, mut targeted): (Vec<(f64, Drawn)>, Vec<(f64, Drawn)>) = (Vec::new(), Vec::new());
    for (subject, doubt) in pool.candidates.iter().copied() {
        let wanted = (half * doubt / mean_doubt).clamp(FLOOR.min(half), 1.0);
        let either = 1.0 - (1.0 - half) * (1.0 - wanted);
        let Ok(probability) = Probability::try_from(either.clamp(0.0, 1.0)) else { continue };
        let by_uniform = number_of("uniform", rubric, subject);
        let by_target = number_of("targeted", rubric, subject);
        if by_uniform < half {
            uniform.push((by_uniform, Drawn { subject, stream: LabelStream::Uniform, probability }));
        } else if by_target < wanted {
            targeted.push((by_target / wanted, Drawn { subject, stream: LabelStream::Targeted, probability }));
        }
    }
    for stream in [&mut uniform, &mut targeted] {
        stream.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.subject.cmp(&b.1.subject)));
    }
    interleave(uniform, targeted)
}

/// The next item for `annotator`: first what another person labelled and a second should, in the order of the draw; then
/// the next of the stream that has had fewer labels, the uniform one at a draw.
pub fn next_for(annotator: &str, rubric: &str, drawn: &[Drawn], done: &Done) -> Option<Drawn> {
    let mine: BTreeSet<SubjectId> = done.iter().filter(|done| done.1 == annotator).map(|done| done.0).collect();
    let mut by_others: BTreeMap<SubjectId, BTreeSet<&str>> = BTreeMap::new();
    for (subject, name, _) in done.iter().filter(|done| done.1 != annotator) {
        by_others.entry(*subject).or_default().insert(name);
    }
    let second = |item: &&Drawn| {
        !mine.contains(&item.subject)
            && by_others.get(&item.subject).is_some_and(|others| others.len() == 1)
            && number_of("twice", rubric, item.subject) < TWICE
    };
    if let Some(item) = drawn.iter().find(second) {
        return Some(*item);
    }
    let fresh = |stream: LabelStream| {
        drawn.iter().find(|item| {
            item.stream == stream && !mine.contains(&item.subject) && !by_others.contains_key(&item.subject)
        })
    };
    let labelled = |stream: LabelStream| {
        done.iter().filter(|done| done.2 == stream).map(|done| done.0).collect::<BTreeSet<_>>().len()
    };
    let (uniform, targeted) = (fresh(LabelStream::Uniform), fresh(LabelStream::Targeted));
    let turn = labelled(LabelStream::Uniform) <= labelled(LabelStream::Targeted);
    if turn { uniform.or(targeted) } else { targeted.or(uniform) }.copied()
}

/// The next items of several annotators who label in turn, up to `number` each.
pub fn next_for_all<'a>(
    annotators: &'a [String],
    rubric: &str,
    drawn: &[Drawn],
    mut done: Done,
    number: usize,
) -> Vec<(&'a str, Drawn)> {
    let mut items = Vec::new();
    for _ in 0..number {
        for annotator in annotators {
            if let Some(item) = next_for(annotator, rubric, drawn, &done) {
                done.push((item.subject, annotator.clone(), item.stream));
                items.push((annotator.as_str(), item));
            }
        }
    }
    items
}

/// How many drawn items nobody has labelled yet.
pub fn waiting(drawn: &[Drawn], done: &Done) -> usize {
    let labelled: BTreeSet<SubjectId> = done.iter().map(|done| done.0).collect();
    drawn.iter().filter(|item| !labelled.contains(&item.subject)).count()
}

/// Whether an item may be drawn from `number` candidates or more: how unsure the judge is of the others is not known yet.
pub(super) fn may_be_drawn(rubric: &str, subject: SubjectId, doubt: f64, number: u64) -> bool {
    let half = (BUDGET / 2.0 / number.max(1) as f64).min(1.0);
    let most_wanted = half * (doubt / LEAST_UNCERTAINTY).max(1.0);
    number_of("uniform", rubric, subject) < half || number_of("targeted", rubric, subject) < most_wanted
}

/// How unsure a judge is that gives no probabilities: `√(f (1-f))` of its score.
pub(super) fn doubt(value: Option<f64>) -> f64 {
    let f = value.unwrap_or(0.5).clamp(0.0, 1.0);
    (f * (1.0 - f)).sqrt().max(LEAST_UNCERTAINTY)
}

/// The same of a judge that gives probabilities: it says of every answer how unsure it is.
pub(super) fn doubt_of(distribution: &Distribution) -> f64 {
    distribution.doubt().max(LEAST_UNCERTAINTY)
}

/// A number in [0, 1) that belongs to a purpose, a rubric and a subject.
fn number_of(purpose: &str, rubric: &str, subject: SubjectId) -> f64 {
    let digest = Sha256::digest(format!("judged/label/{purpose}/{rubric}/{subject}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

fn interleave(uniform: Vec<(f64, Drawn)>, targeted: Vec<(f64, Drawn)>) -> Vec<Drawn> {
    let mut merged = Vec::with_capacity(uniform.len() + targeted.len());
    let (mut uniform, mut targeted) = (uniform.into_iter(), targeted.into_iter());
    loop {
        let pair = [uniform.next(), targeted.next()];
        if pair.iter().all(Option::is_none) {
            return merged;
        }
        merged.extend(pair.into_iter().flatten().map(|(_, drawn)| drawn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fourth of them is doubtful.
    fn candidates(number: usize) -> Pool {
        let mut pool = Pool::default();
        for index in 0..number {
            let value = if index.is_multiple_of(4) { 0.5 } else { 1.0 };
            pool.add(SubjectId::of_session(&index.to_string()), doubt(Some(value)));
        }
        pool
    }

    #[test]
    fn at_least_half_is_uniform_and_the_rest_leans_to_what_the_judge_doubts() {
        let candidates = candidates(4_000);
        let drawn = draw("r", &candidates, 400.0);
        let uniform = drawn.iter().filter(|item| item.stream == LabelStream::Uniform).count();
        assert!((150..260).contains(&uniform), "{uniform}");
        assert!(uniform * 2 + 60 >= drawn.len(), "{uniform} of {}", drawn.len());
        let doubtful: BTreeSet<SubjectId> =
            candidates.candidates.iter().filter(|(_, doubt)| *doubt > 0.4).map(|(subject, _)| *subject).collect();
        let share = |stream: LabelStream| {
            let all: Vec<&Drawn> = drawn.iter().filter(|item| item.stream == stream).collect();
            all.iter().filter(|item| doubtful.contains(&item.subject)).count() as f64 / all.len() as f64
        };
        assert!((share(LabelStream::Uniform) - 0.25).abs() < 0.1);
        assert!(share(LabelStream::Targeted) > 0.5);
    }

    #[test]
    fn recorded_probabilities_weigh_the_draw_back_to_the_whole() {
        let candidates = candidates(4_000);
        let total: f64 = draw("r", &candidates, 400.0).iter().map(|item| 1.0 / item.probability.get()).sum();
        assert!((total - 4_000.0).abs() < 450.0, "{total}");
    }

    #[test]
    fn a_small_house_labels_everything() {
        let drawn = draw("r", &candidates(20), BUDGET);
        assert_eq!(drawn.len(), 20);
        assert!(drawn.iter().all(|item| item.probability == Probability::ONE));
    }

    #[test]
    fn a_second_person_sees_some_of_the_same_items_and_nobody_sees_one_twice() {
        let candidates = candidates(200);
        let drawn = draw("r", &candidates, BUDGET);
        let mut done = Done::new();
        while let Some(item) = next_for("ann", "r", &drawn, &done) {
            assert!(!done.iter().any(|done| done.0 == item.subject));
            done.push((item.subject, "ann".into(), item.stream));
        }
        assert_eq!(done.len(), drawn.len());
        let first = done.len();
        while let Some(item) = next_for("bob", "r", &drawn, &done) {
            done.push((item.subject, "bob".into(), item.stream));
        }
        let twice = (done.len() - first) as f64 / first as f64;
        assert!((twice - TWICE).abs() < 0.12, "{twice}");
        assert_eq!(waiting(&drawn, &done), 0);
    }

    #[test]
    fn people_who_label_side_by_side_share_a_part() {
        let drawn = draw("r", &candidates(60), BUDGET);
        let people = ["ann".to_owned(), "bob".to_owned()];
        let items = next_for_all(&people, "r", &drawn, Done::new(), 20);
        assert_eq!(items.len(), 40);
        let of =
            |who: &str| items.iter().filter(|item| item.0 == who).map(|item| item.1.subject).collect::<BTreeSet<_>>();
        assert!(of("ann").intersection(&of("bob")).count() > 0);
        assert_eq!((of("ann").len(), of("bob").len()), (20, 20), "nobody gets an item twice");
    }
}
