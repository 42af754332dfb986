//! Does a judge say the same of the same item again? What it does not is its own noise, below which no difference between
//! two numbers of it means anything.

use super::distribution::f_quantile;
use super::{ClusterShare, Estimate, Interval, Reason, clustered_share};

/// The flip rate of verdicts given several times to each item: the probability that two verdicts on one item, given
/// independently, differ. The mean over items of the share of its pairs that do; items with fewer than two verdicts count
/// for nothing. The interval is Wilson's at the number of items, with Student's t (see [`clustered_share`]).
pub fn flip_rate<V: PartialEq>(items: &[Vec<V>], confidence: f64) -> Estimate {
    let shares: Vec<ClusterShare> =
        items.iter().filter_map(|item| Some(ClusterShare { items: 1.0, hits: flips(item)? })).collect();
    if shares.is_empty() {
        return Reason::NoPairs.into();
    }
    let number = shares.len() as f64;
    let rate = shares.iter().map(|one| one.hits).sum::<f64>() / number;
    Estimate::new(Ok(rate), clustered_share(&shares, number, confidence))
}

/// The share of the pairs of verdicts that differ.
fn flips<V: PartialEq>(verdicts: &[V]) -> Option<f64> {
    let pairs = verdicts.iter().enumerate().flat_map(|(at, one)| verdicts[at + 1..].iter().map(move |two| one != two));
    let (number, differ) = pairs.fold((0.0, 0.0), |(number, differ), flip| (number + 1.0, differ + f64::from(flip)));
    (number > 0.0).then(|| differ / number)
}

/// The intraclass correlation ICC(1,1) of scores given equally often to each item: the share of their variance that lies
/// between items, one less the share that is noise. The interval is exact under normality (McGraw and Wong 1996, table 7).
///
/// Needs two items with two scores each; [`Reason::NoVariance`] when all scores are the same.
pub fn icc(items: &[Vec<f64>], confidence: f64) -> Estimate {
    let times = items.first().map_or(0, Vec::len);
    if items.len() < 2 || times < 2 {
        return Reason::TooFew.into();
    }
    if items.iter().any(|item| item.len() != times || item.iter().any(|score| !score.is_finite())) {
        return Reason::InvalidInput.into();
    }
    let (n, k) = (items.len() as f64, times as f64);
    let means: Vec<f64> = items.iter().map(|item| item.iter().sum::<f64>() / k).collect();
    let grand = means.iter().sum::<f64>() / n;
    let between = k * means.iter().map(|mean| (mean - grand).powi(2)).sum::<f64>() / (n - 1.0);
    let squares = |(item, mean): (&Vec<f64>, &f64)| item.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
    let within = items.iter().zip(&means).map(squares).sum::<f64>() / (n * (k - 1.0));
    match (between > 0.0, within > 0.0) {
        (false, false) => Reason::NoVariance.into(),
        (true, false) => Estimate::Bare(1.0, Reason::PerfectAgreement),
        _ => {
            let (ratio, level) = (between / within, 0.5 + confidence / 2.0);
            let (above, below) = (n - 1.0, n * (k - 1.0));
            let value = |ratio: f64| (ratio - 1.0) / (ratio + k - 1.0);
            let low = value(ratio / f_quantile(level, above, below));
            let high = value(ratio * f_quantile(level, below, above));
            let interval = Interval { low, high };
            Estimate::new(Ok(value(ratio)), if low <= high { Ok(interval) } else { Err(Reason::InvalidInput) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::CONFIDENCE;

    #[test]
    fn the_flip_rate_is_the_share_of_pairs_that_differ() {
        let rate = |items: &[Vec<&str>]| flip_rate(items, CONFIDENCE);
        let steady = vec!["pass"; 3];
        let split = vec!["pass", "fail", "pass"];
        let one = rate(&[steady.clone(), split]);
        assert!((one.value().unwrap() - 1.0 / 3.0).abs() < 1e-12, "two of three pairs of one of two items");
        let none = rate(&vec![steady; 20]);
        assert_eq!(none.value(), Some(0.0));
        let high = none.interval().unwrap().high;
        assert!((0.05..0.30).contains(&high), "nothing seen in 20 is no proof: {high}");
        assert_eq!(rate(&[vec!["pass"]]).reason(), Some(Reason::NoPairs));
    }

    /// Shrout and Fleiss (1979): six targets rated by four judges; ICC(1,1) is 0.17, and its interval reaches below 0.
    #[test]
    fn icc_is_that_of_the_published_example() {
        let rated = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]];
        let items: Vec<Vec<f64>> =
            rated.iter().map(|item| item.iter().map(|score| f64::from(*score)).collect()).collect();
        let found = icc(&items, CONFIDENCE);
        assert!((found.value().unwrap() - 0.1657).abs() < 1e-4, "{found:?}");
        let interval = found.interval().unwrap();
        assert!((interval.low + 0.1329).abs() < 1e-3 && (interval.high - 0.7226).abs() < 1e-3, "{interval:?}");
    }

    #[test]
    fn noise_needs_repeats_and_scores_that_differ() {
        let of = |items: &[Vec<f64>]| icc(items, CONFIDENCE);
        assert_eq!(of(&[vec![1.0], vec![2.0]]).reason(), Some(Reason::TooFew));
        assert_eq!(of(&[vec![1.0, 1.0], vec![1.0, 1.0]]).reason(), Some(Reason::NoVariance));
        assert_eq!(of(&[vec![1.0, 1.0], vec![2.0, 2.0]]), Estimate::Bare(1.0, Reason::PerfectAgreement));
        assert_eq!(of(&[vec![1.0, 2.0], vec![2.0]]).reason(), Some(Reason::InvalidInput));
    }
}
