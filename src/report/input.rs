//! What a report is made of: rows of the store and the rubrics' scales. Nothing else enters it.

use std::collections::{BTreeMap, BTreeSet};

use crate::drift::watch::{self as drift_watch, ScaleOf, Watched};
use crate::model::{Alert, HOUR_MS, Label, PRODUCTION, Scale};
use crate::rubrics::{Rubric, scale_text};
use crate::store::{
    CellsBuilt, ContentState, Ledger, OutcomeCount, ProblemCount, RepeatedVerdict, ScoredEvaluation, Store, StoreError,
};

use super::drift::Flag;
use super::traffic::Traffic;
use super::watched::{self, WatchedScores};

/// What the report needs to know of a rubric version.
#[derive(Debug, Clone, PartialEq)]
pub struct RubricFacts {
    /// The rubric's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The question it answers.
    pub description: String,
    /// Its scale.
    pub scale: Scale,
    /// The scale in the words that judge and labeller read.
    pub scale_text: String,
}

impl From<&Rubric> for RubricFacts {
    fn from(rubric: &Rubric) -> Self {
        Self {
            name: rubric.name.clone(),
            version: rubric.version,
            description: rubric.description.clone(),
            scale: rubric.scale.clone(),
            scale_text: scale_text(&rubric.scale),
        }
    }
}

/// What the reader of a report chose.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Only evaluations planned since, milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// The time the report bears; by default that of its newest datum, so that the same data give the same report.
    pub generated_at_ms: Option<i64>,
    /// What the report says of itself when its verdicts are made up.
    pub simulation: Option<String>,
    /// Judges that stand for the bar a real judge must clear.
    pub baselines: Vec<String>,
    /// The rubrics that judge; what the report says of others stands aside. Without a list, all do.
    pub enabled: Option<BTreeSet<String>>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            since_ms: None,
            generated_at_ms: None,
            simulation: None,
            baselines: vec!["baseline".to_owned()],
            enabled: None,
        }
    }
}

/// What came in the hour before the newest evaluation.
#[derive(Debug, Clone, Default)]
pub struct LastHour {
    pub contents: Vec<ContentState>,
    pub problems: Vec<ProblemCount>,
}

/// Everything a report is computed from.
#[derive(Debug, Clone)]
pub struct ReportInput {
    /// What was scored, summed up.
    pub traffic: Traffic,
    /// How far it is complete.
    pub sums: CellsBuilt,
    /// Evaluations that cannot be read, and are not in it.
    pub set_aside: u64,
    /// The scored evaluations of labelled answers, in order of observation.
    pub scored: Vec<ScoredEvaluation>,
    /// What judges said again of answers.
    pub repeats: Vec<RepeatedVerdict>,
    /// The scores in which worse answers would show, by rubric.
    pub watched: BTreeMap<String, WatchedScores>,
    /// What the watches on drift say of each rubric that has labels.
    pub drift_watches: Vec<Watched>,
    /// Counts of every outcome.
    pub outcomes: Vec<OutcomeCount>,
    /// All labels, in order of time.
    pub labels: Vec<Label>,
    /// How many subjects carried content.
    pub contents: Vec<ContentState>,
    /// The same of the last hour, and what weakened evaluations in it: what is mended asks for nothing more.
    pub last_hour: LastHour,
    /// Every account.
    pub ledger: Ledger,
    /// The version of each rubric that production uses, where an alias says so.
    pub production: BTreeMap<String, u32>,
    /// The rubric versions that are known.
    pub rubrics: Vec<RubricFacts>,
    /// What drift detection found.
    pub drift: Vec<Flag>,
    /// The alerts that are not over.
    pub alerts: Vec<Alert>,
    /// What the reader chose.
    pub options: ReportOptions,
}

