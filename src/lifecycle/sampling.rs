//! Taking up a sampling configuration: its version is noted before anything is drawn by it.

use std::sync::Arc;

use crate::config::SamplingConfig;
use crate::pipeline::intake::{Before, SamplingInForce};
use crate::sampling::{Sampler, SamplerError, VersionConfig};
use crate::store::{SamplingVersion, Store, StoreError};

/// What intake goes by from now on. `leaves` is the version that it went by until now.
pub(super) async fn take_up(
    store: &Store,
    config: &SamplingConfig,
    salt: &str,
    leaves: Option<i64>,
    max_wait_ms: i64,
) -> Result<SamplingInForce, TakeUpError> {
    let sampler = Arc::new(Sampler::from_config(config, salt)?);
    let taken_up = VersionConfig::new(config, salt);
    let stored = serde_json::to_string(&taken_up)?;
    let versions = store.begin_sampling_version(&stored, leaves, max_wait_ms).await?;
    let before = before(&versions, &taken_up, salt, store.now_ms(), max_wait_ms);
    Ok(SamplingInForce::new(sampler, versions.last().map(|version| version.id), before))
}

/// Why a sampling configuration was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum TakeUpError {
    /// The rules make no sense.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The version cannot be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rate that is no number in JSON; configuration holds none.
    #[error("the sampling rules cannot be stored")]
    Form(#[from] serde_json::Error),
}

/// The samplers before the last of `versions` whose kept traces may still get spans.
fn before(
    versions: &[SamplingVersion],
    taken_up: &VersionConfig,
    salt: &str,
    now_ms: i64,
    max_wait_ms: i64,
) -> Vec<Before> {
    let pairs = versions.windows(2).rev();
    pairs
        .map_while(|pair| match pair {
            [left, next] => Some((left, next.began_ms.saturating_add(max_wait_ms))),
            _ => None,
        })
        .take_while(|(_, until_ms)| now_ms < *until_ms)
        .map_while(|(left, until_ms)| {
            let config: VersionConfig = serde_json::from_str(&left.config).ok()?;
            let sampler = config.sampler(salt).ok().filter(|_| config.draws_like(taken_up))?;
            Some(Before { sampler: Arc::new(sampler), until_ms })
        })
        .collect()
}
