//! The watch on the store's labels: what was seen is kept in its order, and looked at anew only when there is more of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::detect;
use super::entry::{Entry, Series};
use super::history::History;
use super::report::{ALGORITHM, Flag, Report};
use super::scale::DriftScale;
use super::settings::Settings;
use super::verdicts::place;
use crate::agreement::ScaleReader;
use crate::model::{LabelStream, Moment, Probability, Revisions, Scale, SubjectId};
use crate::store::{KeptWatch, Logged, LoggedWhat, Store, StoreError, WatchedJudge};

/// Answers judged twice that tell a judge's noise: as many that its error stays below the margin that drift is more than noise.
const REPEATS: usize = 100;
/// A judge that contradicts itself more often cannot be watched by what it says again.
const MOST_NOISE: f64 = 0.5;

/// A rubric version and its scale.
#[derive(Debug, Clone, Copy)]
pub struct ScaleOf<'a> {
    pub rubric: &'a str,
    pub version: u32,
    pub scale: &'a Scale,
}

/// What is said of a rubric.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    pub rubric: String,
    pub judge: String,
    pub report: Report,
}

/// What a watch keeps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Said {
    report: Report,
    /// What another algorithm raised, or the same by another scale, and this look does not: an alarm is not taken back by
    /// looking otherwise.
    raised_before: Vec<Flag>,
}

/// What the watches say of every rubric with labels, by the judge that judges it now. `baselines` are judges that only stand in
/// for comparison.
pub async fn read(store: &Store, scales: &[ScaleOf<'_>], baselines: &[String]) -> Result<Vec<Watched>, StoreError> {
    let mut watched = Vec::new();
    for judge in current(store.watched_judges().await?, baselines) {
        if let Some(scale) = scale_of(scales, &judge) {
            let looked = Look::at(store, &judge.rubric, &judge.judge, scale).await?;
            watched.push(Watched { rubric: judge.rubric, judge: judge.judge, report: looked.said.shown() });
        }
    }
    Ok(watched)
}

/// Looks at what came since, and keeps it and what is said of it; only while this worker has the duty.
pub async fn keep(store: &Store, scales: &[ScaleOf<'_>], baselines: &[String], duty: &str) -> Result<(), StoreError> {
    for judge in current(store.watched_judges().await?, baselines) {
        let Some(scale) = scale_of(scales, &judge) else { continue };
        let (rubric, judge) = (judge.rubric.as_str(), judge.judge.as_str());
        let look = Look::at(store, rubric, judge, scale).await?;
        if let Some((known, kept)) = look.kept(scale)? {
            store.keep_watch((rubric, judge), known, &look.unseen, &kept, duty).await?;
        }
    }
    Ok(())
}

/// Of each rubric the judge whose labelled answers are the newest; one that stands in for comparison only where there is no
/// other.
fn current(all: Vec<WatchedJudge>, baselines: &[String]) -> Vec<WatchedJudge> {
    let mut current: BTreeMap<String, WatchedJudge> = BTreeMap::new();
    let rank = |judge: &WatchedJudge| (!baselines.contains(&judge.judge), judge.newest_ms);
    for judge in all {
        match current.get(&judge.rubric) {
            Some(known) if rank(known) >= rank(&judge) => {}
            _ => drop(current.insert(judge.rubric.clone(), judge)),
        }
    }
    current.into_values().collect()
}

/// The scale of the version that is judged, or of the newest that is known: a version may have been deleted.
fn scale_of<'a>(scales: &[ScaleOf<'a>], judge: &WatchedJudge) -> Option<&'a Scale> {
    let own = scales.iter().filter(|scale| scale.rubric == judge.rubric);
    own.max_by_key(|scale| (scale.version == judge.version, scale.version)).map(|scale| scale.scale)
}

