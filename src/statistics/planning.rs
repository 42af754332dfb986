//! How many labels it takes to see a fall of agreement: the delay of the drift detector, by simulation.
//!
//! Its rule of thumb is `ln(run length) / KL(after, bound)`; simulation is exact about the mixture of bets and gives
//! the unlucky cases too.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::Reason;
use super::bca::quantile;
use super::e_detector::Detector;

/// Simulated streams.
const STREAMS: usize = 1_000;
/// Labels after which a fall counts as not found.
const HORIZON: u64 = 20_000;

/// Labels from a fall to its detection.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Delay {
    /// Half of all falls are found by then.
    pub median: Option<f64>,
    /// Nine of ten are.
    pub nine_of_ten: Option<f64>,
}

/// The delay of the Shiryaev–Roberts detector with average run length `run_length`, whose bound is `tolerance` below
/// `agreement`, when agreement falls by `fall` after 200 labels. `None` where it takes more than 20,000 labels.
pub fn detection_delay(agreement: f64, fall: f64, tolerance: f64, run_length: f64, seed: u64) -> Result<Delay, Reason> {
    let after = agreement - fall;
    if !(agreement <= 1.0 && fall > 0.0 && after >= 0.0 && run_length >= 1.0) {
        return Err(Reason::InvalidInput);
    }
    let quiet = Detector::new(agreement - tolerance)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut delays: Vec<f64> =
        (0..STREAMS).map(|_| one_delay(quiet.clone(), agreement, after, run_length, &mut rng)).collect();
    delays.sort_by(f64::total_cmp);
    let at = |level: f64| quantile(&delays, level).filter(|delay| *delay < HORIZON as f64);
    Ok(Delay { median: at(0.5), nine_of_ten: at(0.9) })
}

fn one_delay(mut detector: Detector, before: f64, after: f64, run_length: f64, rng: &mut Xoshiro256PlusPlus) -> f64 {
    for _ in 0..200 {
        detector.observe(f64::from(u8::from(rng.random::<f64>() < before)));
    }
    let found = (1..HORIZON).find(|_| detector.observe(f64::from(u8::from(rng.random::<f64>() < after))) >= run_length);
    found.unwrap_or(HORIZON) as f64
}

/// Labels for a Wilson interval of at most `half_width` around `agreement` at the default confidence.
pub fn labels_for_width(agreement: f64, half_width: f64) -> Result<u64, Reason> {
    if !((0.0..=1.0).contains(&agreement) && half_width > 0.0 && half_width < 0.5) {
        return Err(Reason::InvalidInput);
    }
    let width = |n: u64| {
        super::wilson(agreement * n as f64, n as f64, super::CONFIDENCE).map(|interval| interval.high - interval.low)
    };
    let (mut low, mut high) = (0, 1);
    while width(high)? > 2.0 * half_width {
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if width(middle)? > 2.0 * half_width { low = middle } else { high = middle }
    }
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_falls_are_seen_sooner() {
        let median = |fall| detection_delay(0.85, fall, 0.05, 1_000.0, 1).unwrap().median.unwrap();
        assert!(median(0.25) < median(0.15) && median(0.15) < median(0.10));
        assert!((60.0..130.0).contains(&median(0.15)), "0.85 to 0.70 takes about 90 labels, not {}", median(0.15));
    }

    #[test]
    fn what_cannot_fall_is_refused() {
        assert_eq!(detection_delay(0.3, 0.4, 0.05, 1_000.0, 1), Err(Reason::InvalidInput));
        assert_eq!(labels_for_width(0.9, 0.0), Err(Reason::InvalidInput));
    }

    #[test]
    fn five_points_either_side_of_085_take_about_200_labels() {
        let labels = labels_for_width(0.85, 0.05).unwrap();
        assert!((180..=210).contains(&labels), "{labels}");
    }
}
