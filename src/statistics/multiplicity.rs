//! Many tests at once: which segments may be called changed when dozens are looked at.

/// P-values adjusted for false discovery under any dependence (Benjamini and Yekutieli 2001), in the given order: reject
/// where they are at most the false discovery rate.
pub fn benjamini_yekutieli(p: &[f64]) -> Vec<f64> {
    let tests = p.len() as f64;
    let harmonic: f64 = (1..=p.len()).map(|k| 1.0 / k as f64).sum();
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

/// The e-BH procedure (Wang and Ramdas 2022): the least e-value that is a discovery under any dependence, or `None`
/// where none is. `alone` is what a single test would need: `1 / α` at false discovery rate `α`, or the run length that
/// e-detectors promise. Of `K` values the `k` largest are discoveries when each is at least `alone · K / k`. Only for
/// current e-values, not for running maxima.
pub fn e_benjamini_hochberg(e: impl Iterator<Item = f64> + Clone, alone: f64) -> Option<f64> {
    // Even the first of many needs as much as a single one: most of the time there is nothing to sort.
    if e.clone().all(|e| e < alone) {
        return None;
    }
    let mut descending: Vec<f64> = e.collect();
    descending.sort_by(|a, b| b.total_cmp(a));
    let number = descending.len() as f64;
    let needed = |rank: usize| alone * number / rank as f64;
    (1..=descending.len()).rev().find(|&rank| descending[rank - 1] >= needed(rank)).map(needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn adjusting_never_helps_a_test(p in prop::collection::vec(0.0..=1.0_f64, 1..30)) {
            for (p, adjusted) in p.iter().zip(benjamini_yekutieli(&p)) {
                prop_assert!(adjusted >= *p - 1e-15 && adjusted <= 1.0);
            }
        }

        #[test]
        fn every_discovery_has_what_its_rank_needs(e in prop::collection::vec(0.0..500.0_f64, 1..30)) {
            let found = |threshold: f64| e.iter().filter(|e| **e >= threshold).count();
            if let Some(threshold) = e_benjamini_hochberg(e.iter().copied(), 20.0) {
                let least = 20.0 * e.len() as f64 / found(threshold) as f64;
                prop_assert!((threshold - least).abs() < 1e-9 * least);
            }
        }
    }

    #[test]
    fn no_tests_no_discoveries() {
        assert!(benjamini_yekutieli(&[]).is_empty());
        assert_eq!(e_benjamini_hochberg(std::iter::empty(), 20.0), None);
        assert_eq!(e_benjamini_hochberg([19.0, 0.1].into_iter(), 20.0), None);
    }
}
