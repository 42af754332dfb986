//! Whatever comes from outside is mutated and read: nothing panics, and what holds of every input holds of these.
//!
//! Each input follows from a number, so that a failure names what made it. The suite tries a few hundred of each; `scripts/test
//! --full` goes on for `JUDGED_FUZZ_SECONDS` for each target.

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutations;

/// Inputs of one target where no time is given.
const INPUTS: u64 = 300;

/// Reads mutations of `seeds` with `check`, which panics where something does not hold.
fn hold(target: &str, seeds: &[Vec<u8>], words: &[&str], check: impl Fn(&[u8])) {
    assert!(!seeds.is_empty());
    let seconds = std::env::var("JUDGED_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mutations = Mutations { seeds, words };
    let mut number = 0;
    while until.map_or(number < INPUTS, |until| Instant::now() < until) {
        let input = mutations.input(number);
        let holds = catch_unwind(AssertUnwindSafe(|| check(&input))).is_ok();
        assert!(holds, "{target}: input {number} does not hold: {}", input.escape_ascii());
        number += 1;
    }
    if until.is_some() {
        assert!(number > INPUTS, "{target}: only {number} inputs in the time: one of them takes too long");
    }
}
