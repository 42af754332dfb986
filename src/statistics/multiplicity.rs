//! Many tests at once: which segments may be called changed when dozens are looked at.

/// What is assumed about the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FalseDiscovery {
    /// Independent or positively dependent tests (Benjamini and Hochberg 1995).
    BenjaminiHochberg,
    /// Any dependence (Benjamini and Yekutieli 2001).
    BenjaminiYekutieli,
}

/// Adjusted p-values, in the given order: reject where they are at most the false discovery rate.
pub fn adjusted(p: &[f64], procedure: FalseDiscovery) -> Vec<f64> {
    let tests = p.len() as f64;
    let harmonic = match procedure {
        FalseDiscovery::BenjaminiHochberg => 1.0,
        FalseDiscovery::BenjaminiYekutieli => (1..=p.len()).map(|k| 1.0 / k as f64).sum(),
    };
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut result = vec![1.0; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p[index] * tests * harmonic / (rank + 1) as f64);
        result[index] = smallest;
    }
    result
}

/// The e-BH procedure (Wang and Ramdas 2022): which e-values are discoveries at false discovery rate `alpha`, under
/// any dependence. Only for current e-values, not for running maxima.
pub fn e_benjamini_hochberg(e: &[f64], alpha: f64) -> Vec<bool> {
    let mut descending = e.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let needed = |k: usize| e.len() as f64 / (alpha * k as f64);
    let threshold = (1..=e.len()).rev().find(|&k| descending[k - 1] >= needed(k)).map(needed);
    e.iter().map(|e| threshold.is_some_and(|threshold| *e >= threshold)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn adjusting_never_helps_a_test(p in prop::collection::vec(0.0..=1.0_f64, 1..30)) {
            let bh = adjusted(&p, FalseDiscovery::BenjaminiHochberg);
            let by = adjusted(&p, FalseDiscovery::BenjaminiYekutieli);
            for ((p, bh), by) in p.iter().zip(bh).zip(by) {
                prop_assert!(bh >= *p - 1e-15 && by >= bh - 1e-15 && by <= 1.0);
            }
        }
    }

    #[test]
    fn no_tests_no_discoveries() {
        assert!(adjusted(&[], FalseDiscovery::BenjaminiHochberg).is_empty());
        assert!(e_benjamini_hochberg(&[], 0.05).is_empty());
        assert_eq!(e_benjamini_hochberg(&[19.0, 0.1], 0.05), [false, false]);
    }
}
