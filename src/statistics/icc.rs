//! Intraclass correlation: does a judge give the same item the same score again?

use super::distribution::f_quantile;
use super::{Interval, Reason};

/// Which model of the replays (McGraw and Wong 1996).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// ICC(1,·): replays are interchangeable draws.
    OneWay,
    /// ICC(A,·): absolute agreement; a shift of one replay counts against it. The default for test–retest.
    Agreement,
    /// ICC(C,·): consistency; shifts are forgiven.
    Consistency,
}

/// An intraclass correlation with its interval, of one replay and of the mean of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Icc {
    /// Of a single replay.
    pub single: (f64, Interval),
    /// Of the mean over the replays.
    pub average: (f64, Interval),
}

/// Mean squares of a two-way layout.
struct MeanSquares {
    items: f64,
    replays: f64,
    error: f64,
    within: f64,
    n: f64,
    k: f64,
}

/// The intraclass correlation of `items`, each with the same number of replays, at `confidence`.
///
/// Needs two items and two replays; [`Reason::NoVariance`] when all scores are the same.
pub fn icc(items: &[Vec<f64>], model: Model, confidence: f64) -> Result<Icc, Reason> {
    let ms = mean_squares(items)?;
    let (single, low, high) = match model {
        Model::OneWay => one_way(&ms, confidence),
        Model::Consistency => consistency(&ms, confidence),
        Model::Agreement => agreement(&ms, confidence),
    };
    if !single.is_finite() {
        return Err(Reason::NoVariance);
    }
    // Spearman–Brown: what averaging k replays makes of a single one.
    let averaged = |icc: f64| ms.k * icc / (1.0 + (ms.k - 1.0) * icc);
    Ok(Icc {
        single: (single, Interval { low, high }),
        average: (averaged(single), Interval { low: averaged(low), high: averaged(high) }),
    })
}

fn one_way(ms: &MeanSquares, confidence: f64) -> (f64, f64, f64) {
    let ratio = ms.items / ms.within;
    let (numerator, denominator) = (ms.n - 1.0, ms.n * (ms.k - 1.0));
    from_ratio(ratio, ms.k, numerator, denominator, confidence)
}

fn consistency(ms: &MeanSquares, confidence: f64) -> (f64, f64, f64) {
    let ratio = ms.items / ms.error;
    let (numerator, denominator) = (ms.n - 1.0, (ms.n - 1.0) * (ms.k - 1.0));
    from_ratio(ratio, ms.k, numerator, denominator, confidence)
}

/// `(F - 1)/(F + k - 1)` and the limits from F over and times its quantiles.
fn from_ratio(ratio: f64, k: f64, numerator: f64, denominator: f64, confidence: f64) -> (f64, f64, f64) {
    let level = 0.5 + confidence / 2.0;
    let value = |f: f64| (f - 1.0) / (f + k - 1.0);
    let low = ratio / f_quantile(level, numerator, denominator);
    let high = ratio * f_quantile(level, denominator, numerator);
    (value(ratio), value(low), value(high))
}

/// Absolute agreement, with McGraw and Wong's approximate degrees of freedom.
fn agreement(ms: &MeanSquares, confidence: f64) -> (f64, f64, f64) {
    let MeanSquares { items, replays, error, n, k, .. } = *ms;
    let icc = (items - error) / (items + (k - 1.0) * error + k * (replays - error) / n);
    let level = 0.5 + confidence / 2.0;
    let a = k * icc / (n * (1.0 - icc));
    let b = 1.0 + k * icc * (n - 1.0) / (n * (1.0 - icc));
    let spread = (a * replays).powi(2) / (k - 1.0) + (b * error).powi(2) / ((n - 1.0) * (k - 1.0));
    let v = (a * replays + b * error).powi(2) / spread;
    let f_low = f_quantile(level, n - 1.0, v);
    let f_high = f_quantile(level, v, n - 1.0);
    let common = k * replays + (k * n - k - n) * error;
    let low = n * (items - f_low * error) / (f_low * common + n * items);
    let high = n * (f_high * items - error) / (common + n * f_high * items);
    (icc, low, high)
}

fn mean_squares(items: &[Vec<f64>]) -> Result<MeanSquares, Reason> {
    let replays = items.first().map_or(0, Vec::len);
    if items.len() < 2 || replays < 2 {
        return Err(Reason::TooFew);
    }
    let valid = |item: &Vec<f64>| item.len() == replays && item.iter().all(|score| score.is_finite());
    if !items.iter().all(valid) {
        return Err(Reason::InvalidInput);
    }
    let (n, k) = (items.len() as f64, replays as f64);
    let grand = items.iter().flatten().sum::<f64>() / (n * k);
    let item_mean = |item: &Vec<f64>| item.iter().sum::<f64>() / k;
    let replay_mean = |replay: usize| items.iter().map(|item| item[replay]).sum::<f64>() / n;
    let between_items = k * items.iter().map(|item| (item_mean(item) - grand).powi(2)).sum::<f64>();
    let between_replays = n * (0..replays).map(|replay| (replay_mean(replay) - grand).powi(2)).sum::<f64>();
    let total: f64 = items.iter().flatten().map(|score| (score - grand).powi(2)).sum();
    let within = (total - between_items).max(0.0);
    Ok(MeanSquares {
        items: between_items / (n - 1.0),
        replays: between_replays / (k - 1.0),
        error: (within - between_replays).max(0.0) / ((n - 1.0) * (k - 1.0)),
        within: within / (n * (k - 1.0)),
        n,
        k,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_counts_against_agreement_and_not_against_consistency() {
        let items: Vec<Vec<f64>> =
            [1.0, 2.0, 4.0, 5.0].iter().enumerate().map(|(i, s)| vec![*s, s + 1.0 + 0.01 * i as f64]).collect();
        let single = |model| icc(&items, model, 0.95).unwrap().single.0;
        assert!(single(Model::Consistency) > 0.99);
        assert!(single(Model::Agreement) < 0.95);
    }

    #[test]
    fn one_replay_tells_nothing() {
        assert_eq!(icc(&[vec![1.0], vec![2.0]], Model::Agreement, 0.95), Err(Reason::TooFew));
        assert_eq!(icc(&[vec![1.0, 1.0], vec![1.0, 1.0]], Model::Agreement, 0.95), Err(Reason::NoVariance));
    }
}
