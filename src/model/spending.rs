//! What judges use up, and how much of it they may.

use serde::Serialize;

/// Money, tokens and calls. Whole numbers, so that a million small sums add up exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amounts {
    /// Billionths of a US dollar.
    pub nano_usd: i64,
    /// Read and written.
    pub tokens: i64,
    pub calls: i64,
}

impl Amounts {
    /// One call. What is no number counts as nothing.
    pub fn of_call(usd: f64, tokens: f64) -> Self {
        Self { nano_usd: nanos(usd), tokens: tokens.max(0.0).ceil() as i64, calls: 1 }
    }

    /// In US dollars.
    pub fn usd(self) -> f64 {
        self.nano_usd as f64 / 1e9
    }

    /// In parts by `shares`, which add up to 1; the parts add up exactly.
    pub fn split(self, shares: &[f64]) -> Vec<Self> {
        let parts = [self.nano_usd, self.tokens, self.calls].map(|whole| whole_parts(whole, shares));
        let [nano_usd, tokens, calls] = parts;
        nano_usd
            .into_iter()
            .zip(tokens)
            .zip(calls)
            .map(|((nano_usd, tokens), calls)| Self { nano_usd, tokens, calls })
            .collect()
    }

    pub fn plus(self, other: Self) -> Self {
        self.each(other, i64::saturating_add)
    }

    pub fn minus(self, other: Self) -> Self {
        self.each(other, i64::saturating_sub)
    }

    /// So many times as much.
    pub fn times(self, factor: i64) -> Self {
        self.each(Self { nano_usd: factor, tokens: factor, calls: factor }, i64::saturating_mul)
    }

    pub fn least(self, other: Self) -> Self {
        self.each(other, i64::min)
    }

    pub fn most(self, other: Self) -> Self {
        self.each(other, i64::max)
    }

    fn each(self, other: Self, combine: fn(i64, i64) -> i64) -> Self {
        Self {
            nano_usd: combine(self.nano_usd, other.nano_usd),
            tokens: combine(self.tokens, other.tokens),
            calls: combine(self.calls, other.calls),
        }
    }

    /// Whether there is at least as much of everything as `other` has.
    pub fn covers(self, other: Self) -> bool {
        self.nano_usd >= other.nano_usd && self.tokens >= other.tokens && self.calls >= other.calls
    }
}

/// `whole` in parts by `shares`, which add up to 1: whole numbers within one of their share that add up exactly.
pub fn whole_parts(whole: i64, shares: &[f64]) -> Vec<i64> {
    let (mut given, mut reached) = (0, 0.0);
    let last = shares.len().saturating_sub(1);
    shares
        .iter()
        .enumerate()
        .map(|(index, share)| {
            reached += share;
            let up_to = if index == last { whole } else { (whole as f64 * reached).round() as i64 };
            let part = up_to - given;
            given = up_to;
            part
        })
        .collect()
}

fn nanos(usd: f64) -> i64 {
    (usd.max(0.0) * 1e9).round() as i64
}

/// The most that may be used up in a day or month; what is absent has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    nano_usd: Option<i64>,
    tokens: Option<i64>,
    calls: Option<i64>,
}

impl Limits {
    pub fn new(usd: Option<f64>, tokens: Option<u64>, calls: Option<u64>) -> Self {
        let whole = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        Self { nano_usd: usd.map(nanos), tokens: tokens.map(whole), calls: calls.map(whole) }
    }

    pub fn are_none(self) -> bool {
        self == Self::default()
    }

    /// What is left of the limits when `used` is used up; may be negative.
    pub fn left(self, used: Amounts) -> Amounts {
        let left = |limit: Option<i64>, used: i64| limit.map_or(i64::MAX, |limit| limit.saturating_sub(used));
        Amounts {
            nano_usd: left(self.nano_usd, used.nano_usd),
            tokens: left(self.tokens, used.tokens),
            calls: left(self.calls, used.calls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_limit_is_never_used_up() {
        let limits = Limits::new(Some(0.02), None, Some(3));
        let used = Amounts { nano_usd: 15_000_000, tokens: i64::MAX, calls: 2 };
        let left = limits.left(used);
        assert_eq!((left.nano_usd, left.tokens, left.calls), (5_000_000, i64::MAX, 1));
        assert!(left.covers(Amounts::of_call(0.005, 1e12)));
        assert!(!left.covers(Amounts::of_call(0.006, 1.0)));
        assert!(Limits::default().are_none() && !limits.are_none());
    }

    #[test]
    fn the_parts_of_a_call_add_up_to_it() {
        let call = Amounts { nano_usd: 1_000_001, tokens: 17, calls: 1 };
        let shares = [0.2, 0.3, 0.1, 0.4];
        let parts = call.split(&shares);
        assert_eq!(parts.iter().fold(Amounts::default(), |sum, part| sum.plus(*part)), call);
        assert!(parts.iter().zip(shares).all(|(part, share)| (part.tokens as f64 - 17.0 * share).abs() <= 1.0));
        assert_eq!(call.split(&[1.0]), [call]);
    }

    #[test]
    fn what_is_no_number_counts_as_nothing() {
        assert_eq!(Amounts::of_call(f64::NAN, -1.0), Amounts { nano_usd: 0, tokens: 0, calls: 1 });
    }
}
