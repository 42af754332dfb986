//! The Page–Hinkley test: fast when tuned, but without a guarantee. Offered as an option; calibrate its threshold by
//! replaying the stream it will watch.

/// Parameters; the defaults are those of river, which on 0/1 streams never fire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Observations before the first alarm.
    pub min_instances: u64,
    /// Change of the mean that is tolerated.
    pub delta: f64,
    /// Alarm threshold.
    pub threshold: f64,
    /// Forgetting factor.
    pub alpha: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { min_instances: 30, delta: 0.005, threshold: 50.0, alpha: 0.9999 }
    }
}

/// Detects a rise of the mean of a stream (of disagreements, for a judge).
#[derive(Debug, Clone, PartialEq)]
pub struct PageHinkley {
    parameters: Parameters,
    observed: u64,
    mean: f64,
    sum: f64,
    lowest: f64,
}

impl PageHinkley {
    /// A fresh test.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, observed: 0, mean: 0.0, sum: 0.0, lowest: f64::INFINITY }
    }

    /// Takes the next observation; true at an alarm, after which the test starts afresh.
    pub fn observe(&mut self, x: f64) -> bool {
        self.observed += 1;
        self.mean += (x - self.mean) / self.observed as f64;
        self.sum = self.parameters.alpha * self.sum + x - self.mean - self.parameters.delta;
        self.lowest = self.lowest.min(self.sum);
        let alarm =
            self.observed >= self.parameters.min_instances && self.sum - self.lowest > self.parameters.threshold;
        if alarm {
            *self = Self::new(self.parameters);
        }
        alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_found_once() {
        let mut test = PageHinkley::new(Parameters { delta: 0.05, threshold: 5.0, ..Parameters::default() });
        let stream = (0..100).map(|_| 0.0).chain((0..12).map(|_| 1.0));
        let alarms: Vec<usize> = stream.enumerate().filter_map(|(index, x)| test.observe(x).then_some(index)).collect();
        assert_eq!(alarms.len(), 1);
        assert!(alarms[0] >= 100);
    }
}
