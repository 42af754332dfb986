//! What takes effect without a restart: rubrics, sampling rates and rules, and what is redacted.
//!
//! Files are looked at every few seconds, and at once on SIGHUP. What is wrong with them is logged, and what is in use
//! stays in use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::keys::Keys;
use super::rubric_loader::{self, LibraryError};
use super::sampling::{self, TakeUpError};
use crate::config::{Config, ConfigError, ConfigSource, changed_keys};
use crate::error_chain::causes;
use crate::pipeline::assembly::TraceSampling;
use crate::pipeline::intake::Intake;
use crate::privacy::{PrivacyError, Redactor};
use crate::rubrics::Catalogue;
use crate::sampling::{Sampler, SamplerError};
use crate::store::Store;

/// How often the files are looked at for a change.
const INTERVAL: Duration = Duration::from_secs(10);

/// The registry is read at every so many of these looks.
const LOOKS_FOR_REGISTRY: u32 = 6;

/// The keys that take effect without a restart.
const LIVE: [&str; 5] =
    ["sampling.rate", "sampling.rules", "privacy.redact", "privacy.patterns", "privacy.keep_attributes"];

/// What is reloaded into.
pub(super) struct Reload {
    pub(super) store: Store,
    pub(super) catalogue: Catalogue,
    /// Where the configuration comes from; none when no file stands behind it.
    pub(super) source: Option<ConfigSource>,
    /// What is in force.
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) intake: Arc<Intake>,
    pub(super) trace_sampling: Arc<TraceSampling>,
}

/// Why new settings were not put in force.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    #[error(transparent)]
    Sampling(#[from] TakeUpError),
}

impl Reload {
    /// Reloads until `soft` is cancelled.
    pub(super) async fn run(mut self, soft: CancellationToken) -> Result<(), LibraryError> {
        let mut rubrics = self.rubrics_changed().await;
        // The first look reads the file: it may have changed since the process read it.
        let mut file = None;
        let mut looks = 0_u32;
        let mut hang_up = signal(SignalKind::hangup()).ok();
        while !soft.is_cancelled() {
            let asked = tokio::select! {
                () = tokio::time::sleep(INTERVAL) => false,
                () = hung_up(&mut hang_up) => true,
                () = soft.cancelled() => break,
            };
            let now = self.file_changed().await;
            if asked || now != file {
                // What could not be put in force for want of the database is tried again at the next look.
                file = if self.settings().await { now } else { None };
            }
            let now = self.rubrics_changed().await;
            looks += 1;
            let changed = asked || now != rubrics;
            // The registry is read at times without a reason of its own: another worker may have published a version.
            if changed || looks.is_multiple_of(LOOKS_FOR_REGISTRY) {
                rubrics = now;
                self.rubrics(changed).await;
            }
        }
        Ok(())
    }

    async fn rubrics(&self, changed: bool) {
        match rubric_loader::load(&self.store, &self.config.rubrics).await {
            Ok((active, all)) => {
                self.catalogue.replace(active, all);
                if changed {
                    tracing::info!("rubrics reloaded");
                }
            }
            Err(error) => {
                tracing::error!(error = causes(&error), "rubrics not reloaded; the versions in use stay");
            }
        }
    }

    /// Puts in force what may change; false when trying again later may help.
    async fn settings(&mut self) -> bool {
        match self.put_in_force().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(error = causes(&error), "settings not reloaded; those in use stay");
                !matches!(error, SettingsError::Sampling(TakeUpError::Store(_)))
            }
        }
    }

    async fn put_in_force(&mut self) -> Result<(), SettingsError> {
        let Some(source) = &self.source else { return Ok(()) };
        let new = source.load()?;
        let (live, restart): (Vec<String>, Vec<String>) =
            changed_keys(&self.config, &new).into_iter().partition(|key| LIVE.contains(&key.as_str()));
        if !restart.is_empty() {
            tracing::warn!(keys = restart.join(", "), "these settings changed and need a restart");
        }
        if live.is_empty() {
            return Ok(());
        }
        let mut next = self.config.clone();
        (next.sampling.rate, next.sampling.rules) = (new.sampling.rate, new.sampling.rules);
        next.privacy.redact = new.privacy.redact;
        next.privacy.patterns = new.privacy.patterns;
        next.privacy.keep_attributes = new.privacy.keep_attributes;
        // Both are known to be right before either is put in force.
        let sampler = Arc::new(Sampler::from_config(&next.sampling, &self.keys.salt)?);
        let redactor = Redactor::from_config(&next.privacy, &self.keys.placeholders)?;
        if next.sampling != self.config.sampling {
            self.draw_by(&next, sampler).await?;
        }
        self.intake.set_redactor(Arc::new(redactor));
        self.config = next;
        tracing::info!(keys = live.join(", "), "settings reloaded");
        Ok(())
    }

    async fn draw_by(&self, next: &Config, sampler: Arc<Sampler>) -> Result<(), TakeUpError> {
        // A process without a way in sees no trace first.
        if let Some(version) = self.intake.sampling_version() {
            let max_wait_ms = next.assembly.max_wait.as_millis() as i64;
            let taken_up =
                sampling::take_up(&self.store, &next.sampling, &self.keys.salt, Some(version), max_wait_ms).await?;
            self.intake.set_sampling(taken_up);
        }
        self.trace_sampling.set_current(sampler);
        Ok(())
    }

    async fn file_changed(&self) -> Option<SystemTime> {
        tokio::fs::metadata(self.source.as_ref()?.path()).await.ok()?.modified().ok()
    }

    async fn rubrics_changed(&self) -> (Option<SystemTime>, usize) {
        newest_change(self.config.rubrics.dir.clone()).await
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            if signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// The newest modification time below a folder, and how many files there are.
async fn newest_change(dir: PathBuf) -> (Option<SystemTime>, usize) {
    let walk = move || {
        let (mut newest, mut files, mut folders) = (None, 0, vec![dir]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else {
                    files += 1;
                    newest = newest.max(metadata.modified().ok());
                }
            }
        }
        (newest, files)
    };
    tokio::task::spawn_blocking(walk).await.unwrap_or((None, 0))
}
