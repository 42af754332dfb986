//! Items on a scale: labels become places, annotators become one human side, and what does not fit is counted.

use std::collections::BTreeMap;

use super::clusters::{ClusterId, Clusters};
use super::consensus::consensus;
use super::label::Item;
use super::observation::{Place, Verdict};
use super::people::Said;
use super::scale::LabelScale;

/// An item whose labels have places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlacedItem<'a> {
    pub(super) segment: Option<&'a str>,
    pub(super) weight: f64,
    pub(super) cluster: ClusterId,
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
    /// The probabilities that judges give the positive verdict.
    pub(super) probability: &'a BTreeMap<String, f64>,
    /// Judges without one, and whether that is because it lies off the scale.
    pub(super) unparseable: BTreeMap<&'a str, bool>,
}

/// Places all items; with `annotator` only that one's labels count.
pub(super) fn place<'a>(scale: &LabelScale, items: &'a [Item], annotator: Option<&str>) -> Vec<PlacedItem<'a>> {
    let mut clusters = Clusters::default();
    for item in items {
        clusters.push(item.cluster.as_deref(), None);
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let mut placed = PlacedItem {
                segment: item.segment.as_deref(),
                weight: item.weight,
                cluster: clusters.of(index),
                human: BTreeMap::new(),
                human_off_scale: 0,
                consensus: None,
                tied: false,
                judge: BTreeMap::new(),
                probability: &item.probability,
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
    /// What annotators said of it.
    pub(super) fn said(&self) -> Said {
        let verdicts = self.human.values().map(|place| Verdict::Placed { place: *place, pass: None });
        Said { cluster: self.cluster, verdicts: verdicts.collect() }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

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
