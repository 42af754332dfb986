//! The sampling in force at intake, and for a while after a change what was in force before.
//!
//! The gate keeps nothing of a trace that it leaves out, so that a change of the rate concerns traces under way:
//!
//! * After a **lower** rate, spans of traces that the higher one kept still come. Those between the two rates are looked up,
//!   for as long as a trace may wait for its spans, and kept where their trace is: no trace is halved.
//! * After a **higher** rate nothing is looked up: what the new rate wants is kept, and assembly tells traces that began before
//!   the change, of which spans were left out, from new ones.

use std::sync::Arc;

use crate::model::Attributes;
use crate::sampling::Sampler;

/// The sampling in force, and what was in force before.
#[derive(Debug)]
pub struct SamplingInForce {
    sampler: Arc<Sampler>,
    version: Option<i64>,
    before: Vec<Before>,
}

/// A sampler whose kept traces may still get spans.
#[derive(Debug)]
pub struct Before {
    /// It draws as the one in force does.
    pub sampler: Arc<Sampler>,
    /// Then they have waited long enough, milliseconds since the Unix epoch.
    pub until_ms: i64,
}

impl SamplingInForce {
    /// `version` is noted with every trace that is first seen under it.
    pub fn new(sampler: Arc<Sampler>, version: Option<i64>, before: Vec<Before>) -> Self {
        Self { sampler, version, before }
    }

    pub fn version(&self) -> Option<i64> {
        self.version
    }

    /// What decides about a request that comes now.
    pub fn at(&self, now_ms: i64) -> Drawing<'_> {
        let before = self.before.iter().filter(|one| now_ms < one.until_ms).map(|one| one.sampler.as_ref()).collect();
        Drawing { sampler: &self.sampler, before, version: self.version }
    }
}

/// What decides about one request.
#[derive(Debug)]
pub struct Drawing<'s> {
    pub(super) sampler: &'s Sampler,
    pub(super) version: Option<i64>,
    /// Empty but for a while after a change.
    before: Vec<&'s Sampler>,
}

impl Drawing<'_> {
    /// Whether some rule looks at this resource attribute.
    pub(super) fn reads_resource(&self, key: &str) -> bool {
        self.sampler.reads_resource(key) || self.before.iter().any(|sampler| sampler.reads_resource(key))
    }

    /// Below it a trace of this resource may have been kept before.
    pub(super) fn kept_before_below(&self, resource: &Attributes) -> f64 {
        self.before.iter().map(|sampler| sampler.bound(resource).high.get()).fold(0.0, f64::max)
    }
}

impl<'s> From<&'s Sampler> for Drawing<'s> {
    /// One sampler from the beginning.
    fn from(sampler: &'s Sampler) -> Self {
        Self { sampler, version: None, before: Vec::new() }
    }
}
