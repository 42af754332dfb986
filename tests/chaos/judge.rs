//! The judge's moods.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::fake_judge::Answer;

/// What the judge does with its n-th request: mostly its work, and everything else that endpoints have been seen to do.
pub fn answer(seed: u64, number: usize) -> Answer {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(number as u64));
    let latency = Duration::from_millis(rng.random_range(5..80));
    match rng.random_range(0..100) {
        0..6 => Answer::rate_limited("retry-after", "1"),
        6..13 => Answer::Status { status: 500, headers: Vec::new(), body: "internal error".to_owned() },
        13..17 => Answer::Fits.after(Duration::from_secs(5)),
        17..21 => Answer::html(),
        21..26 => Answer::Says("I would say {\"rationale\": \"it is".to_owned()),
        26..29 => Answer::Drops,
        _ => Answer::Fits.after(latency),
    }
}
