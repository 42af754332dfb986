//! The first page, the report, the ledger and the judges: all from the report that is kept in the store, and its age.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::value::merge_maps;
use minijinja::{Value, context};

use super::problem::PageError;
use super::state::{Shared, Web};
use crate::report::kept::{self, PageReport};

/// A report that is older was not followed by another: nobody calibrates.
const STALE_MS: i64 = 2 * 3_600_000;

impl Web {
    /// The report that is kept; `None` before one has been made.
    pub(super) async fn kept_report(&self) -> Result<Option<Arc<PageReport>>, PageError> {
        // Held while reading, so that several readers wait for one.
        let mut shown = self.report.0.lock().await;
        let made_at_ms = kept::made_at_ms(&self.parts.store).await?;
        if shown.as_ref().map(|report| report.made_at_ms) != made_at_ms {
            *shown = kept::read(&self.parts.store).await?.map(Arc::new);
        }
        Ok(shown.clone())
    }

    async fn report_page(&self, template: &str, here: &str, besides: Value) -> Result<Response, PageError> {
        let Some(report) = self.kept_report().await? else {
            return self.pages.render("no_report.html", merge_maps([context! { here }, besides]));
        };
        let age_ms = (self.parts.store.now_ms() - report.made_at_ms).max(0);
        let age = context! { minutes => age_ms / 60_000, seconds => age_ms / 1_000, stale => age_ms > STALE_MS };
        let served = context! { here, live => true, age, made_at_ms => report.made_at_ms };
        self.pages.render(template, merge_maps([served, besides, report.body_context()]))
    }
}

/// Open alerts, verdicts, what to do next, and what waits.
pub(super) async fn overview(State(web): State<Shared>) -> Result<Response, PageError> {
    let waiting = web.parts.store.pending_by_judge().await?;
    let now_ms = web.parts.store.now_ms();
    let waiting: Vec<_> = waiting
        .into_iter()
        .map(|(judge, (number, since_ms))| {
            context! { judge, number, minutes => (now_ms - since_ms).max(0) / 60_000 }
        })
        .collect();
    let alerts = web.open_alerts().await?;
    web.report_page("overview.html", "/", context! { waiting, alerts }).await
}

/// The whole report.
pub(super) async fn report(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("report_page.html", "/report", context! {}).await
}

/// Every account.
pub(super) async fn ledger(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("ledger.html", "/ledger", context! {}).await
}

/// Cost and latency.
pub(super) async fn judges(State(web): State<Shared>) -> Result<Response, PageError> {
    web.report_page("judges.html", "/judges", context! {}).await
}
