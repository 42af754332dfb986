//! What OpenTelemetry's consistent probability sampling leaves in `tracestate`: `ot=th:…;rv:…`.
//!
//! Randomness `R` and threshold `T` are 56-bit numbers; a sampler keeps a span when `T <= R`, so that `T` is the number
//! of rejected values and `(2^56 - T) / 2^56` the probability.

use crate::model::{Probability, TraceId};

const BITS: u32 = 56;
const DIGITS: usize = 14;
const RANGE: u64 = 1 << BITS;
/// The specification's limit on the length of the `ot` value.
const MAX_VALUE: usize = 256;

/// The rejection threshold `T` of an upstream sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Threshold(u64);

impl Threshold {
    /// Reads `th`: 1 to 14 lower-case hexadecimal digits, padded on the right with zeros.
    fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || digits.len() > DIGITS {
            return None;
        }
        Some(Self(hexadecimal(digits)? << (4 * (DIGITS - digits.len()))))
    }

    /// The probability that a span passes.
    pub(super) fn probability(self) -> Probability {
        // 0 <= T < 2^56, so that the quotient is in (0, 1].
        Probability::try_from((RANGE - self.0) as f64 / RANGE as f64).unwrap_or(Probability::ONE)
    }

    /// Whether a span of this randomness passes.
    pub(super) fn admits(self, randomness: Randomness) -> bool {
        self.0 <= randomness.0
    }
}

/// The randomness `R` of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Randomness(u64);

impl Randomness {
    /// Reads `rv`: exactly 14 lower-case hexadecimal digits.
    fn parse(digits: &str) -> Option<Self> {
        if digits.len() == DIGITS { hexadecimal(digits).map(Self) } else { None }
    }

    /// The last seven bytes of the trace id.
    fn of_trace(trace_id: TraceId) -> Self {
        let number = u128::from_be_bytes(*trace_id.as_bytes());
        Self(number as u64 & (RANGE - 1))
    }

    /// `u` in [0, 1) such that `u < p` exactly when a sampler of probability `p` keeps the trace.
    pub(super) fn unit(self) -> f64 {
        // A double holds 53 bits; cutting the lowest three keeps every comparison with a threshold of up to 13 digits.
        ((RANGE - 1 - self.0) >> 3) as f64 / (1u64 << 53) as f64
    }
}

fn hexadecimal(digits: &str) -> Option<u64> {
    let lower_case = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if lower_case { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// What a `tracestate` says about the sampling so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Upstream {
    /// The trace's randomness: `rv` where given, else from the trace id.
    pub(super) randomness: Randomness,
    /// The probability with which the span came this far; 1 when nothing (believable) is said.
    pub(super) probability: Probability,
}

/// Reads the `ot` entry. A threshold that the randomness contradicts is ignored, as the Collector ignores it: such a
/// span did not pass the sampler it names.
pub(super) fn read(trace_id: TraceId, trace_state: &str) -> Upstream {
    let (threshold, randomness) = fields(trace_state);
    let randomness = randomness.unwrap_or_else(|| Randomness::of_trace(trace_id));
    let probability =
        threshold.filter(|threshold| threshold.admits(randomness)).map_or(Probability::ONE, Threshold::probability);
    Upstream { randomness, probability }
}

fn fields(trace_state: &str) -> (Option<Threshold>, Option<Randomness>) {
    let entry = trace_state.split(',').find_map(|entry| entry.trim().strip_prefix("ot="));
    let Some(value) = entry.filter(|value| value.len() <= MAX_VALUE) else { return (None, None) };
    let field = |name: &str| value.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix(':'));
    (field("th").and_then(Threshold::parse), field("rv").and_then(Randomness::parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(low: u64) -> TraceId {
        let mut bytes = [0xab; 16];
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        TraceId::try_from(bytes.as_slice()).unwrap()
    }

    #[test]
    fn thresholds_stand_for_the_probabilities_the_collector_writes_them_for() {
        let written = [
            ("0", 1.0),
            ("8", 0.5),
            ("c", 0.25),
            ("e666", 0.1),
            ("fd70a", 0.01),
            ("f3333", 0.05),
            ("cccd", 0.2),
            ("ffbe77", 0.001),
            ("028f6", 0.99),
        ];
        for (digits, probability) in written {
            let read = Threshold::parse(digits).unwrap().probability().get();
            assert!((read / probability - 1.0).abs() < 1e-4, "th:{digits} is {read}, expected {probability}");
        }
    }

    #[test]
    fn the_unit_number_decides_as_the_threshold_does_at_the_very_edge() {
        for digits in ["8", "c", "e666", "fd70a", "ffbe77", "028f6"] {
            let threshold = Threshold::parse(digits).unwrap();
            let (kept, dropped) = (Randomness(threshold.0), Randomness(threshold.0 - 1));
            let probability = threshold.probability().get();
            assert!(threshold.admits(kept) && kept.unit() < probability, "th:{digits}");
            assert!(!threshold.admits(dropped) && dropped.unit() >= probability, "th:{digits}");
        }
        assert_eq!(Randomness(RANGE - 1).unit(), 0.0);
        assert!(Randomness(0).unit() < 1.0);
    }

    #[test]
    fn randomness_is_rv_or_else_the_last_seven_bytes_of_the_trace_id() {
        let id = trace(0x1234_5678_9abc_def0);
        assert_eq!(read(id, "").randomness, Randomness(0x1234_5678_9abc_def0 & (RANGE - 1)));
        assert_eq!(read(id, "x=1,ot=th:8;rv:ff000000000001").randomness, Randomness(0xff_0000_0000_0001));
        assert_eq!(read(id, "ot=rv:ff").randomness, Randomness::of_trace(id), "rv is 14 digits or nothing");
    }

    #[test]
    fn the_upstream_probability_is_believed_only_when_the_randomness_passes_the_threshold() {
        let passes = trace(u64::MAX);
        assert_eq!(read(passes, "ot=th:c").probability.get(), 0.25);
        assert_eq!(read(passes, "vendor=ot,ot=p:8;th:8").probability.get(), 0.5);
        assert_eq!(read(trace(1), "ot=th:c").probability, Probability::ONE);
        for nonsense in ["ot=th:", "ot=th:C", "ot=th:123456789abcdef", "ot=th", "ot=", "th:8", ",,"] {
            assert_eq!(read(passes, nonsense).probability, Probability::ONE, "{nonsense}");
        }
    }
}
