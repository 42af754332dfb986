//! Whether late records changed what a rubric sees.
//!
//! A subject is superseded only for a difference that one reading sees, between the records that were there before and all
//! of them. The digest of a stored subject stands for the records before only where the present reading made it. Where
//! another release did, which may read the same records differently, the earlier records are read again. So an upgrade alone
//! supersedes nothing, and plans nothing anew of traces that were assembled before it.

use std::collections::BTreeMap;

use crate::model::{Subject, SubjectId};
use crate::store::StoredSubject;

/// A digest of what a rubric sees of a subject.
pub(super) type Digest = [u8; 32];

/// The subjects of a plan as they stood before their late records.
#[derive(Debug, Default)]
pub(super) struct Before {
    stored: BTreeMap<SubjectId, StoredSubject>,
    /// What the present reading makes of the earlier records, of subjects that it did not assemble.
    read_again: BTreeMap<SubjectId, Digest>,
}

impl Before {
    pub(super) fn new(stored: BTreeMap<SubjectId, StoredSubject>) -> Self {
        Self { stored, read_again: BTreeMap::new() }
    }

    /// When the stored revision of a subject was planned, if only reading the earlier records again can tell whether it
    /// has changed; milliseconds since the Unix epoch.
    pub(super) fn to_read_again(&self, subject: &Subject, digest: &Digest) -> Option<i64> {
        match self.stored.get(&subject.id) {
            Some(stored) if stored.is_of_present_reading() || stored.digest == digest => None,
            Some(stored) => Some(stored.planned_at_ms),
            // Whoever assembled the trace has stored it among its subjects.
            None => {
                let trace = self.stored.get(&SubjectId::of_trace(subject.trace_id))?;
                (!trace.is_of_present_reading()).then_some(trace.planned_at_ms)
            }
        }
    }

    /// Notes what the present reading makes of a subject's earlier records.
    pub(super) fn read_again(&mut self, subject: SubjectId, digest: Digest) {
        if !self.stored.get(&subject).is_some_and(StoredSubject::is_of_present_reading) {
            self.read_again.insert(subject, digest);
        }
    }

    /// The revision under which a subject is planned; `None` when nothing that a rubric sees has changed.
    pub(super) fn next_revision(&self, subject: SubjectId, digest: &Digest) -> Option<u32> {
        let stored = self.stored.get(&subject);
        let unchanged = stored.is_some_and(|stored| stored.digest == digest)
            || self.read_again.get(&subject).is_some_and(|before| before == digest);
        if unchanged { None } else { Some(stored.map_or(0, |stored| stored.revision + 1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::READING_REVISION;

    const STORED: Digest = [1; 32];
    const NOW: Digest = [2; 32];
    const OTHER: Digest = [3; 32];

    /// The revision that is planned of a subject that `reading` stored as [`STORED`] and is [`NOW`], when the present
    /// reading makes `earlier` of its earlier records.
    fn planned(reading: Option<u32>, earlier: Digest) -> Option<u32> {
        let id = SubjectId::of_session("s");
        let stored = StoredSubject { revision: 4, digest: STORED.to_vec(), reading, planned_at_ms: 0 };
        let mut before = Before::new([(id, stored)].into());
        before.read_again(id, earlier);
        before.next_revision(id, &NOW)
    }

    #[test]
    fn a_difference_counts_only_where_one_reading_sees_it() {
        let present = Some(READING_REVISION);
        for earlier in [STORED, NOW, OTHER] {
            assert_eq!(planned(present, earlier), Some(5), "the present reading stored it: its digest tells");
        }
        for other in [None, Some(READING_REVISION + 1)] {
            assert_eq!(planned(other, NOW), None, "{other:?}: the earlier records look the same today");
            assert_eq!(planned(other, OTHER), Some(5), "{other:?}: the late records made a difference");
        }
    }

    #[test]
    fn what_a_release_sees_that_the_one_before_did_not_is_not_planned_anew() {
        let id = SubjectId::of_session("new");
        let mut before = Before::new(BTreeMap::new());
        assert_eq!(before.next_revision(id, &NOW), Some(0));
        before.read_again(id, NOW);
        assert_eq!(before.next_revision(id, &NOW), None);
        before.read_again(id, OTHER);
        assert_eq!(before.next_revision(id, &NOW), Some(0));
    }
}
