//! What becomes of a fall that is made up for: is it called back, how soon, wrongly, and is a second fall found?

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Serialize;

use super::{delays_of, entry, found, pair, settings};
use crate::drift::{Entry, Flag, Kind, Recovered};

/// Labels after the baseline at which agreement falls, is back, and falls again; then the history goes on as long.
const FALL: usize = 200;
const RETURN: usize = 500;
const SECOND_FALL: usize = 1_000;
const END: usize = 1_300;
const HEALTHY: f64 = 0.9;

/// What the watch made of many histories in which agreement falls, returns and falls again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rearming {
    /// What agreement falls to.
    pub fallen: f64,
    /// How many histories there were in which the first fall was found before the return.
    pub streams: usize,
    /// In how many of them the fall was called back while it stood.
    pub wrongly_back: usize,
    /// In how many the return was found before the second fall.
    pub back: usize,
    /// Labels from the return to that: median and 90th percentile.
    pub delay: Option<(f64, f64)>,
    /// In how many of these the second fall was found on its own.
    pub found_again: usize,
    /// Labels from the second fall to that: median and 90th percentile.
    pub second_delay: Option<(f64, f64)>,
}

/// Makes `streams` histories and looks at each with the shipped settings.
pub fn rearming(fallen: f64, streams: usize, seed: u64) -> Rearming {
    let mut all =
        Rearming { fallen, streams: 0, wrongly_back: 0, back: 0, delay: None, found_again: 0, second_delay: None };
    let (mut delays, mut second_delays) = (Vec::new(), Vec::new());
    for stream in 0..streams {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(stream as u64));
        let entries = history(fallen, &mut rng);
        let labels: Vec<usize> = (0..entries.len()).collect();
        let report = found(entries, &labels);
        let over: Vec<&Recovered<usize>> = report.recovered.iter().filter(|one| is_whole(&one.flag)).collect();
        let standing = report.flags.iter().filter(|flag| is_whole(flag));
        let falls: Vec<&Flag<usize>> = over.iter().map(|one| &one.flag).chain(standing).collect();
        let between = |from: usize, until: usize| {
            move |label: usize| label.checked_sub(settings().baseline).is_some_and(|at| (from..until).contains(&at))
        };
        if !falls.iter().any(|flag| between(FALL, RETURN)(flag.detected_at)) {
            continue;
        }
        all.streams += 1;
        let returns = || over.iter().map(|one| one.recovery.detected_at);
        all.wrongly_back += usize::from(returns().any(between(FALL, RETURN)));
        let Some(back) = returns().find(|label| between(RETURN, SECOND_FALL)(*label)) else { continue };
        all.back += 1;
        delays.push((back - settings().baseline - RETURN) as f64);
        let again = falls.iter().map(|flag| flag.detected_at).find(|at| between(SECOND_FALL, END)(*at));
        if let Some(again) = again {
            all.found_again += 1;
            second_delays.push((again - settings().baseline - SECOND_FALL) as f64);
        }
    }
    Rearming { delay: delays_of(delays), second_delay: delays_of(second_delays), ..all }
}

fn is_whole(flag: &Flag<usize>) -> bool {
    flag.kind == Kind::Agreement && flag.segment.is_none()
}

fn history(fallen: f64, rng: &mut Xoshiro256PlusPlus) -> Vec<Entry> {
    let baseline = settings().baseline;
    let at = |label: usize| match label.checked_sub(baseline) {
        Some(FALL..RETURN | SECOND_FALL..) => fallen,
        _ => HEALTHY,
    };
    (0..baseline + END)
        .map(|label| {
            let (human, judge) = pair(at(label), rng);
            entry(&format!("item {label}"), Some(human), Some(judge))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapse_that_is_made_up_for_is_called_back_and_the_next_one_found() {
        let found = rearming(0.5, 20, 5);
        assert!(found.streams >= 18 && found.wrongly_back == 0, "{found:?}");
        assert!(found.back + 1 >= found.streams && found.found_again + 1 >= found.back, "{found:?}");
        assert!(found.second_delay.unwrap().0 <= 25.0, "{found:?}");
    }
}
