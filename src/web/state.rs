//! What every handler is given.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::access::Access;
use super::pages::Pages;
use crate::config::TraceLink;
use crate::privacy::SharedRedactor;
use crate::report::kept::PageReport;
use crate::rubrics::Catalogue;
use crate::secrets::MacKey;
use crate::store::{AlertRoute, Store};

/// The parts of a running judged that pages show.
pub struct WebParts {
    /// The database.
    pub store: Store,
    /// The rubric versions in use.
    pub catalogue: Catalogue,
    /// Makes the keys of data blocks, so that a prompt is shown as the judge saw it.
    pub fence: MacKey,
    /// Says under which names ids are stored.
    pub redactor: SharedRedactor,
    /// Seals what a form brings back.
    pub seal: MacKey,
    /// Judges that are the offline baseline.
    pub baselines: Vec<String>,
    /// Which webhooks hear of what happens to alerts.
    pub alert_routes: Vec<AlertRoute>,
    /// Where the tracing backend shows a trace.
    pub trace_link: Option<TraceLink>,
    /// Who may come in.
    pub access: Access,
    /// What keeps the process from its work, each with the reason; the database is asked besides.
    pub troubles: Arc<dyn Fn() -> Vec<(&'static str, String)> + Send + Sync>,
    /// The metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What every handler shares.
pub(super) struct Web {
    pub(super) parts: WebParts,
    pub(super) pages: Pages,
    pub(super) report: ReportCache,
}

pub(super) type Shared = Arc<Web>;

/// The report that was shown last, as read from the store.
#[derive(Default)]
pub(super) struct ReportCache(pub(super) Mutex<Option<Arc<PageReport>>>);
