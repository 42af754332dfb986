//! Items on a scale: labels become places, annotators become one human side, and what does not fit is counted.

use std::collections::BTreeMap;

use super::label::Item;
use super::scale::{Kind, LabelScale, Place};

/// An item whose labels have places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlacedItem<'a> {
    pub(super) segment: Option<&'a str>,
    pub(super) weight: f64,
    pub(super) cluster: Option<usize>,
    /// Annotators with a label on the scale.
    pub(super) human: BTreeMap<&'a str, Place>,
    /// Human labels off the scale.
    pub(super) human_off_scale: usize,
    /// The human side; `None` when there is no label, or when labels tie.
    pub(super) consensus: Option<Place>,
    /// Whether there is no human side because labels tie.
    pub(super) tied: bool,
    /// Judges with a verdict on the scale.
    pub(super) judge: BTreeMap<&'a str, Place>,
    /// Judges without one, and whether that is because it lies off the scale.
    pub(super) unparseable: BTreeMap<&'a str, bool>,
}

/// Places all items; with `annotator` only that one's labels count.
pub(super) fn place<'a>(scale: &LabelScale, items: &'a [Item], annotator: Option<&str>) -> Vec<PlacedItem<'a>> {
    let mut clusters: BTreeMap<&str, usize> = BTreeMap::new();
    for cluster in items.iter().filter_map(|item| item.cluster.as_deref()) {
        let next = clusters.len();
        clusters.entry(cluster).or_insert(next);
    }
    items
        .iter()
        .map(|item| {
            let mut placed = PlacedItem {
                segment: item.segment.as_deref(),
                weight: item.weight,
                cluster: item.cluster.as_deref().and_then(|cluster| clusters.get(cluster).copied()),
                human: BTreeMap::new(),
                human_off_scale: 0,
                consensus: None,
                tied: false,
                judge: BTreeMap::new(),
                unparseable: BTreeMap::new(),
            };
            placed.place_labels(scale, item, annotator);
            let labels: Vec<Place> = placed.human.values().copied().collect();
            placed.consensus = consensus(scale.kind(), &labels);
            placed.tied = placed.consensus.is_none() && !labels.is_empty();
            placed
        })
        .collect()
}

impl<'a> PlacedItem<'a> {
    fn place_labels(&mut self, scale: &LabelScale, item: &'a Item, annotator: Option<&str>) {
        let chosen = |name: &String| annotator.is_none_or(|annotator| annotator == name);
        for (name, label) in item.human.iter().filter(|(name, _)| chosen(name)) {
            match label.as_ref().map(|label| scale.place(label)) {
                Some(Some(place)) => drop(self.human.insert(name, place)),
                Some(None) => self.human_off_scale += 1,
                None => {}
            }
        }
        for (name, label) in &item.judge {
            match label.as_ref().map(|label| scale.place(label)) {
                Some(Some(place)) => drop(self.judge.insert(name, place)),
                Some(None) => drop(self.unparseable.insert(name, true)),
                None => drop(self.unparseable.insert(name, false)),
            }
        }
    }
}

/// The human side of several labels: their mode on nominal and binary scales, their median on ordinal and numeric ones.
///
/// `None` without labels and for ties: two modes, or two middle levels that differ (a level between them need not
/// exist). The median of numbers always exists.
fn consensus(kind: Kind, labels: &[Place]) -> Option<Place> {
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

    #[test]
    fn what_does_not_fit_is_counted() {
        let items =
            [Item::parse(r#"{"item_id":1,"human":{"a":1,"b":9,"c":null},"judge":{"j":7,"k":null,"l":2}}"#).unwrap()];
        let scale = LabelScale::of(Some(&"ordinal:1,2,3".parse().unwrap()), &[]);
        let placed = &place(&scale, &items, None)[0];
        assert_eq!((placed.human.len(), placed.human_off_scale), (1, 1));
        assert_eq!(placed.unparseable, BTreeMap::from([("j", true), ("k", false)]));
        assert_eq!(placed.judge["l"].number, 2.0);
    }
}
