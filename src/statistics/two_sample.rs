//! Two samples of continuous scores: the test of Kolmogorov and Smirnov.

use super::Reason;

/// Above this many cells the exact distribution gives way to the asymptotic one.
const EXACT_LIMIT: usize = 10_000_000;

/// The result of a Kolmogorov–Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct KolmogorovSmirnov {
    /// The largest distance of the two distribution functions.
    pub statistic: f64,
    /// P of a distance at least as large, if both samples come from one continuous distribution. Conservative with
    /// ties: for scores on levels use the chi-squared test.
    pub p: f64,
}

/// The two-sided, two-sample Kolmogorov–Smirnov test; exact up to 10 million cells `n·m`.
pub fn kolmogorov_smirnov(reference: &[f64], current: &[f64]) -> Result<KolmogorovSmirnov, Reason> {
    let (a, b) = (sorted(reference)?, sorted(current)?);
    let steps = a.iter().chain(&b).map(|value| {
        let at_most = |values: &[f64]| values.partition_point(|other| other <= value) as f64 / values.len() as f64;
        (at_most(&a) - at_most(&b)).abs()
    });
    let statistic = steps.fold(0.0, f64::max);
    let p = if a.len().saturating_mul(b.len()) <= EXACT_LIMIT {
        1.0 - share_of_paths_inside(statistic, a.len(), b.len())
    } else {
        let effective = a.len() as f64 * b.len() as f64 / (a.len() + b.len()) as f64;
        kolmogorov_tail(statistic * effective.sqrt())
    };
    Ok(KolmogorovSmirnov { statistic, p: p.clamp(0.0, 1.0) })
}

/// P(D < statistic): the share of lattice paths from (0,0) to (n,m) whose distance from the diagonal stays below it.
fn share_of_paths_inside(statistic: f64, n: usize, m: usize) -> f64 {
    let (rows, columns) = (n as f64, m as f64);
    let limit = (0.5 + (statistic * rows * columns - 1e-7).floor()) / (rows * columns);
    let outside = |i: usize, j: usize| (i as f64 / rows - j as f64 / columns).abs() > limit;
    let mut paths: Vec<f64> = (0..=m).map(|j| f64::from(u8::from(!outside(0, j)))).collect();
    for i in 1..=n {
        let weight = i as f64 / (i + m) as f64;
        for j in 0..=m {
            paths[j] = match j {
                _ if outside(i, j) => 0.0,
                0 => weight * paths[0],
                _ => weight * paths[j] + paths[j - 1],
            };
        }
    }
    paths[m]
}

/// P(K > x) of the Kolmogorov distribution.
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    (1..=100).map(|k| f64::from(2 * (k % 2) - 1) * (-2.0 * f64::from(k * k) * x * x).exp()).sum::<f64>() * 2.0
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, Reason> {
    if values.is_empty() {
        return Err(Reason::NoPairs);
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Reason::InvalidInput);
    }
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sample_has_not_moved() {
        let sample = [0.2, 0.4, 0.9];
        assert_eq!(kolmogorov_smirnov(&sample, &sample).unwrap(), KolmogorovSmirnov { statistic: 0.0, p: 1.0 });
    }

    #[test]
    fn the_asymptotic_tail_meets_the_exact_one() {
        let (n, statistic) = (1_000, 0.06);
        let exact = 1.0 - share_of_paths_inside(statistic, n, n);
        let asymptotic = kolmogorov_tail(statistic * (n as f64 / 2.0).sqrt());
        assert!((exact - asymptotic).abs() < 0.005, "{exact} {asymptotic}");
    }
}
