//! What the evaluation stage is made of.

use std::sync::Arc;
use std::time::Duration;

use crate::judges::Judges;
use crate::model::{Outcome, ScoreForm};
use crate::privacy::SharedRedactor;
use crate::rubrics::Catalogue;
use crate::secrets::MacKey;
use crate::store::Store;

/// What the evaluation stage works with.
#[derive(Clone)]
pub struct Evaluation {
    /// Where work comes from and results go.
    pub store: Store,
    /// The rubric versions that pending evaluations were planned with.
    pub catalogue: Catalogue,
    /// The configured judges.
    pub judges: Arc<Judges>,
    /// Which sinks an outcome is owed to.
    pub routing: Routing,
    /// What the markers around data blocks are derived from, together with the evaluation's id.
    pub fence: MacKey,
    /// Redacts what judges say back.
    pub redactor: SharedRedactor,
    /// A worker that dies gives its evaluations back after this long.
    pub lease: Duration,
    /// How often an evaluation is tried before it ends as failed.
    pub attempts: u32,
}

/// Which sinks an outcome is owed to.
pub type Routing = Arc<dyn Fn(Outcome) -> Vec<(String, ScoreForm)> + Send + Sync>;
