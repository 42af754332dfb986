//! A judge's own noise over golden cases: what it says of one case when it is asked again.

use std::collections::BTreeMap;

use crate::agreement::{Noise, Repeated};
use crate::model::Verdict;

/// The verdicts on each case.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    cases: BTreeMap<String, Vec<Repeated>>,
}

impl Verdicts {
    pub(super) fn note(&mut self, case: &str, verdict: &Verdict) {
        let said = match verdict {
            Verdict::Scored { score, .. } => Repeated::of(Some(score)),
            Verdict::Abstained { .. } => Repeated::of(None),
        };
        self.cases.entry(case.to_owned()).or_default().push(said);
    }

    /// Flip rate and intraclass correlation in words.
    pub(super) fn told(&self) -> String {
        let cases: Vec<Vec<Repeated>> = self.cases.values().cloned().collect();
        format!("  noise: two verdicts on one case differ in {}", Noise::of(&cases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scale, Score};

    #[test]
    fn noise_is_told_with_its_interval() {
        let scale = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap();
        let mut verdicts = Verdicts::default();
        for (case, levels) in [("a", [5.0, 5.0, 4.0]), ("b", [1.0, 2.0, 1.0]), ("c", [3.0, 4.0, 3.0])] {
            for level in levels {
                let score = Score::of_number(&scale, level).unwrap();
                verdicts.note(case, &Verdict::Scored { score, rationale: String::new() });
            }
        }
        let told = verdicts.told();
        assert!(told.starts_with("  noise: two verdicts on one case differ in 22.2 % ["), "{told}");
        assert!(told.contains("ICC of one score 0.89 ["), "{told}");
    }
}
