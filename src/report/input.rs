//! What a report is made of: rows of the store and the rubrics' scales. Nothing else enters it.

use std::collections::{BTreeMap, BTreeSet};

use crate::drift::watch::{self as drift_watch, ScaleOf, Watched};
use crate::model::{Alert, Label, Scale};
use crate::rubrics::{Rubric, scale_text};
use crate::store::{ContentState, Ledger, OutcomeCount, ScoredEvaluation, Store, StoreError};

use super::drift::Flag;
use super::watched::{self, WatchedScores};

/// The alias of the version whose scores count.
const PRODUCTION: &str = "production";

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
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { since_ms: None, generated_at_ms: None, simulation: None, baselines: vec!["baseline".to_owned()] }
    }
}

/// Everything a report is computed from.
#[derive(Debug, Clone)]
pub struct ReportInput {
    /// Scored evaluations, in order of observation.
    pub scored: Vec<ScoredEvaluation>,
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
    /// Reads only what agreement, drift and quality are computed from: the scores of labelled answers in full, of the
    /// newest others no more than what is watched.
    pub async fn read_labelled(
        store: &Store,
        rubrics: Vec<RubricFacts>,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        let production = production(store).await?;
        Ok(Self {
            scored: store.labelled_evaluations().await?,
            watched: watched::read(store, &production, &options.baselines).await?,
            drift_watches: drift_watch::read(store, &scales(&rubrics), &options.baselines).await?,
            outcomes: Vec::new(),
            labels: store.labels().await?,
            contents: Vec::new(),
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
        let scored = store.scored_evaluations(since_ms).await?;
        let production = production(store).await?;
        let mut watched = watched::read(store, &production, &options.baselines).await?;
        // What is not reported on is not watched here either.
        let named: BTreeSet<&str> = scored.iter().map(|one| one.rubric.as_str()).collect();
        watched.retain(|rubric, _| named.contains(rubric.as_str()));
        Ok(Self {
            scored,
            watched,
            drift_watches: drift_watch::read(store, &scales(&rubrics), &options.baselines).await?,
            outcomes: store.outcome_counts(since_ms).await?,
            labels: store.labels().await?,
            contents: store.content_states(since_ms).await?,
            ledger: store.ledger(since_ms).await?,
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

async fn production(store: &Store) -> Result<BTreeMap<String, u32>, StoreError> {
    let aliases = store.rubric_aliases().await?.into_iter();
    Ok(aliases.filter_map(|alias| (alias.alias == PRODUCTION).then_some((alias.name, alias.version))).collect())
}
