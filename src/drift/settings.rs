//! How to watch.

/// How to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Labels of the baseline.
    pub baseline: usize,
    /// A fall of agreement below this is no drift.
    pub tolerance: f64,
    /// Labels that pass on average before a false alarm, at least.
    pub run_length: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { baseline: 200, tolerance: 0.05, run_length: 1_000.0 }
    }
}
