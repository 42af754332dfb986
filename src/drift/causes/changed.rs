//! What was changed around a date: the rubric's version, the judge's model, or what judged shows a judge.

use crate::drift::entry::{Entry, Series, Tag};
use crate::model::Attribution;

/// Entries before a change that tell what was usual there.
const AROUND: usize = 200;
/// What makes up less of the entries before than this was not usual there.
const UNUSUAL: f64 = 0.1;
/// A date that is so likely, as a fraction of the likeliest, may be the one; a less likely one than the other is not.
const LIKELY: f64 = 0.06;
const UNLIKELY: f64 = 0.002;

/// What may have moved the judge: whatever was changed at a time that `plausibility` takes for likely; if nothing was, the
/// model behind its name; both where the time is neither likely nor unlikely. `until` is an entry after it moved.
pub(in crate::drift) fn movers(
    entries: &[Entry],
    until: usize,
    plausibility: impl Fn(usize) -> f64,
) -> Vec<Attribution> {
    let fields: [(fn(&Series) -> Option<&Tag>, Attribution); 3] = [
        (|series| series.rubric_version.as_ref(), Attribution::JudgePrompt),
        (|series| series.judge_model.as_ref(), Attribution::JudgeModel),
        (|series| series.revision.as_ref(), Attribution::JudgedUpgrade),
    ];
    let likely = |field: fn(&Series) -> Option<&Tag>| changed_at(entries, until, field).map_or(0.0, &plausibility);
    let of: Vec<(f64, Attribution)> = fields.into_iter().map(|(field, cause)| (likely(field), cause)).collect();
    let above = |least: f64| of.iter().filter(move |(likely, _)| *likely >= least).map(|(_, cause)| *cause);
    let mut found: Vec<Attribution> = above(LIKELY).collect();
    if found.is_empty() {
        found = above(UNLIKELY).filter(|cause| *cause != Attribution::JudgeModel).collect();
        found.push(Attribution::JudgeModel);
    }
    found
}

/// The entry at which what is usual at `until` came and had not been usual before; none where it was always so.
fn changed_at(entries: &[Entry], until: usize, field: impl Fn(&Series) -> Option<&Tag>) -> Option<usize> {
    let until = until.min(entries.len().checked_sub(1)?);
    let after = &entries[until..(until + AROUND).min(entries.len())];
    let known: Vec<&Tag> = after.iter().filter_map(|one| field(&one.series)).collect();
    let usual = *known.iter().max_by_key(|tag| known.iter().filter(|other| other == tag).count())?;
    // From the newest to the oldest: the first stretch in which it was rare ends at the change.
    let mut changed = None;
    for (index, tag) in
        entries[..=until].iter().enumerate().rev().filter_map(|(at, one)| Some((at, field(&one.series)?)))
    {
        if tag == usual {
            changed = Some(index);
            continue;
        }
        let before = &entries[(index + 1).saturating_sub(AROUND)..=index];
        let (mut same, mut all) = (0_u32, 0_u32);
        for tag in before.iter().filter_map(|one| field(&one.series)) {
            (same, all) = (same + u32::from(tag == usual), all + 1);
        }
        if f64::from(same) < UNUSUAL * f64::from(all) {
            return changed.or(Some(index + 1));
        }
    }
    None
}
