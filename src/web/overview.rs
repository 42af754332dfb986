//! The first page, the report, the ledger and the judges: all from one report, computed now and then.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::context;

use super::problem::PageError;
use super::state::{Shared, Web};
use crate::report::baseline;
use crate::report::{ReportData, ReportInput, ReportOptions, RubricFacts, html};

/// The report is computed at most this often: its intervals take a second of work, and nothing moves faster.
const FRESH_MS: i64 = 20_000;

impl Web {
    /// The report of everything in the store, at most [`FRESH_MS`] old.
    pub(super) async fn current_report(&self) -> Result<Arc<ReportData>, PageError> {
        // Held while computing, so that several readers wait for one computation.
        let mut cached = self.report.0.lock().await;
        let now_ms = self.parts.store.now_ms();
        if let Some((_, report)) = cached.as_ref().filter(|(at, _)| now_ms - at < FRESH_MS) {
            return Ok(Arc::clone(report));
        }
        let rubrics = self.parts.catalogue.all().iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
        let options = ReportOptions { baselines: self.parts.baselines.clone(), ..ReportOptions::default() };
        let mut input = ReportInput::read(&self.parts.store, rubrics, Vec::new(), options).await?;
        baseline::beside(&self.parts.store, &self.parts.catalogue.all(), &mut input).await?;
        let report = Arc::new(tokio::task::spawn_blocking(move || ReportData::build(&input)).await?);
        *cached = Some((now_ms, Arc::clone(&report)));
        Ok(report)
    }

    async fn report_page(&self, template: &str, here: &str) -> Result<Response, PageError> {
        let report = self.current_report().await?;
        self.pages.render(template, context! { here, live => true, ..html::body_context(&report) })
    }
}

/// Open alerts, verdicts, what to do next, and what waits.
pub(super) async fn overview(State(web): State<Shared>) -> Result<Response, PageError> {
    let report = web.current_report().await?;
    let waiting = web.parts.store.pending_by_judge().await?;
    let now_ms = web.parts.store.now_ms();
    let waiting: Vec<_> = waiting
        .into_iter()
        .map(|(judge, (number, since_ms))| {
            context! { judge, number, minutes => (now_ms - since_ms).max(0) / 60_000 }
        })
        .collect();
    let alerts = web.open_alerts().await?;
    web.pages
        .render("overview.html", context! { here => "/", live => true, waiting, alerts, ..html::body_context(&report) })
}

/// The whole report.
pub(super) async fn report(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("report_page.html", "/report").await
}

/// Every account.
pub(super) async fn ledger(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("ledger.html", "/ledger").await
}

/// Cost and latency.
pub(super) async fn judges(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("judges.html", "/judges").await
}
