//! The rates of a trace: those that were in force when it was first seen, or lower ones where a part of it may be missing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::model::{Probability, Span};
use crate::sampling::{Matches, Sampler, SpanFacts, VersionConfig};
use crate::store::{DueTrace, RubricAndJudge, SamplingVersion, Store, StoreError};

/// How old what is known of the versions may be: workers that come to a change later move its beginning.
const FRESH_MS: i64 = 1_000;

/// How old what is known of lowered rates may be.
const LOWERED_FRESH_MS: i64 = 10_000;

/// Changes within one `max_wait` of which a trace under way can be told; more of them nobody makes.
const CHANGES_BACK: i64 = 8;

/// The samplers of the versions that traces at hand were first seen under.
pub struct TraceSampling {
    store: Store,
    salt: String,
    max_wait_ms: i64,
    /// For traces without a version, and for sessions.
    current: RwLock<Arc<Sampler>>,
    known: RwLock<Known>,
    lowered: RwLock<Lowered>,
}

/// By how much rates are lowered now, and when that was read.
#[derive(Default)]
struct Lowered {
    factors: Arc<Factors>,
    read_ms: Option<i64>,
}

/// By rubric and judge; what is absent is not lowered.
pub(super) type Factors = BTreeMap<RubricAndJudge, Probability>;

#[derive(Default)]
struct Known {
    versions: BTreeMap<i64, Arc<Version>>,
    read_ms: Option<i64>,
}

struct Version {
    stored: SamplingVersion,
    config: VersionConfig,
    sampler: Arc<Sampler>,
}

/// The sampler that a trace goes by, and those under which a part of it may have been left out.
pub(super) struct TraceRates {
    samplers: Vec<(Arc<Sampler>, Matches)>,
}

impl TraceRates {
    /// Of something that is drawn now, whose spans matched these rules.
    pub(super) fn of(sampler: Arc<Sampler>, matches: Matches) -> Self {
        Self { samplers: vec![(sampler, matches)] }
    }

    /// The rate for one rubric, or the highest of any.
    pub(super) fn rate(&self, rubric: Option<&str>) -> Probability {
        let rates = self.samplers.iter().map(|(sampler, matches)| sampler.rate_of(*matches, rubric));
        rates.reduce(|lowest, rate| if rate < lowest { rate } else { lowest }).unwrap_or(Probability::ONE)
    }
}

impl TraceSampling {
    /// How long a trace may wait for its spans.
    pub fn max_wait(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.max_wait_ms).unwrap_or(0))
    }

    /// `current` decides where no version is noted. Traces may wait for `max_wait` for their spans.
    pub fn new(store: Store, salt: String, max_wait: Duration, current: Arc<Sampler>) -> Self {
        let max_wait_ms = i64::try_from(max_wait.as_millis()).unwrap_or(i64::MAX);
        Self {
            store,
            salt,
            max_wait_ms,
            current: RwLock::new(current),
            known: RwLock::default(),
            lowered: RwLock::default(),
        }
    }

    /// Replaces what decides where no version is noted.
    pub fn set_current(&self, sampler: Arc<Sampler>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = sampler;
    }

    pub(super) fn current(&self) -> Arc<Sampler> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the versions that `traces` name, where they are not known or no longer fresh.
    pub(super) async fn read_versions(&self, traces: &[DueTrace]) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let Some(oldest) = traces.iter().filter_map(|trace| trace.sampling_version).min() else { return Ok(()) };
        let is_fresh = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let named = traces.iter().filter_map(|trace| trace.sampling_version);
            known.read_ms.is_some_and(|read_ms| now_ms < read_ms + FRESH_MS)
                && named.into_iter().all(|id| known.versions.contains_key(&id))
        };
        if is_fresh {
            return Ok(());
        }
        let stored = self.store.sampling_versions_from(oldest - CHANGES_BACK).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for stored in stored {
            if let Some(version) = self.version(stored, &known.versions) {
                known.versions.insert(version.stored.id, Arc::new(version));
            }
        }
        known.read_ms = Some(now_ms);
        Ok(())
    }

    /// Reads by how much rates are lowered, where that is no longer fresh.
    pub(super) async fn read_factors(&self) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let read_ms = self.lowered.read().unwrap_or_else(PoisonError::into_inner).read_ms;
        if read_ms.is_some_and(|read_ms| (read_ms..read_ms + LOWERED_FRESH_MS).contains(&now_ms)) {
            return Ok(());
        }
        let in_force = self.store.rate_factors(now_ms).await?;
        let newest = in_force.into_iter().filter_map(|(of, factors)| Some((of, factors.last()?.factor)));
        let mut lowered = self.lowered.write().unwrap_or_else(PoisonError::into_inner);
        *lowered = Lowered { factors: Arc::new(newest.collect()), read_ms: Some(now_ms) };
        Ok(())
    }

    pub(super) fn factors(&self) -> Arc<Factors> {
        Arc::clone(&self.lowered.read().unwrap_or_else(PoisonError::into_inner).factors)
    }

    /// A version that this release can read; another one's traces go by what is current.
    fn version(&self, stored: SamplingVersion, known: &BTreeMap<i64, Arc<Version>>) -> Option<Version> {
        if let Some(known) = known.get(&stored.id) {
            return Some(Version { stored, config: known.config.clone(), sampler: Arc::clone(&known.sampler) });
        }
        let config: VersionConfig = serde_json::from_str(&stored.config).ok()?;
        let sampler = Arc::new(config.sampler(&self.salt).ok()?);
        Some(Version { stored, config, sampler })
    }

    /// The rates of a trace with these spans.
    ///
    /// Soon after a change, a trace of which a span began before it, or whose root is not there to say when it began, may
    /// lack what the earlier rate left out. It gets the lower of both rates, wherever its number lies: had it been kept under
    /// both, it would be as complete as it looks.
    pub(super) fn rates(&self, trace: &DueTrace, spans: &[Span]) -> TraceRates {
        let matched = |sampler: Arc<Sampler>| {
            let each = spans.iter().map(|span| sampler.matches(SpanFacts::from(span)));
            let matches = each.fold(Matches::default(), Matches::or);
            (sampler, matches)
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mut version) = trace.sampling_version.and_then(|id| known.versions.get(&id)) else {
            return TraceRates { samplers: vec![matched(self.current())] };
        };
        let began_ms = began_ms(trace, spans);
        let mut samplers = vec![matched(Arc::clone(&version.sampler))];
        while trace.first_seen_ms < version.stored.began_ms.saturating_add(self.max_wait_ms)
            && began_ms.is_none_or(|began_ms| began_ms < version.stored.began_ms)
            && let Some(before) = known.versions.get(&(version.stored.id - 1))
            && before.config.draws_like(&version.config)
        {
            samplers.push(matched(Arc::clone(&before.sampler)));
            version = before;
        }
        TraceRates { samplers }
    }
}

/// When the first of the spans began; none where the root is missing, and with it what may have begun earlier.
fn began_ms(trace: &DueTrace, spans: &[Span]) -> Option<i64> {
    let first = spans.iter().map(|span| span.start).min().filter(|_| trace.root_seen)?;
    i64::try_from(first / 1_000_000).ok()
}