/// One look at a rubric and its judge.
struct Look {
    /// What was kept before, and of how many entries; none where nothing is to be kept now.
    known: Option<usize>,
    /// The judge's noise, where it was measured.
    noise: Option<f64>,
    unseen: Vec<Logged>,
    said: Said,
}

impl Look {
    async fn at(store: &Store, rubric: &str, judge: &str, scale: &Scale) -> Result<Self, StoreError> {
        let kept = store.kept_watch(rubric, judge).await?;
        let unseen = store.unseen(rubric, judge).await?;
        let before = kept.as_ref().and_then(|kept| serde_json::from_str::<Said>(&kept.said).ok());
        let noise = judge_noise(store, rubric, judge, scale).await?;
        let is_current = kept.is_some_and(|kept| kept.algorithm == ALGORITHM && kept.scale == told(scale, noise));
        if unseen.is_empty()
            && let Some(said) = before.clone().filter(|_| is_current)
        {
            return Ok(Self { known: None, noise, unseen, said });
        }
        let mut log = store.drift_log(rubric, judge).await?;
        let known = log.len();
        log.extend(unseen.iter().cloned());
        let report = apart({
            let scale = scale.clone();
            move || look(&log, &scale, noise)
        })
        .await;
        let raised_before = before.map_or_else(Vec::new, |before| before.raised_otherwise(is_current, &report));
        Ok(Self { known: Some(known), noise, unseen, said: Said { report, raised_before } })
    }

    /// What is to be kept, where it is new, and how many entries the log had.
    fn kept(&self, scale: &Scale) -> Result<Option<(usize, KeptWatch)>, StoreError> {
        let Some(known) = self.known else { return Ok(None) };
        let position = (known + self.unseen.len()) as i64;
        Ok(Some((known, KeptWatch::of(ALGORITHM, position, told(scale, self.noise), &self.said)?)))
    }
}

impl Said {
    /// Alarms that were raised by looking otherwise, and of which a report says neither that they stand nor that they are over.
    fn raised_otherwise(self, is_current: bool, report: &Report) -> Vec<Flag> {
        let is_told = |flag: &Flag| {
            let over = report.recovered.iter().map(|one| &one.flag);
            let same = |other: &Flag| (other.kind, &other.segment) == (flag.kind, &flag.segment);
            over.chain(&report.flags).any(|other| same(other) && other.detected_at >= flag.detected_at)
        };
        let own = if is_current { Vec::new() } else { self.report.flags };
        let stood = own.into_iter().chain(self.raised_before);
        stood.filter(|flag| !is_told(flag)).collect()
    }

    /// With the alarms that stand though a later look does not raise them.
    fn shown(self) -> Report {
        let mut report = self.report;
        report.flags.extend(self.raised_before);
        report
    }
}

/// Detectors take seconds where there are many labels, and the thread of a task has other things to do meanwhile. A panic goes
/// on in the task.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What tells one way of looking from another: the scale, and the noise once it was measured.
fn told(scale: &Scale, noise: Option<f64>) -> String {
    match noise {
        Some(noise) => format!("{scale:?}, noise {noise:.4}"),
        None => format!("{scale:?}"),
    }
}

/// How far the judge's second verdict on an answer is from its first on average, over the first [`REPEATS`] answers of which it
/// gave both; none before there are as many. What comes later does not change it: it is what changes are held against.
async fn judge_noise(store: &Store, rubric: &str, judge: &str, scale: &Scale) -> Result<Option<f64>, StoreError> {
    let (reader, distances) = (ScaleReader::of(scale), DriftScale::of(scale));
    let pairs = store.first_repeats(rubric, judge, REPEATS).await?;
    let both = pairs.iter().filter_map(|pair| {
        let (first, again) = (pair.first.as_ref()?, pair.again.as_ref()?);
        Some(1.0 - distances.closeness(place(&reader, first)?, place(&reader, again)?))
    });
    let (number, sum) = both.fold((0, 0.0), |(number, sum), distance| (number + 1, sum + distance));
    Ok((number == REPEATS).then(|| (sum / number as f64).min(MOST_NOISE)))
}

