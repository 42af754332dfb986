//! Anchors: which labelled answers make a good fixed set, and when it is due to be judged again.
//!
//! Only the judge can move its verdicts on answers that never change. A round is named by its cause, so that every worker
//! that looks plans the same one and it is judged once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::queue::Drawn;
use crate::judges::UNVERSIONED;
use crate::model::{Label, Moment, Probability, Revisions, Score, SubjectId, model_of_series};
use crate::rubrics::Rubric;
use crate::store::{Anchor, AnchorEvaluation, AnchorReplay, Store, StoreError};

/// When rounds are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// How often without another cause; zero for never.
    pub every: Duration,
    /// How long a replay may wait for its judge.
    pub deadline: Duration,
}

/// How often a model is held against its anchors at least that names no version.
const DAY: Duration = Duration::from_hours(24);

/// Plans what is due for every rubric. Returns how many evaluations that makes.
pub async fn plan(store: &Store, rubrics: &[Arc<Rubric>], rounds: Rounds) -> Result<u64, StoreError> {
    let anchors = store.anchors().await?;
    let mut planned = 0;
    for rubric in rubrics {
        let own: Vec<&Anchor> =
            anchors.iter().filter(|anchor| anchor.rubric == rubric.name && anchor.judgeable).collect();
        if own.is_empty() {
            continue;
        }
        let evaluated = store.anchor_evaluations(&rubric.name).await?;
        let model = store.newest_model(&rubric.name, rubric.version, &rubric.judge).await?;
        let revisions = store.newest_revisions(&rubric.name, rubric.version, &rubric.judge).await?;
        let now_ms = store.now_ms();
        let due = due(&own, &evaluated, rubric, (model.as_deref(), revisions), now_ms, rounds.every);
        planned += store.plan_replays(&due, now_ms + rounds.deadline.as_millis() as i64).await?;
    }
    Ok(planned)
}

/// Plans a round for every rubric of which agreement was flagged at some time and the cause awaits a round: one that begins
/// after the flag, once for each flag. Returns how many evaluations that makes.
pub async fn plan_flagged(
    store: &Store,
    rubrics: &[Arc<Rubric>],
    flagged: &BTreeMap<String, Moment>,
    deadline: Duration,
) -> Result<u64, StoreError> {
    if flagged.is_empty() {
        return Ok(0);
    }
    let anchors = store.anchors().await?;
    let mut replays = Vec::new();
    for rubric in rubrics {
        let Some(detected) = flagged.get(&rubric.name) else { continue };
        let own = anchors.iter().filter(|anchor| anchor.rubric == rubric.name && anchor.judgeable);
        replays.extend(own.map(|anchor| replay(anchor, rubric, format!("flag {detected}"))));
    }
    store.plan_replays(&replays, store.now_ms() + deadline.as_millis() as i64).await
}

fn replay(anchor: &Anchor, rubric: &Rubric, round: String) -> AnchorReplay {
    AnchorReplay {
        subject: anchor.subject,
        rubric: rubric.name.clone(),
        version: rubric.version,
        judge: rubric.judge.clone(),
        round,
        probability: Probability::ONE,
    }
}

/// The replays that are due: of anchors that this version and judge have never seen, of all when the provider reports
/// another model or the newest score was made
/// under other revisions, and of all once in every period.
fn due(
    anchors: &[&Anchor],
    evaluated: &[AnchorEvaluation],
    rubric: &Rubric,
    (model, revisions): (Option<&str>, Option<Revisions>),
    now_ms: i64,
    every: Duration,
) -> Vec<AnchorReplay> {
    let same = |known: &&AnchorEvaluation| known.version == rubric.version && known.judge == rubric.judge;
    let seen: BTreeSet<SubjectId> = evaluated.iter().filter(same).map(|known| known.subject).collect();
    let (known, new): (Vec<&Anchor>, Vec<&Anchor>) = anchors.iter().partition(|anchor| seen.contains(&anchor.subject));
    let replay = |anchor: &Anchor, round: String| replay(anchor, rubric, round);
    let mut replays: Vec<AnchorReplay> = new.iter().map(|anchor| replay(anchor, "first".to_owned())).collect();
    if let Some(model) = model
        && !evaluated.iter().filter(same).any(|known| known.judge_model.as_deref() == Some(model))
    {
        replays.extend(known.iter().map(|anchor| replay(anchor, format!("model {model}"))));
    }
    if let Some(revisions) = revisions {
        // An anchor keeps the content that an earlier reading gave it, so that only the round tells that it was judged again.
        let round = format!("revision {revisions}");
        let is_known = |known: &AnchorEvaluation| known.revisions == revisions || known.round.as_ref() == Some(&round);
        if !evaluated.iter().filter(same).any(is_known) {
            replays.extend(known.iter().map(|anchor| replay(anchor, round.clone())));
        }
    }
    let is_unversioned = model.is_some_and(|model| model_of_series(model).0.ends_with(UNVERSIONED));
    // A model that does not say which version it is may become another one any day, and only its verdicts tell.
    let every = if is_unversioned { every.min(DAY) } else { every };
    let every_ms = every.as_millis() as i64;
    if every_ms > 0 {
        let start_ms = now_ms - now_ms.rem_euclid(every_ms);
        let old = known.iter().filter(|anchor| anchor.added_at_ms < start_ms);
        replays.extend(old.map(|anchor| replay(anchor, Moment(start_ms).to_string())));
    }
    replays
}

