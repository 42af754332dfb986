//! Why a rate moved: because the mix of segments did, or because segments themselves did.

use super::Reason;

/// One segment in two periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentChange {
    /// Share of the segment before and after; shares of all segments sum to 1.
    pub share: (f64, f64),
    /// Rate within the segment before and after.
    pub rate: (f64, f64),
}

/// A change of a rate in two exact parts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Decomposition {
    /// What the changed shares explain: `Σ (w1 - w0)(a0 + a1)/2`.
    pub mix: f64,
    /// What changed within segments: `Σ (w0 + w1)/2 (a1 - a0)`.
    pub within: f64,
}

/// The symmetric (Kitagawa 1955) decomposition; `mix + within` is the change of the overall rate.
pub fn decompose(segments: &[SegmentChange]) -> Result<Decomposition, Reason> {
    if segments.is_empty() {
        return Err(Reason::NoPairs);
    }
    let mut parts = Decomposition { mix: 0.0, within: 0.0 };
    for SegmentChange { share, rate } in segments {
        parts.mix += (share.1 - share.0) * f64::midpoint(rate.0, rate.1);
        parts.within += f64::midpoint(share.0, share.1) * (rate.1 - rate.0);
    }
    if parts.mix.is_finite() && parts.within.is_finite() { Ok(parts) } else { Err(Reason::InvalidInput) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_sum_to_the_change() {
        let easy = SegmentChange { share: (0.8, 0.5), rate: (0.95, 0.95) };
        let hard = SegmentChange { share: (0.2, 0.5), rate: (0.60, 0.55) };
        let parts = decompose(&[easy, hard]).unwrap();
        let overall = |pick: fn((f64, f64)) -> f64| {
            [easy, hard].iter().map(|segment| pick(segment.share) * pick(segment.rate)).sum::<f64>()
        };
        assert!((parts.mix + parts.within - (overall(|pair| pair.1) - overall(|pair| pair.0))).abs() < 1e-12);
        assert!(parts.mix < parts.within, "the mix explains most of the fall");
    }
}
