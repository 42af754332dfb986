//! How to watch.

/// Assumed as long as nobody has measured it. Identical requests do get different verdicts, even at temperature 0.
const JUDGE_NOISE: f64 = 0.05;

/// How to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Labels of the baseline.
    pub baseline: usize,
    /// A fall of agreement below this is no drift.
    pub tolerance: f64,
    /// Labels that pass on average before a false alarm, at least.
    pub run_length: f64,
    /// Share of changed verdicts that an unchanged judge's own noise causes.
    pub judge_noise: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { baseline: 200, tolerance: 0.05, run_length: 1_000.0, judge_noise: JUDGE_NOISE }
    }
}