/// Up to `number` labelled answers that are not among `taken`, as evenly as there are over what people said of them: a
/// set of good answers alone would not show a judge that became lenient.
pub fn choose(labels: &[Label], rubric: &str, taken: &BTreeSet<SubjectId>, number: usize) -> Vec<SubjectId> {
    let mut verdicts: BTreeMap<SubjectId, String> = BTreeMap::new();
    for label in labels.iter().filter(|label| label.rubric == rubric && !taken.contains(&label.subject)) {
        let said = label.score.as_ref();
        let number = said.and_then(Score::number).map(|number| number.to_string());
        if let Some(verdict) = number.or_else(|| said.and_then(Score::label).map(str::to_owned)) {
            verdicts.entry(label.subject).or_insert(verdict);
        }
    }
    // Ids are derived by a hash: their order has nothing to do with what was answered.
    let mut levels: BTreeMap<String, VecDeque<SubjectId>> = BTreeMap::new();
    for (subject, verdict) in verdicts {
        levels.entry(verdict).or_default().push_back(subject);
    }
    let mut chosen = Vec::new();
    while chosen.len() < number && levels.values().any(|level| !level.is_empty()) {
        let next = levels.values_mut().filter_map(VecDeque::pop_front);
        chosen.extend(next.take(number - chosen.len()));
    }
    chosen
}

