//! Labels into the store: each line by itself right or wrong, all that are right in one transaction.
//!
//! Lines are resolved in groups, with a few queries for each, so that a hundred thousand of them take seconds.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};

use super::error::LabelError;
use super::file::{Entry, Original, Place};
use super::line::LabelLine;
use super::names::Names;
use super::{seal, validation, verdict};
use crate::agreement::spelling_key;
use crate::model::{Label, LabelStream, LabelWay, Probability, Replaced, Scale, Score, SubjectId, SubjectKind};
use crate::secrets::MacKey;
use crate::store::{LabelTarget, Store, StoreError};

/// Lines that are resolved together.
const GROUP: usize = 1_000;

/// A rubric as labels need it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRubric {
    /// What it judges.
    pub subject: SubjectKind,
    /// Its scale.
    pub scale: Scale,
}

/// Under which terms labels come in.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The rubrics there are, by name.
    pub rubrics: &'a BTreeMap<String, LabelledRubric>,
    /// Which way they come.
    pub via: LabelWay,
    /// What judged seals its draws with.
    pub key: &'a MacKey,
    /// Whether a draw is believed without a seal: the word of whoever has the database at hand is, that of others is not.
    pub trusts_draws: bool,
}

/// A line that was refused.
#[derive(Debug)]
pub struct Refused {
    /// Where it stands.
    pub place: Place,
    /// Why.
    pub error: LabelError,
    /// What it was made of.
    pub original: Original,
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Import {
    /// Labels stored for the first time.
    pub stored: u64,
    /// Labels that were there already.
    pub known: u64,
    /// Lines in which nobody has filled in a verdict.
    pub empty: u64,
    /// Lines whose annotator says something else of the same answer further down.
    pub replaced: u64,
    /// Lines without a time whose annotator said so before, and something else since: the file is older than that.
    pub outdated: u64,
    /// Labels that say how their answer was drawn, without a seal; where that is not believed they are of unknown selection.
    pub unsealed: u64,
    /// Spellings that were taken for a name that was known.
    pub names: BTreeMap<String, String>,
    /// Lines refused.
    pub refused: Vec<Refused>,
    /// Labels to be stored, or stored, by rubric.
    pub rubrics: BTreeMap<String, u64>,
    /// The same by annotator.
    pub annotators: BTreeMap<String, u64>,
}

/// Resolves and stores labels.
pub async fn import(
    store: &Store,
    terms: &Terms<'_>,
    entries: impl Iterator<Item = Entry>,
) -> Result<Import, StoreError> {
    let (mut import, labels) = resolve(store, terms, entries).await?;
    let seen: Vec<(&Label, Option<i64>)> = labels.iter().map(|one| (&one.label, one.first_seen_ms)).collect();
    let stored = store.insert_labels_seen(&seen).await?;
    import.known += import.stored - stored;
    import.stored = stored;
    Ok(import)
}

/// What [`import`] would come to; stores nothing.
pub async fn preview(
    store: &Store,
    terms: &Terms<'_>,
    entries: impl Iterator<Item = Entry>,
) -> Result<Import, StoreError> {
    Ok(resolve(store, terms, entries).await?.0)
}

/// The labels that the entries stand for, and what became of the others.
async fn resolve(
    store: &Store,
    terms: &Terms<'_>,
    entries: impl Iterator<Item = Entry>,
) -> Result<(Import, Vec<Resolved>), StoreError> {
    // Elsewhere labels of its own were seen before, and nothing is put between them. An export may come in several files.
    let is_restored = store.has_only_restored_labels().await?;
    let mut resolver = Resolver {
        store,
        terms,
        now_ms: store.now_ms(),
        is_restored,
        names: Names::new(store.annotators().await?),
        import: Import::default(),
        labels: Vec::new(),
        given: HashMap::new(),
    };
    let mut group = Vec::with_capacity(GROUP);
    for entry in entries {
        resolver.check(entry, &mut group);
        if group.len() == GROUP {
            resolver.group(std::mem::take(&mut group)).await?;
        }
    }
    resolver.group(group).await?;
    let Resolver { mut import, labels, names, .. } = resolver;
    import.names = names.into_folded();
    let labels: Vec<Resolved> = labels.into_iter().flatten().collect();
    import.stored = labels.len() as u64;
    for one in &labels {
        *import.rubrics.entry(one.label.rubric.clone()).or_default() += 1;
        *import.annotators.entry(one.label.annotator.clone()).or_default() += 1;
    }
    Ok((import, labels))
}

/// A label to be stored.
struct Resolved {
    label: Label,
    first_seen_ms: Option<i64>,
}

/// A line whose every part is right by itself.
struct Checked {
    line: LabelLine,
    rubric: String,
    kind: SubjectKind,
    annotator: String,
    score: Option<Score>,
    rationale: Option<String>,
    labelled_at_ms: Option<i64>,
    target: LabelTarget,
}

/// Where a line comes from.
struct Origin {
    place: Place,
    original: Original,
}

/// What is stored of a subject.
struct Stored<'l> {
    /// Its labels, in order of time.
    labels: &'l [Label],
    /// Whether retention emptied it.
    is_emptied: bool,
}

