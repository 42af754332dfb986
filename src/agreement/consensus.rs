//! Several people as one: their mode or their median.

use super::observation::Place;
use super::scale::Kind;

/// The human side of several labels: their mode on nominal and binary scales, their median on ordinal and numeric ones.
///
/// `None` without labels and for ties: two modes, or two middle levels that differ (a level between them need not
/// exist). The median of numbers always exists.
pub(super) fn consensus(kind: Kind, labels: &[Place]) -> Option<Place> {
    let mut sorted = labels.to_vec();
    sorted.sort_by(|a, b| a.number.total_cmp(&b.number));
    let last = sorted.len().checked_sub(1)?;
    let (lower, upper) = (sorted[last / 2], sorted[last.div_ceil(2)]);
    match kind {
        Kind::Numeric => Some(Place { category: 0, number: f64::midpoint(lower.number, upper.number) }),
        Kind::Ordinal => (lower == upper).then_some(lower),
        Kind::Nominal | Kind::Binary => {
            let count = |place: &Place| sorted.iter().filter(|other| other.category == place.category).count();
            let most = sorted.iter().map(count).max()?;
            let mut modes: Vec<Place> = sorted.iter().copied().filter(|place| count(place) == most).collect();
            modes.dedup();
            (modes.len() == 1).then(|| modes[0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(numbers: &[f64]) -> Vec<Place> {
        numbers.iter().map(|number| Place { category: *number as usize, number: *number }).collect()
    }

    fn human_side(kind: Kind, numbers: &[f64]) -> Option<f64> {
        consensus(kind, &labels(numbers)).map(|place| place.number)
    }

    #[test]
    fn the_mode_of_categories_the_median_of_levels() {
        assert_eq!(human_side(Kind::Nominal, &[0.0, 2.0, 2.0]), Some(2.0));
        assert_eq!(human_side(Kind::Binary, &[0.0, 1.0]), None);
        assert_eq!(human_side(Kind::Ordinal, &[1.0, 5.0, 4.0]), Some(4.0));
        assert_eq!(human_side(Kind::Ordinal, &[1.0, 4.0, 4.0, 5.0]), Some(4.0));
        assert_eq!(human_side(Kind::Ordinal, &[3.0, 4.0]), None);
        assert_eq!(human_side(Kind::Numeric, &[3.0, 4.0]), Some(3.5));
        assert_eq!(human_side(Kind::Numeric, &[]), None);
    }
}
