//! False discovery control over an unbounded stream of one-off tests: the level of each depends on what came before.
//!
//! For repeated looks at the same segments use e-values and [`super::multiplicity::e_benjamini_hochberg`] instead.

/// A rule that grants each test of a stream its level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// LOND: levels grow with the number of discoveries (Javanmard and Montanari 2015).
    Lond,
    /// LOND for arbitrarily dependent p-values.
    LondDependent,
    /// LORD++ (Ramdas and others 2017).
    LordPlusPlus {
        /// Initial wealth, below the target rate.
        wealth: f64,
    },
    /// SAFFRON: adapts to the share of true nulls (Ramdas and others 2018).
    Saffron {
        /// Initial wealth, below the target rate.
        wealth: f64,
        /// p-values up to this are candidates.
        lambda: f64,
    },
}

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The level it was granted.
    pub level: f64,
    /// Whether it is a discovery.
    pub rejected: bool,
}

/// A running stream of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct OnlineFdr {
    rule: Rule,
    alpha: f64,
    tests: usize,
    // Number of each discovery among the tests, from 1.
    rejections: Vec<usize>,
    // candidates_before[t]: candidates among the first t tests.
    candidates_before: Vec<usize>,
    wealth: f64,
}

impl OnlineFdr {
    /// A stream with target rate `alpha`.
    pub fn new(rule: Rule, alpha: f64) -> Self {
        let wealth = match rule {
            Rule::LordPlusPlus { wealth } | Rule::Saffron { wealth, .. } => wealth,
            Rule::Lond | Rule::LondDependent => 0.0,
        };
        Self { rule, alpha, tests: 0, rejections: Vec::new(), candidates_before: vec![0], wealth }
    }

    /// Decides the next p-value.
    pub fn test(&mut self, p: f64) -> Decision {
        self.tests += 1;
        let level = self.level();
        let rejected = p <= level;
        let candidate = matches!(self.rule, Rule::Saffron { lambda, .. } if p <= lambda);
        self.candidates_before.push(self.candidates() + usize::from(candidate));
        if let Rule::LordPlusPlus { .. } = self.rule {
            self.wealth += if rejected { self.alpha - level } else { -level };
        }
        if rejected {
            self.rejections.push(self.tests);
        }
        Decision { level, rejected }
    }

    fn level(&self) -> f64 {
        let t = self.tests;
        let discoveries = self.rejections.len() as f64;
        match self.rule {
            Rule::Lond => self.alpha * gamma_log(t) * (discoveries + 1.0),
            Rule::LondDependent => {
                let harmonic: f64 = (1..=t).map(|k| 1.0 / k as f64).sum();
                self.alpha * gamma_log(t) / harmonic * (discoveries + 1.0)
            }
            Rule::LordPlusPlus { wealth } => {
                let earned = self.earned(wealth, |rejection| gamma_log(t - rejection));
                (wealth * gamma_log(t) + earned).min(self.wealth)
            }
            Rule::Saffron { wealth, lambda } => {
                let idle = |since: usize| t - since - (self.candidates() - self.candidates_before[since]);
                let earned = self.earned(wealth, |rejection| gamma_power(idle(rejection)));
                ((1.0 - lambda) * (wealth * gamma_power(idle(0)) + earned)).min(lambda)
            }
        }
    }

    /// What discoveries earned: the first `alpha - wealth`, each later one `alpha`, spread by `share`.
    fn earned(&self, wealth: f64, share: impl Fn(usize) -> f64) -> f64 {
        let reward = |index: usize| if index == 0 { self.alpha - wealth } else { self.alpha };
        self.rejections.iter().enumerate().map(|(index, &rejection)| reward(index) * share(rejection)).sum()
    }

    fn candidates(&self) -> usize {
        self.candidates_before.last().copied().unwrap_or(0)
    }
}

/// `γ_j = 0.07720838 ln(max(j, 2)) / (j exp √ln j)`: sums to 1.
fn gamma_log(j: usize) -> f64 {
    let x = j.max(1) as f64;
    0.077_208_38 * x.max(2.0).ln() / (x * x.ln().sqrt().exp())
}

/// `γ_j = 0.4374901658 j^-1.6`: sums to 1.
fn gamma_power(j: usize) -> f64 {
    0.437_490_165_8 * (j.max(1) as f64).powf(-1.6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discoveries_earn_level_for_later_tests() {
        let level_after = |first: f64| {
            let mut stream = OnlineFdr::new(Rule::LordPlusPlus { wealth: 0.025 }, 0.05);
            stream.test(first);
            stream.test(0.9).level
        };
        assert!(level_after(0.0) > level_after(0.9));
    }
}
