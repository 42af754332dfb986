//! How long judges took, counted in bins that grow with the time: quantiles are exact to 3 %.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bins between a power of two and the next.
const STEPS: i64 = 16;

/// Calls by the time they took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies(BTreeMap<i64, i64>);

impl Latencies {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `times` calls that took `ms`; takes out where negative.
    pub fn add(&mut self, ms: i64, times: i64) {
        self.count(bin(ms), times);
    }

    pub(super) fn add_all(&mut self, other: &Self, sign: i64) {
        for (bin, number) in &other.0 {
            self.count(*bin, sign * number);
        }
    }

    fn count(&mut self, bin: i64, times: i64) {
        let number = self.0.entry(bin).or_default();
        *number += times;
        if *number == 0 {
            self.0.remove(&bin);
        }
    }

    /// How many calls were counted.
    pub fn calls(&self) -> u64 {
        self.0.values().sum::<i64>().max(0) as u64
    }

    /// The time of the call of this rank, counted from 1 for the fastest, in milliseconds; none beyond the last.
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut below = 0;
        self.0.iter().find_map(|(bin, number)| {
            below += (*number).max(0) as u64;
            (below >= rank).then(|| middle(*bin))
        })
    }
}

/// Below 2 · STEPS ms each millisecond has a bin; above, each octave has STEPS of them.
fn bin(ms: i64) -> i64 {
    let ms = ms.max(0);
    if ms < 2 * STEPS {
        return ms;
    }
    let octave = i64::from(ms.ilog2() - STEPS.ilog2());
    octave * STEPS + (ms >> octave)
}

fn middle(bin: i64) -> f64 {
    if bin < 2 * STEPS {
        return bin as f64;
    }
    let octave = bin / STEPS - 1;
    let low = (bin - octave * STEPS) << octave;
    low as f64 + ((1_i64 << octave) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_told_within_three_percent() {
        for ms in (0..200_000).chain([3_600_000, 86_400_000]) {
            let told = middle(bin(ms));
            assert!((told - ms as f64).abs() <= 0.032 * ms as f64, "{ms} ms is told as {told}");
        }
    }

    #[test]
    fn ranks_count_from_the_fastest() {
        let mut latencies = Latencies::default();
        for ms in [10, 10, 20] {
            latencies.add(ms, 1);
        }
        assert_eq!((latencies.at_rank(2), latencies.at_rank(3), latencies.at_rank(4)), (Some(10.0), Some(20.0), None));
        latencies.add(20, -1);
        assert_eq!(latencies.calls(), 2);
    }
}