/// Whose label of what it is, and when it was given where that is known: of two such the later line counts.
type Key = (SubjectId, String, String, Option<i64>);

struct Resolver<'a> {
    store: &'a Store,
    terms: &'a Terms<'a>,
    now_ms: i64,
    is_restored: bool,
    names: Names,
    import: Import,
    /// Labels to be stored; none where a later line took one back.
    labels: Vec<Option<Resolved>>,
    /// Where in `labels` the label of a key stands.
    given: HashMap<Key, usize>,
}

impl Resolver<'_> {
    /// Checks what needs no look into the store.
    fn check(&mut self, entry: Entry, group: &mut Vec<(Origin, Checked)>) {
        let Entry { place, line, original } = entry;
        let checked = match line {
            Ok(line) if line.is_still_to_do() => {
                self.import.empty += 1;
                return;
            }
            Ok(line) => self.parts(line),
            Err(error) => Err(error),
        };
        match checked {
            Ok(checked) => group.push((Origin { place, original }, checked)),
            Err(error) => self.import.refused.push(Refused { place, error, original }),
        }
    }

    fn parts(&self, mut line: LabelLine) -> Result<Checked, LabelError> {
        if let Some(seen) = line.first_seen_at.filter(|seen| seen.as_millisecond() > self.now_ms) {
            return Err(LabelError::SeenInFuture(seen));
        }
        let rubric = line.rubric.take().ok_or(LabelError::Missing("rubric"))?;
        let annotator = validation::annotator(&line.annotator.take().ok_or(LabelError::Missing("annotator"))?)?;
        let target = match (line.subject_id, line.trace_id, line.span_id) {
            (Some(subject), _, _) => LabelTarget::Subject(subject),
            (None, Some(trace), Some(span)) => LabelTarget::Span(trace, span),
            (None, Some(trace), None) => LabelTarget::Trace(trace),
            (None, None, Some(span)) => LabelTarget::AnySpan(span),
            (None, None, None) => return Err(LabelError::Missing("trace_id")),
        };
        let (rubric, known) = self.rubric(&rubric).ok_or(LabelError::UnknownRubric(rubric))?;
        let score = verdict::of(&known.scale, &rubric, &line)?;
        let rationale = validation::rationale(line.rationale.take())?;
        let labelled_at_ms = line.labelled_at.map(|at| validation::labelled_at_ms(at, self.now_ms)).transpose()?;
        Ok(Checked { line, rubric, kind: known.subject, annotator, score, rationale, labelled_at_ms, target })
    }

    /// A rubric by its name, also where a spreadsheet began it with a capital.
    fn rubric(&self, name: &str) -> Option<(String, &LabelledRubric)> {
        let rubrics = self.terms.rubrics;
        let exact = rubrics.get_key_value(name);
        let found = exact.or_else(|| rubrics.iter().find(|(known, _)| spelling_key(known) == spelling_key(name)));
        found.map(|(known, rubric)| (known.clone(), rubric))
    }

    /// Finds the answers of a group and what was said of them before.
    async fn group(&mut self, group: Vec<(Origin, Checked)>) -> Result<(), StoreError> {
        let targets: BTreeSet<LabelTarget> = group.iter().map(|(_, checked)| checked.target).collect();
        let subjects = self.store.subjects_of(&targets).await?;
        let mut found = Vec::with_capacity(group.len());
        for (origin, checked) in group {
            let candidates = subjects.get(&checked.target).map_or(&[][..], Vec::as_slice);
            match subject(&checked, candidates) {
                Ok(subject) => found.push((subject, origin, checked)),
                Err(error) => self.refuse(origin, error),
            }
        }
        let wanted: BTreeSet<SubjectId> = found.iter().map(|(subject, ..)| *subject).collect();
        let stored = self.store.labels_of_all(&wanted).await?;
        let emptied = self.store.emptied_subjects(stored.keys().copied()).await?;
        for (subject, origin, checked) in found {
            let stored = Stored {
                labels: stored.get(&subject).map_or(&[][..], Vec::as_slice),
                is_emptied: emptied.contains(&subject),
            };
            if let Err(error) = self.place(subject, checked, stored) {
                self.refuse(origin, error);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, origin: Origin, error: LabelError) {
        let Origin { place, original } = origin;
        self.import.refused.push(Refused { place, error, original });
    }

    /// Puts a label beside those that are stored and those that came before it.
    fn place(&mut self, subject: SubjectId, checked: Checked, stored: Stored<'_>) -> Result<(), LabelError> {
        let annotator = self.names.canonical(checked.annotator.clone());
        let of_both = || stored.labels.iter().filter(|one| one.rubric == checked.rubric);
        let own = || of_both().filter(|one| one.annotator == annotator);
        let key = (subject, checked.rubric.clone(), annotator.clone(), checked.labelled_at_ms);
        let is_the_verdict =
            |one: &Label| one.score == checked.score && one.instead_of.is_some() == checked.line.adjudicates;
        let says_the_same = |one: &Label| {
            // Retention emptied what the reasons were.
            let has_lost_its_reasons = stored.is_emptied && one.rationale.is_none();
            is_the_verdict(one) && (one.rationale == checked.rationale || has_lost_its_reasons)
        };
        let last = own().max_by_key(|one| one.labelled_at_ms);
        // Who sends a request says it now; a file may have lain there for long.
        let said_before = || self.terms.via != LabelWay::Api && own().any(says_the_same);
        let at_that_time = checked.labelled_at_ms.and_then(|ms| own().find(|one| one.labelled_at_ms == ms));
        match (checked.labelled_at_ms, at_that_time, last) {
            // A file without times that is imported again.
            (None, _, Some(last)) if says_the_same(last) || said_before() => {
                if says_the_same(last) {
                    self.import.known += 1;
                } else {
                    self.import.outdated += 1;
                }
                // The lower line counts, also where it says what is stored.
                if let Some(earlier) = self.given.remove(&key) {
                    self.labels[earlier] = None;
                    self.import.replaced += 1;
                }
                return Ok(());
            }
            (Some(_), Some(one), _) if is_the_verdict(one) => {
                self.import.known += 1;
                return Ok(());
            }
            (Some(_), Some(_), _) => return Err(LabelError::SameMoment),
            _ => {}
        }
        let mut instead_of = None;
        if checked.line.adjudicates {
            instead_of = checked.line.instead_of.clone().or_else(|| said_differently(of_both()));
            if instead_of.is_none() {
                return Err(LabelError::NothingToSettle);
            }
        }
        let (stream, probability) =
            if instead_of.is_some() { (LabelStream::Unknown, None) } else { self.draw(subject, &checked) };
        // Without a time it is given now, and after whatever the annotator said before.
        let now_ms = last.map_or(self.now_ms, |last| self.now_ms.max(last.labelled_at_ms + 1));
        let first_seen = checked.line.first_seen_at.filter(|_| self.is_restored);
        let label = Label {
            subject,
            rubric: checked.rubric,
            annotator,
            score: checked.score,
            rationale: checked.rationale,
            stream,
            probability,
            labelled_at_ms: checked.labelled_at_ms.unwrap_or(now_ms),
            // A label that another database saw first came in there.
            via: checked.line.via.filter(|_| first_seen.is_some()).or_else(|| Some(self.terms.via.clone())),
            instead_of,
        };
        let resolved = Resolved { label, first_seen_ms: first_seen.map(jiff::Timestamp::as_millisecond) };
        match self.given.entry(key) {
            hash_map::Entry::Occupied(earlier) => {
                self.import.replaced += 1;
                self.labels[*earlier.get()] = Some(resolved);
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(self.labels.len());
                self.labels.push(Some(resolved));
            }
        }
        Ok(())
    }

    /// How the answer was drawn, as far as that can be believed.
    fn draw(&mut self, subject: SubjectId, checked: &Checked) -> (LabelStream, Option<Probability>) {
        let LabelLine { stream, probability, draw, .. } = &checked.line;
        let opened = draw.as_deref().and_then(|draw| seal::opened(self.terms.key, &checked.rubric, subject, draw));
        if let Some((stream, probability)) = opened {
            return (stream, Some(probability));
        }
        match stream {
            Some(stream @ (LabelStream::Uniform | LabelStream::Targeted)) => {
                self.import.unsealed += 1;
                if self.terms.trusts_draws { (*stream, *probability) } else { (LabelStream::Unknown, None) }
            }
            Some(LabelStream::Unknown) | None => (LabelStream::Unknown, None),
        }
    }
}

/// The one subject that a line is about.
fn subject(checked: &Checked, candidates: &[(SubjectId, SubjectKind)]) -> Result<SubjectId, LabelError> {
    let of_kind: Vec<SubjectId> =
        candidates.iter().filter(|(_, kind)| *kind == checked.kind).map(|(subject, _)| *subject).collect();
    match (of_kind.as_slice(), checked.target) {
        ([subject], _) => Ok(*subject),
        ([], target) => Err(LabelError::UnknownSubject(describe(target))),
        (several, LabelTarget::Trace(trace) | LabelTarget::Span(trace, _)) => {
            Err(LabelError::Ambiguous { trace, count: several.len(), kind: checked.kind.as_str() })
        }
        ([first, ..], LabelTarget::Subject(_)) => Ok(*first),
        (_, target @ LabelTarget::AnySpan(_)) => {
            Err(LabelError::UnknownSubject(format!("{} (of several traces)", describe(target))))
        }
    }
}

fn describe(target: LabelTarget) -> String {
    match target {
        LabelTarget::Subject(id) => format!("subject {id}"),
        LabelTarget::Span(trace, span) => format!("span {span} of trace {trace}"),
        LabelTarget::AnySpan(span) => format!("span {span}"),
        LabelTarget::Trace(trace) => format!("trace {trace}"),
    }
}

/// What several people said last of an answer, each for himself; none where fewer than two spoke.
fn said_differently<'l>(labels: impl Iterator<Item = &'l Label>) -> Option<Vec<Replaced>> {
    let mut last: BTreeMap<&str, &Label> = BTreeMap::new();
    for label in labels.filter(|label| label.instead_of.is_none()) {
        last.insert(&label.annotator, label);
    }
    let said = last.into_values().map(|label| Replaced {
        annotator: label.annotator.clone(),
        score: label.score.clone(),
        labelled_at_ms: label.labelled_at_ms,
    });
    Some(said.collect::<Vec<_>>()).filter(|said| said.len() > 1)
}

#[cfg(test)]
mod tests;
