//! Whether a version agrees with people well enough to be promoted.

use std::fmt;

/// What agreement must reach at least, however little it would take to beat always saying the same.
const LEAST_AGREEMENT: f64 = 0.7;

/// The agreement of a version with human labels, and what it must reach.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionGate {
    /// The share of equal verdicts.
    pub agreement: f64,
    /// Its lower confidence bound.
    pub lower_bound: f64,
    /// The commonest human verdict and its share: what always saying it would reach.
    pub majority: Option<(String, f64)>,
    /// The labels it rests on.
    pub labels: usize,
}

impl PromotionGate {
    /// What the lower bound must reach: 0.7, and what always saying the commonest verdict would reach.
    pub fn required(&self) -> f64 {
        self.majority.as_ref().map_or(LEAST_AGREEMENT, |(_, share)| share.max(LEAST_AGREEMENT))
    }

    /// Whether the bound reaches what is required.
    pub fn holds(&self) -> bool {
        self.lower_bound >= self.required()
    }

    /// About how many labels would show that agreement is high enough, if it is what it looks like; none where no number
    /// would. The distance of a bound shrinks with the root of the number of labels.
    pub fn labels_that_would_show_it(&self) -> Option<u64> {
        let (distance, margin) = (self.agreement - self.lower_bound, self.agreement - self.required());
        (margin > 0.0 && distance > 0.0).then(|| (self.labels as f64 * (distance / margin).powi(2)).ceil() as u64)
    }

    fn what_is_required(&self) -> String {
        match &self.majority {
            Some((label, share)) if *share > LEAST_AGREEMENT => {
                format!("it must beat always saying {label} ({share:.3} of your labels)")
            }
            _ => format!("it must reach {LEAST_AGREEMENT:.3}"),
        }
    }
}

impl fmt::Display for PromotionGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "the gate holds" } else { "the gate does not hold" };
        write!(
            f,
            "{verdict}: with {} labels agreement is {:.3}, and at least {:.3} with 95 % confidence; {}",
            self.labels,
            self.agreement,
            self.lower_bound,
            self.what_is_required()
        )?;
        match self.labels_that_would_show_it() {
            _ if self.holds() => Ok(()),
            Some(labels) => write!(f, ". If it stays at that, about {labels} labels show it"),
            None => write!(f, ". Agreement itself is below that: no number of labels shows more"),
        }
    }
}

/// Why the gate says nothing. Without an answer nothing is promoted through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gate has no answer: {0}; nothing was promoted. Compare the versions yourself, then promote without --gate"
)]
pub struct GateUnavailable(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(agreement: f64, lower_bound: f64, majority: f64) -> PromotionGate {
        PromotionGate { agreement, lower_bound, majority: Some(("fail".to_owned(), majority)), labels: 63 }
    }

    #[test]
    fn a_gate_holds_from_its_bound_on_and_never_without_a_number() {
        assert!(gate(0.9, 0.8, 0.8).holds() && !gate(0.9, 0.799, 0.8).holds() && !gate(0.9, f64::NAN, 0.8).holds());
        assert!(gate(0.9, 0.7, 0.2).holds() && !gate(0.9, 0.69, 0.2).holds(), "never less than 0.7");
    }

    #[test]
    fn what_is_required_and_how_many_labels_show_it_is_said() {
        insta::assert_snapshot!(
            [gate(0.825, 0.714, 0.778), gate(0.75, 0.61, 0.778), gate(0.9, 0.82, 0.5)].map(|gate| gate.to_string()).join("\n"),
            @r"
        the gate does not hold: with 63 labels agreement is 0.825, and at least 0.714 with 95 % confidence; it must beat always saying fail (0.778 of your labels). If it stays at that, about 352 labels show it
        the gate does not hold: with 63 labels agreement is 0.750, and at least 0.610 with 95 % confidence; it must beat always saying fail (0.778 of your labels). Agreement itself is below that: no number of labels shows more
        the gate holds: with 63 labels agreement is 0.900, and at least 0.820 with 95 % confidence; it must reach 0.700
        "
        );
    }
}