impl ReportInput {
    /// Reads only what agreement, drift and quality are computed from: the scores of labelled answers in full, of all others the
    /// sums of the hours that are watched.
    pub async fn read_labelled(
        store: &Store,
        rubrics: Vec<RubricFacts>,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        // While they are being built, nothing is read from them here.
        if store.cells_built().await? == CellsBuilt::Complete {
            catch_up(store).await?;
        }
        let production = production(store).await?;
        let scored = store.labelled_evaluations(0).await?;
        Ok(Self {
            // Which series there are; labelled answers do not stand for the traffic, whose scores labels could correct.
            traffic: Traffic::of_rows(&scored),
            sums: CellsBuilt::Since(i64::MAX),
            set_aside: 0,
            scored,
            repeats: Vec::new(),
            watched: watched::read(store, &production, &options.baselines).await?,
            drift_watches: drift_watch::read(store, &scales(&rubrics), &options.baselines).await?,
            outcomes: Vec::new(),
            labels: store.labels().await?,
            contents: Vec::new(),
            last_hour: LastHour::default(),
            ledger: store.ledger(store.now_ms()).await?,
            production,
            rubrics,
            drift: Vec::new(),
            alerts: Vec::new(),
            options,
        })
    }

    /// Reads everything from the store.
    pub async fn read(
        store: &Store,
        rubrics: Vec<RubricFacts>,
        drift: Vec<Flag>,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        let since_ms = options.since_ms.unwrap_or(0);
        catch_up(store).await?;
        let sums = store.cells_built().await?;
        let traffic = match sums {
            CellsBuilt::Complete | CellsBuilt::Since(_) => Traffic::read(store, options.since_ms).await?,
            // What they hold is not known to this release.
            CellsBuilt::Foreign => Traffic::default(),
        };
        let ledger = store.ledger(since_ms).await?;
        let latest_ms = store.latest_evaluation_ms().await?;
        let outcomes = traffic.outcomes(&ledger.rubrics, latest_ms);
        let last_hour_ms = latest_ms.saturating_sub(HOUR_MS);
        let production = production(store).await?;
        let mut watched = watched::read(store, &production, &options.baselines).await?;
        // What is not reported on is not watched here either.
        watched.retain(|_, own| own.series.newest_ms >= since_ms);
        Ok(Self {
            traffic,
            sums,
            set_aside: store.set_aside_evaluations().await?,
            scored: store.labelled_evaluations(since_ms).await?,
            repeats: store.repeated_verdicts(since_ms).await?,
            watched,
            drift_watches: drift_watch::read(store, &scales(&rubrics), &options.baselines).await?,
            outcomes,
            labels: store.labels().await?,
            contents: store.content_states(since_ms).await?,
            last_hour: LastHour {
                contents: store.content_states(last_hour_ms).await?,
                problems: store.problem_counts(last_hour_ms).await?,
            },
            ledger,
            production,
            rubrics,
            drift,
            alerts: store.unresolved_alerts().await?,
            options,
        })
    }
}

/// The scales that verdicts are placed on.
pub fn scales(rubrics: &[RubricFacts]) -> Vec<ScaleOf<'_>> {
    rubrics.iter().map(|facts| ScaleOf { rubric: &facts.name, version: facts.version, scale: &facts.scale }).collect()
}

/// Adds what was scored in the last seconds, and of a database that is still being summed up a part: the report says how far
/// it is.
async fn catch_up(store: &Store) -> Result<(), StoreError> {
    const GROUP: usize = 1_000;
    const GROUPS: usize = 50;
    if !store.has_unfolded().await? {
        return Ok(());
    }
    for _ in 0..GROUPS {
        if !store.fold(GROUP).await?.is_behind {
            break;
        }
    }
    Ok(())
}

async fn production(store: &Store) -> Result<BTreeMap<String, u32>, StoreError> {
    let aliases = store.rubric_aliases().await?.into_iter();
    Ok(aliases.filter_map(|alias| (alias.alias == PRODUCTION).then_some((alias.name, alias.version))).collect())
}
