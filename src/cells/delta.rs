//! What a group of changed evaluations changes in cells.

use std::collections::BTreeMap;

use super::conversations::{ConversationSums, clusters};
use super::folded::{Counted, Folded};
use super::sums::Sums;

/// A cell: the stored number of its part, and its hour since the Unix epoch.
pub type CellAt = (i64, i64);

/// The sums of a conversation by hour and part.
pub type ByHour = BTreeMap<i64, BTreeMap<i64, ConversationSums>>;

/// Changes of cells, gathered before anything is read or written.
#[derive(Debug, Default)]
pub struct Delta {
    cells: BTreeMap<CellAt, Sums>,
    conversations: BTreeMap<String, ByHour>,
}

impl Delta {
    /// One evaluation stood in cells as `before` says and is to stand there as `after` says.
    pub fn change(&mut self, before: Option<&Folded>, after: Option<&Folded>) {
        for (folded, sign) in [(before, -1), (after, 1)] {
            if let Some(folded) = folded
                && let Some(counted) = &folded.counted
            {
                self.add(folded, counted, sign);
            }
        }
    }

    fn add(&mut self, folded: &Folded, counted: &Counted, sign: i64) {
        let reason = folded.reason.as_deref().unwrap_or_default();
        for (index, part) in counted.parts.iter().enumerate() {
            let cell = self.cells.entry((*part, counted.hour)).or_default();
            cell.count(folded.outcome.as_str(), reason, sign);
            if index == 0
                && let Some(taken) = &counted.judge
            {
                cell.add_judge(taken, sign);
            }
            let Some(score) = &counted.score else { continue };
            cell.add_score(score, sign);
            let Some(conversation) = &counted.conversation else {
                let mut alone = ConversationSums::default();
                alone.add(score, 1);
                cell.add_conversation(&alone, sign);
                continue;
            };
            let hours = self.conversations.entry(conversation.clone()).or_default();
            hours.entry(counted.hour).or_default().entry(*part).or_default().add(score, sign);
        }
    }

    /// The conversations whose stored hours have to be known before [`Self::settle`].
    pub fn conversations(&self) -> impl Iterator<Item = &String> {
        self.conversations.keys()
    }

    /// Turns changes of conversations into changes of cells. `known` is what is stored of them; returned are the hours that
    /// changed, to be stored.
    pub fn settle(&mut self, known: &BTreeMap<String, ByHour>) -> BTreeMap<String, ByHour> {
        let mut changed = BTreeMap::new();
        for (of, hours) in std::mem::take(&mut self.conversations) {
            let nothing = ByHour::new();
            let before = known.get(&of).unwrap_or(&nothing);
            changed.insert(of, self.settle_one(before, &hours));
        }
        changed
    }

    fn settle_one(&mut self, before: &ByHour, change: &ByHour) -> ByHour {
        let mut after: ByHour =
            change.keys().map(|hour| (*hour, before.get(hour).cloned().unwrap_or_default())).collect();
        for (hour, parts) in change {
            let own = after.entry(*hour).or_default();
            for (part, sums) in parts {
                let kept = own.entry(*part).or_default();
                kept.add_all(sums, 1);
                if kept.is_empty() {
                    own.remove(part);
                }
            }
        }
        let mut parts: Vec<i64> = change.values().flat_map(BTreeMap::keys).copied().collect();
        parts.sort_unstable();
        parts.dedup();
        for part in parts {
            let of_part = |hours: &ByHour| -> BTreeMap<i64, ConversationSums> {
                hours.iter().filter_map(|(hour, parts)| Some((*hour, parts.get(&part)?.clone()))).collect()
            };
            let old = of_part(before);
            let mut new = old.clone();
            new.retain(|hour, _| !after.contains_key(hour));
            new.extend(of_part(&after));
            for (hours, sign) in [(&old, -1), (&new, 1)] {
                for (hour, sums) in clusters(hours) {
                    self.cells.entry((part, hour)).or_default().add_conversation(&sums, sign);
                }
            }
        }
        after
    }

    /// What has to be added to each cell; those where changes cancelled each other are left out.
    pub fn into_cells(mut self) -> BTreeMap<CellAt, Sums> {
        self.cells.retain(|_, sums| !sums.is_empty());
        self.cells
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cells::{Fixed, FoldedScore, Weight};
    use crate::model::{Outcome, Probability};

    fn scored(hour: i64, conversation: Option<u8>, value: f64, p: f64) -> Folded {
        Folded {
            epoch: 1,
            outcome: Outcome::Scored,
            reason: None,
            counted: Some(Counted {
                hour,
                parts: vec![1, 2 + i64::from(value > 0.5)],
                conversation: conversation.map(|name| name.to_string()),
                score: Some(FoldedScore {
                    level: format!("{value}"),
                    value: Some(Fixed::of(value)),
                    passes: Some(value > 0.5),
                    weight: Weight::of(Probability::try_from(p).unwrap()),
                }),
                judge: None,
            }),
        }
    }

    /// Cells and conversations as a database keeps them.
    #[derive(Default)]
    struct Kept {
        cells: BTreeMap<CellAt, Sums>,
        conversations: BTreeMap<String, ByHour>,
    }

    impl Kept {
        fn fold(&mut self, changes: &[(Option<Folded>, Option<Folded>)]) {
            let mut delta = Delta::default();
            for (before, after) in changes {
                delta.change(before.as_ref(), after.as_ref());
            }
            for (of, hours) in delta.settle(&self.conversations) {
                self.conversations.entry(of).or_default().extend(hours);
            }
            for (at, sums) in delta.into_cells() {
                self.cells.entry(at).or_default().add(&sums, 1);
            }
            self.cells.retain(|_, sums| !sums.is_empty());
        }
    }

    fn any_score() -> impl Strategy<Value = Folded> {
        let hour = prop_oneof![0..5_i64, 700..740_i64, 1_400..1_500_i64];
        let value = prop::sample::select(vec![0.0, 0.25, 0.5, 0.75, 1.0]);
        let p = prop::sample::select(vec![0.05, 0.15, 1.0]);
        (hour, prop::option::of(0..3_u8), value, p)
            .prop_map(|(hour, conversation, value, p)| scored(hour, conversation, value, p))
    }

    proptest! {
        #[test]
        fn folding_in_any_order_and_grouping_with_changes_of_mind_equals_folding_what_remains_once(
            steps in prop::collection::vec((0..12_usize, prop::option::of(any_score())), 1..60),
            group in 1..7_usize,
        ) {
            let mut kept = Kept::default();
            let mut present: BTreeMap<usize, Folded> = BTreeMap::new();
            for steps in steps.chunks(group) {
                let mut changes = Vec::new();
                for (evaluation, after) in steps {
                    let before = match after {
                        Some(after) => present.insert(*evaluation, after.clone()),
                        None => present.remove(evaluation),
                    };
                    changes.push((before, after.clone()));
                }
                kept.fold(&changes);
            }
            let mut once = Kept::default();
            once.fold(&present.values().map(|folded| (None, Some(folded.clone()))).collect::<Vec<_>>());
            prop_assert_eq!(kept.cells, once.cells);
        }
    }
}
