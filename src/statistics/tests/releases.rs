//! What is promised of the comparison of two releases, held against simulated houses.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::statistics::judge_errors::{ErrorCluster, ErrorRates};
use crate::statistics::quality_difference::{Corrected, Group, Judged, judged_difference, within_groups};

const TPR: f64 = 0.9;
const TNR: f64 = 0.8;
const HOUSES: u64 = 150;

struct Answer {
    hard: bool,
    conversation: usize,
    good: bool,
    passes: bool,
    labelled: bool,
}

/// One side of a house: the share of good answers to easy and to hard questions, and the share of the hard ones.
#[derive(Clone, Copy)]
struct Release {
    good: [f64; 2],
    hard: f64,
}

#[derive(Clone, Copy)]
struct House {
    answers: usize,
    labelled: f64,
    /// Answers of a conversation, and the share of conversations whose answers are all alike.
    turns: usize,
    icc: f64,
}

impl House {
    fn answers(self, release: Release, rng: &mut Xoshiro256PlusPlus) -> Vec<Answer> {
        let mut answers = Vec::new();
        for conversation in 0..self.answers / self.turns {
            let hard = rng.random::<f64>() < release.hard;
            let alike = rng.random::<f64>() < self.icc;
            let mut first = None;
            for _ in 0..self.turns {
                let good = rng.random::<f64>() < release.good[usize::from(hard)];
                let passes = good == (rng.random::<f64>() < if good { TPR } else { TNR });
                let first = *first.get_or_insert((good, passes));
                let (good, passes) = if alike { first } else { (good, passes) };
                let labelled = rng.random::<f64>() < self.labelled;
                answers.push(Answer { hard, conversation, good, passes, labelled });
            }
        }
        answers
    }
}

fn judged<'a>(answers: impl Iterator<Item = &'a Answer>) -> Judged {
    let mut conversations: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for answer in answers {
        let own = conversations.entry(answer.conversation).or_default();
        *own = (own.0 + 1.0, own.1 + f64::from(u8::from(answer.passes)));
    }
    let (items, hits) = conversations.values().fold((0.0, 0.0), |(n, x), one| (n + one.0, x + one.1));
    let (rate, clusters) = (hits / items, conversations.len() as f64);
    let squares: f64 = conversations.values().map(|(n, x)| (x - rate * n).powi(2)).sum();
    Judged { rate, variance: clusters / (clusters - 1.0) * squares / (items * items), weight: items, effective: items }
}

fn errors(sides: [&[Answer]; 2]) -> Option<ErrorRates> {
    let mut clusters: BTreeMap<(usize, usize), ErrorCluster> = BTreeMap::new();
    for (side, answers) in sides.into_iter().enumerate() {
        for answer in answers.iter().filter(|answer| answer.labelled) {
            let own = clusters.entry((side, answer.conversation)).or_default();
            let right = f64::from(u8::from(answer.good == answer.passes));
            if answer.good {
                *own = ErrorCluster { good: own.good + 1.0, good_passed: own.good_passed + right, ..*own };
            } else {
                *own = ErrorCluster { bad: own.bad + 1.0, bad_failed: own.bad_failed + right, ..*own };
            }
        }
    }
    ErrorRates::of(&clusters.into_values().collect::<Vec<_>>())
}

/// The difference of a house, whole and without the mix.
fn compared(sides: [&[Answer]; 2]) -> Option<[Corrected; 2]> {
    let of = |wanted: &dyn Fn(&Answer) -> bool| {
        let side = |answers: &'_ [Answer]| judged(answers.iter().filter(|answer| wanted(answer)));
        Group { old: side(sides[0]), new: side(sides[1]) }
    };
    let errors = errors(sides)?;
    let whole = Corrected::of(judged_difference(&of(&|_| true)), &errors)?;
    let within = within_groups(&[of(&|answer| answer.hard), of(&|answer| !answer.hard)])?;
    Some([whole, Corrected::of(within, &errors)?])
}

const HOUSE: House = House { answers: 2_000, labelled: 0.1, turns: 1, icc: 0.0 };
const CONVERSATIONS: House = House { turns: 5, icc: 0.3, ..HOUSE };

#[test]
fn the_interval_of_one_look_holds_the_true_difference_in_90_to_99_of_100_houses() {
    for house in [HOUSE, CONVERSATIONS] {
        for good in [0.9, 0.75] {
            let mut held = 0;
            for seed in 0..HOUSES {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                let old = house.answers(Release { good: [0.9; 2], hard: 0.3 }, &mut rng);
                let new = house.answers(Release { good: [good; 2], hard: 0.3 }, &mut rng);
                let Some([whole, _]) = compared([&old, &new]) else { continue };
                let interval = whole.interval(0.95);
                held += u32::from((interval.low..=interval.high).contains(&(good - 0.9)));
            }
            let share = f64::from(held) / HOUSES as f64;
            assert!((0.90..=0.99).contains(&share), "{} answers, {good} good: {share}", house.answers);
        }
    }
}

#[test]
fn a_change_of_mix_alone_is_not_called_worse() {
    for house in [HOUSE, CONVERSATIONS] {
        let (mut whole_worse, mut within_worse) = (0, 0);
        for seed in 0..HOUSES {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let of = |hard| Release { good: [0.95, 0.7], hard };
            let (old, new) = (house.answers(of(0.2), &mut rng), house.answers(of(0.4), &mut rng));
            let Some([whole, within]) = compared([&old, &new]) else { continue };
            whole_worse += u32::from(whole.interval(0.95).high < 0.0);
            within_worse += u32::from(within.always_valid(0.95).high < 0.0);
        }
        assert!(within_worse * 20 <= HOUSES as u32, "{within_worse} of {HOUSES}");
        assert!(whole_worse * 4 > HOUSES as u32, "the mix alone makes the whole worse: {whole_worse}");
    }
}

#[test]
fn a_healthy_release_looked_at_every_day_is_rarely_called_worse() {
    let mut worse = 0;
    for seed in 0..HOUSES {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let release = Release { good: [0.9; 2], hard: 0.3 };
        let (old, new) = (HOUSE.answers(release, &mut rng), HOUSE.answers(release, &mut rng));
        let looks = (1..=10).map(|day| day * 200);
        let seen = |now: usize| compared([&old[..now], &new[..now]]);
        worse += u32::from(looks.filter_map(seen).any(|[whole, _]| whole.always_valid(0.95).high < 0.0));
    }
    assert!(worse * 20 <= HOUSES as u32, "{worse} of {HOUSES}");
}