/// Up to `number` anchors that somebody labelled before, to be labelled by them again: those first whose label of theirs is the
/// oldest. They are drawn as they were, so that a label that replaces another counts as that one did.
pub fn to_relabel(anchors: &[Anchor], labels: &[Label], rubric: &str, annotator: &str, number: usize) -> Vec<Drawn> {
    let own = anchors.iter().filter(|anchor| anchor.rubric == rubric && anchor.judgeable);
    let subjects: BTreeSet<SubjectId> = own.map(|anchor| anchor.subject).collect();
    let said = labels
        .iter()
        .filter(|label| label.rubric == rubric && label.annotator == annotator && subjects.contains(&label.subject));
    // In order of time: the last one counts.
    let last: BTreeMap<SubjectId, &Label> = said.map(|label| (label.subject, label)).collect();
    let mut oldest: Vec<&Label> = last.into_values().collect();
    oldest.sort_by_key(|label| (label.labelled_at_ms, label.subject));
    let drawn = |label: &&Label| Drawn {
        subject: label.subject,
        stream: label.stream,
        probability: label.probability.unwrap_or(Probability::ONE),
    };
    oldest.iter().take(number).map(drawn).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{LabelStream, Score};
    use crate::rubrics::SHIPPED;

    const WEEK: Duration = Duration::from_hours(168);

    fn rubric(version: u32) -> Rubric {
        let (_, text) = SHIPPED.iter().find(|(path, _)| *path == "answer_relevance/v1.md").unwrap();
        Rubric::parse("answer_relevance", version, Path::new("v1.md"), text).unwrap()
    }

    fn anchor(name: &str) -> Anchor {
        let subject = SubjectId::of_session(name);
        Anchor { rubric: "answer_relevance".into(), subject, added_at_ms: 0, judgeable: true }
    }

    fn judged(anchor: &Anchor, model: &str) -> AnchorEvaluation {
        AnchorEvaluation {
            subject: anchor.subject,
            version: 1,
            judge: rubric(1).judge,
            judge_model: Some(model.to_owned()),
            revisions: Revisions::FIRST,
            round: None,
        }
    }

    #[test]
    fn a_round_is_due_once_a_period_and_at_every_change() {
        let (a, b) = (anchor("a"), anchor("b"));
        let evaluated = [judged(&a, "m"), judged(&b, "m")];
        let rounds = |version: u32, model: &str, now_ms: i64| {
            let due = due(&[&a, &b], &evaluated, &rubric(version), (Some(model), Some(Revisions::FIRST)), now_ms, WEEK);
            due.into_iter().map(|replay| replay.round).collect::<BTreeSet<_>>()
        };
        let week_ms = WEEK.as_millis() as i64;
        assert!(rounds(1, "m", week_ms - 1).is_empty(), "no week has begun since they were added");
        assert_eq!(rounds(1, "m", week_ms), rounds(1, "m", 2 * week_ms - 1));
        assert_ne!(rounds(1, "m", week_ms), rounds(1, "m", 2 * week_ms));
        assert_eq!(rounds(1, "n", 1), ["model n".to_owned()].into());
        assert_eq!(rounds(2, "m", 1), ["first".to_owned()].into());
    }

    #[test]
    fn a_model_without_a_version_is_held_against_its_anchors_daily() {
        let a = anchor("a");
        let rounds = |model: &str, every: Duration| {
            let (evaluated, models) = ([judged(&a, model)], (Some(model), Some(Revisions::FIRST)));
            let day_ms = DAY.as_millis() as i64;
            due(&[&a], &evaluated, &rubric(1), models, day_ms + 1, every).len()
        };
        assert_eq!((rounds("jev-1.13.0", WEEK), rounds("jev-latest (unversioned)", WEEK)), (0, 1));
        assert_eq!(rounds("jev-latest (unversioned)", Duration::ZERO), 0, "never is never");
    }

    #[test]
    fn people_label_again_what_they_labelled_longest_ago() {
        let anchors: Vec<Anchor> = ["a", "b", "c"].map(anchor).into();
        let scale = crate::model::Scale::Binary { pass: String::new(), fail: String::new() };
        let label = |name: &str, annotator: &str, labelled_at_ms| Label {
            subject: SubjectId::of_session(name),
            rubric: "answer_relevance".into(),
            annotator: annotator.into(),
            score: Score::of_pass(&scale, true),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: None,
            labelled_at_ms,
            via: None,
            instead_of: None,
        };
        let labels = [
            label("a", "ann", 1),
            label("b", "ann", 2),
            label("c", "bob", 3),
            label("d", "ann", 0),
            label("a", "ann", 4),
        ];
        let again = |annotator| -> Vec<SubjectId> {
            let drawn = to_relabel(&anchors, &labels, "answer_relevance", annotator, 20);
            drawn.iter().map(|drawn| drawn.subject).collect()
        };
        assert_eq!(again("ann"), ["b", "a"].map(SubjectId::of_session), "not what is no anchor, nor what bob labelled");
        assert_eq!(to_relabel(&anchors, &labels, "answer_relevance", "ann", 1).len(), 1);
        assert!(again("carol").is_empty());
    }

    #[test]
    fn a_release_that_shows_judges_something_else_is_a_cause_once() {
        let a = anchor("a");
        let rounds = |evaluated: &[AnchorEvaluation], revisions: Revisions| {
            let due = due(&[&a], evaluated, &rubric(1), (Some("m"), Some(revisions)), 1, WEEK);
            due.into_iter().map(|replay| replay.round).collect::<Vec<_>>()
        };
        let (reread, rerendered) =
            (Revisions { reading: 2, ..Revisions::FIRST }, Revisions { rendering: 2, ..Revisions::FIRST });
        assert!(rounds(&[judged(&a, "m")], Revisions::FIRST).is_empty());
        assert_eq!(rounds(&[judged(&a, "m")], reread), ["revision 2.1"]);
        assert_eq!(rounds(&[judged(&a, "m")], rerendered), ["revision 1.2"]);
        let again = AnchorEvaluation { round: Some("revision 2.1".into()), ..judged(&a, "m") };
        assert!(rounds(&[judged(&a, "m"), again], reread).is_empty(), "its content is still of the first reading");
    }

    #[test]
    fn a_set_holds_what_people_failed_as_well() {
        let scale = crate::model::Scale::numeric(1.0, 5.0, None, String::new()).unwrap();
        let label = |number: usize| Label {
            subject: SubjectId::of_session(&number.to_string()),
            rubric: "r".into(),
            annotator: "ann".into(),
            score: Score::of_number(&scale, if number < 90 { 5.0 } else { 1.0 }),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: None,
            labelled_at_ms: 0,
            via: None,
            instead_of: None,
        };
        let labels: Vec<Label> = (0..100).map(label).collect();
        let chosen = choose(&labels, "r", &BTreeSet::new(), 15);
        let bad = labels[90..].iter().filter(|label| chosen.contains(&label.subject)).count();
        assert_eq!((chosen.len(), bad), (15, 8));
        let taken: BTreeSet<SubjectId> = chosen.into_iter().collect();
        assert!(choose(&labels, "r", &taken, 100).iter().all(|subject| !taken.contains(subject)));
        assert!(choose(&labels, "another", &taken, 10).is_empty());
    }
}