/// What the detectors say of a log. Moments are those of the answers; of a label that came late, that of the newest answer
/// seen before, so that nothing that came later is dated earlier.
fn look(log: &[Logged], scale: &Scale, noise: Option<f64>) -> Report {
    let reader = ScaleReader::of(scale);
    let (mut entries, mut dates, mut newest) = (Vec::new(), Vec::new(), i64::MIN);
    let mut drawn: BTreeMap<SubjectId, Drawn> = BTreeMap::new();
    for logged in log {
        if let LoggedWhat::Label { .. } = logged.what {
            newest = newest.max(logged.observed_at_ms);
        }
        if let Some(entry) = entry(logged, &reader, &mut drawn) {
            entries.push(entry);
            dates.push(Moment(match logged.what {
                LoggedWhat::Label { .. } => newest,
                LoggedWhat::Verdict { finished_at_ms } => finished_at_ms,
            }));
        }
    }
    let assumed = Settings::default();
    let settings = Settings { judge_noise: noise.unwrap_or(assumed.judge_noise), ..assumed };
    let report = detect(&History::of(entries, DriftScale::of(scale)), &settings);
    report.dated(|index| dates.get(index).copied().unwrap_or(Moment(0)))
}

/// Who labelled an answer first, and when that was seen.
struct Drawn {
    annotator: String,
    seen_at_ms: i64,
}

/// A uniform label with the judge's verdict, or a label of an anchor, or a verdict on one. What an annotator says of an
/// item again stands without the verdict, which was not given again; a second annotator's word on a known item is left to
/// the agreement among people.
fn entry(logged: &Logged, reader: &ScaleReader, drawn: &mut BTreeMap<SubjectId, Drawn>) -> Option<Entry> {
    let judge = place(reader, &logged.score.score);
    match &logged.what {
        LoggedWhat::Verdict { finished_at_ms } => {
            // What was said of a drawn answer before its label came stands with the label.
            let is_known = drawn.get(&logged.subject).is_some_and(|drawn| *finished_at_ms <= drawn.seen_at_ms);
            let judge = judge.filter(|_| !is_known)?;
            Some(Entry { judge: Some(judge), is_anchor: true, ..bare(logged) })
        }
        LoggedWhat::Label { annotator, score, stream, is_anchor, .. } => {
            let human = place(reader, score)?;
            let said = Entry { human: Some(human), annotator: Some(annotator.clone()), ..bare(logged) };
            match drawn.get(&logged.subject) {
                Some(first) if first.annotator != *annotator => None,
                Some(_) => Some(Entry { is_anchor: *is_anchor, ..said }),
                None => {
                    let first = Drawn { annotator: annotator.clone(), seen_at_ms: logged.seen_at_ms };
                    drawn.insert(logged.subject, first);
                    let is_uniform = *stream == LabelStream::Uniform;
                    let probability = logged.score.inclusion_probability;
                    Some(if is_uniform {
                        Entry { judge, probability, ..said }
                    } else {
                        Entry { is_anchor: true, ..said }
                    })
                }
            }
        }
    }
}

/// An entry about an answer, without anybody's verdict.
fn bare(logged: &Logged) -> Entry {
    let score = &logged.score;
    let revision = Revisions { reading: score.reading, rendering: score.rendering };
    Entry {
        item: logged.subject.to_string(),
        human: None,
        judge: None,
        annotator: None,
        is_anchor: false,
        segments: logged.segments.clone(),
        probability: Probability::ONE,
        session: logged.session.clone(),
        content: Some(logged.content.clone()),
        observed: Some(Moment(logged.observed_at_ms)),
        seen: Some(Moment(logged.seen_at_ms)),
        series: Series {
            rubric_version: Some(score.version.into()),
            judge_model: score.judge_model.clone().map(Into::into),
            revision: Some(revision.to_string().into()),
        },
    }
}
