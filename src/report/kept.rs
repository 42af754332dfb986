//! The report as it is kept for pages: made by the worker that has the duty of calibration, rendered by any.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{ReportData, ReportInput, ReportOptions, RubricFacts, baseline, html, json};
use crate::rubrics::Rubric;
use crate::store::{KeptReport, Store, StoreError};

/// Templates and the data that they are rendered from change from release to release.
const MADE_WITH: &str = env!("CARGO_PKG_VERSION");

/// Why no report could be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeptReportError {
    /// The rows it is made of, or the place where it is kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The computation broke.
    #[error("the statistics broke; please report this with the labels that `judged labels export` prints")]
    Statistics(#[from] tokio::task::JoinError),
    /// Numbers without a JSON form, or a kept text that is none.
    #[error("the kept report is no JSON of this release")]
    Json(#[from] serde_json::Error),
}

/// What pages and the API show of a report.
#[derive(Debug)]
pub struct PageReport {
    /// When it was made, milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// The variables of the report's templates.
    context: Value,
}

impl PageReport {
    /// What `report_body.html` and its parts need.
    pub fn body_context(&self) -> minijinja::Value {
        html::kept_context(&self.context)
    }

    /// The JSON twin, with the time at which it was made.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut report = self.context.get("report").cloned().unwrap_or_default();
        if let Value::Object(members) = &mut report {
            members.insert("made_at".to_owned(), super::Moment(self.made_at_ms).to_string().into());
        }
        json::render_value(report)
    }
}

impl PageReport {
    /// Of each rubric whose labels do not count for the series that judges now: why, and what mends it.
    pub fn new_series(&self) -> BTreeMap<&str, &str> {
        let rubrics = self.context.get("report").and_then(|report| report.get("rubrics")).and_then(Value::as_array);
        rubrics.into_iter().flatten().filter_map(new_series_of).collect()
    }
}

/// The name of a rubric and the sentence about its new series.
fn new_series_of(rubric: &Value) -> Option<(&str, &str)> {
    Some((rubric.get("name")?.as_str()?, rubric.get("new_series")?.get("text")?.as_str()?))
}

/// Makes the report of everything in the store and keeps it.
pub async fn make(
    store: &Store,
    rubrics: &[Arc<Rubric>],
    enabled: Option<BTreeSet<String>>,
    baselines: &[String],
) -> Result<(), KeptReportError> {
    let made_at_ms = store.now_ms();
    let facts = rubrics.iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
    let options = ReportOptions { baselines: baselines.to_vec(), enabled, ..ReportOptions::default() };
    let mut input = ReportInput::read(store, facts, Vec::new(), options).await?;
    baseline::beside(store, rubrics, &mut input).await?;
    // Intervals of many labels take a while, and a worker has other things to do meanwhile.
    let content = tokio::task::spawn_blocking(move || html::context_json(&ReportData::build(&input))).await??;
    store.keep_report(MADE_WITH, &KeptReport { made_at_ms, content }).await?;
    Ok(())
}

/// When the report that is kept was made, milliseconds since the Unix epoch.
pub async fn made_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    store.report_kept_at(MADE_WITH).await
}

/// The report that is kept; `None` before this release has made one.
pub async fn read(store: &Store) -> Result<Option<PageReport>, KeptReportError> {
    let Some(kept) = store.kept_report(MADE_WITH).await? else { return Ok(None) };
    Ok(Some(PageReport { made_at_ms: kept.made_at_ms, context: serde_json::from_str(&kept.content)? }))
}
