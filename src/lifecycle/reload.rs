//! What takes effect without a restart: rubrics, sampling rates and rules, and what is redacted.
//!
//! Files and the registry are looked at every two seconds, and at once on SIGHUP. What is wrong with them is logged, and what is in use
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
use crate::judges::Judges;
use crate::pipeline::assembly::TraceSampling;
use crate::pipeline::intake::Intake;
use crate::privacy::{PrivacyError, Redactor, SharedRedactor};
use crate::rubrics::{Catalogue, InUse, Rubric};
use crate::sampling::{Sampler, SamplerError};
use crate::store::{Store, StoreError};

/// How often files and registry are looked at for a change.
const INTERVAL: Duration = Duration::from_secs(2);

/// The keys that take effect without a restart.
const LIVE: [&str; 6] = [
    "sampling.rate",
    "sampling.rules",
    "privacy.redact",
    "privacy.patterns",
    "privacy.keep_attributes",
    "rubrics.enabled",
];

/// What is reloaded into.
pub(super) struct Reload {
    pub(super) store: Store,
    pub(super) catalogue: Catalogue,
    pub(super) judges: Arc<Judges>,
    /// Where the configuration comes from; none when no file stands behind it.
    pub(super) source: Option<ConfigSource>,
    /// What is in force.
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) intake: Arc<Intake>,
    pub(super) redactor: SharedRedactor,
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
    #[error(transparent)]
    Rubrics(#[from] LibraryError),
}

impl Reload {
    /// Reloads until `soft` is cancelled.
    pub(super) async fn run(mut self, soft: CancellationToken) -> Result<(), LibraryError> {
        // The catalogue is of before this look: what was published since is taken in by the first round.
        let mut rubrics = None;
        // The first look reads the file: it may have changed since the process read it.
        let mut file = None;
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
            // Without the database there is nothing to compare; the next look has it again.
            if let Ok(now) = self.state_of_rubrics().await
                && (asked || rubrics.as_ref() != Some(&now))
            {
                rubrics = self.rubrics().await.then_some(now);
            }
        }
        Ok(())
    }

    /// Puts in use what registry and folder hold now; false when trying again later may help.
    async fn rubrics(&self) -> bool {
        match self.look_at_rubrics(&self.config).await {
            Ok(in_use) => {
                self.put_in_use(in_use);
                true
            }
            Err(error) => {
                tracing::error!(error = causes(&error), "rubrics not reloaded; the versions in use stay");
                !matches!(error, LibraryError::Store(_))
            }
        }
    }

    fn put_in_use(&self, in_use: InUse) {
        rubric_loader::log_findings(&in_use.findings, &self.catalogue.findings());
        log_changes(&self.catalogue.active(), &in_use.active);
        self.catalogue.replace(in_use);
    }

    async fn look_at_rubrics(&self, config: &Config) -> Result<InUse, LibraryError> {
        let in_use = rubric_loader::look(&self.store, &config.rubrics).await?;
        rubric_loader::check_judges(&in_use.active, &self.judges)?;
        Ok(in_use)
    }

    async fn state_of_rubrics(&self) -> Result<StateOfRubrics, StoreError> {
        Ok((newest_change(self.config.rubrics.dir.clone()).await, self.store.registry_state().await?))
    }

    /// Puts in force what may change; false when trying again later may help.
    async fn settings(&mut self) -> bool {
        match self.put_in_force().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(error = causes(&error), "settings not reloaded; those in use stay");
                !matches!(
                    error,
                    SettingsError::Sampling(TakeUpError::Store(_)) | SettingsError::Rubrics(LibraryError::Store(_))
                )
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
        next.rubrics.enabled = new.rubrics.enabled;
        // All are known to be right before one is put in force.
        let sampler = Arc::new(Sampler::from_config(&next.sampling, &self.keys.salt)?);
        let redactor = Redactor::from_config(&next.privacy, &self.keys.placeholders)?;
        let rubrics = if next.rubrics == self.config.rubrics { None } else { Some(self.look_at_rubrics(&next).await?) };
        if next.sampling != self.config.sampling {
            self.draw_by(&next, sampler).await?;
        }
        if let Some(rubrics) = rubrics {
            self.put_in_use(rubrics);
        }
        let redactor = Arc::new(redactor);
        self.redactor.set(Arc::clone(&redactor));
        self.intake.set_redactor(redactor);
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
}

/// The folder's newest change and number of files, and what the registry holds.
type StateOfRubrics = ((Option<SystemTime>, usize), Vec<(String, String, String)>);

/// Says which versions judge now that did not, and which no longer do.
fn log_changes(before: &[Arc<Rubric>], now: &[Arc<Rubric>]) {
    let is_in = |among: &[Arc<Rubric>], rubric: &Rubric| {
        among.iter().any(|one| one.name == rubric.name && one.version == rubric.version && one.hash == rubric.hash)
    };
    for rubric in now.iter().filter(|rubric| !is_in(before, rubric)) {
        tracing::info!(rubric = rubric.name, version = rubric.version, "rubric version judges from now on");
    }
    for rubric in before.iter().filter(|rubric| !is_in(now, rubric)) {
        tracing::info!(rubric = rubric.name, version = rubric.version, "rubric version judges no longer what is new");
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
