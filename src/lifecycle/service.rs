//! The service: parse is done, now build (which binds sockets), then run. Every role of the process is started here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::library::{self, LibraryError};
use super::{Lifecycle, Role};
use crate::config::Config;
use crate::judges::{JudgeEnvironment, Judges, JudgesConfigError};
use crate::model::Outcome;
use crate::pipeline::assembly::Assembly;
use crate::pipeline::delivery::Delivery;
use crate::pipeline::delivery::sinks::{Sink, SinkConfigError};
use crate::pipeline::evaluation::{Evaluation, Routing};
use crate::pipeline::intake::{self, Intake, IntakeError, Listeners};
use crate::privacy::{PrivacyError, Redactor};
use crate::rubrics::Catalogue;
use crate::sampling::{Sampler, SamplerError};
use crate::store::{SettleTimes, Store, StoreError};
use crate::telemetry::{Metrics, StoreGauges};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sampling rules.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The redaction patterns.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The rubrics.
    #[error("rubrics cannot be used:\n{0}")]
    Rubrics(#[from] LibraryError),
    /// The judges.
    #[error(transparent)]
    Judges(#[from] JudgesConfigError),
    /// A rubric that names a judge that is not configured.
    #[error(
        "rubric `{rubric}` v{version} names the judge `{judge}`, which is not configured; add [judges.{judge}] or change the rubric"
    )]
    UnknownJudge {
        /// The rubric.
        rubric: String,
        /// Its version.
        version: u32,
        /// The judge.
        judge: String,
    },
    /// The file or variable with the key of the placeholders.
    #[error("the key of the placeholders: {0}")]
    PrivacyKey(String),
    /// The sinks.
    #[error(transparent)]
    Sink(#[from] SinkConfigError),
    /// The listeners of intake.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// A service that is built: everything is checked and bound, nothing runs yet.
pub struct Service {
    /// The database.
    pub store: Store,
    /// The rubric versions in use.
    pub catalogue: Catalogue,
    /// The judges in use.
    pub judges: Arc<Judges>,
    /// The way in.
    pub intake: Arc<Intake>,
    committer: intake::Committer,
    listeners: Option<Listeners>,
    sampler: Arc<Sampler>,
    sinks: Vec<Arc<Sink>>,
    config: Config,
    roles: BTreeSet<Role>,
}

/// How often gauges are read from the store.
const GAUGE_INTERVAL: Duration = Duration::from_secs(15);

/// How often the files of rubrics are looked at for a change.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

const ONE_DAY_MS: i64 = 86_400_000;

/// How often what is too old is deleted.
const RETENTION_INTERVAL: Duration = Duration::from_hours(1);

impl Service {
    /// Opens the store, loads the rubrics, builds the judges and sinks, and binds the listeners of `roles`.
    pub async fn build(config: Config, roles: BTreeSet<Role>, store: Store) -> Result<Self, StartError> {
        let sampler = Sampler::from_config(&config.sampling)?;
        let redactor = Redactor::from_config(&config.privacy, &privacy_key(&config)?)?;
        let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
        let catalogue = library::catalogue(&store, &config.rubrics).await?;
        for rubric in catalogue.active() {
            if judges.get(&rubric.judge).is_none() {
                return Err(StartError::UnknownJudge {
                    rubric: rubric.name.clone(),
                    version: rubric.version,
                    judge: rubric.judge.clone(),
                });
            }
        }
        let sinks = Sink::all(&config.sinks, &|name| std::env::var(name).ok())?;
        let listeners = if roles.contains(&Role::Intake) { Some(intake::bind(&config.intake).await?) } else { None };
        let times = SettleTimes {
            settle_ms: config.assembly.settle.as_millis() as i64,
            max_wait_ms: config.assembly.max_wait.as_millis() as i64,
        };
        let (intake, committer) =
            Intake::new(Arc::new(store.clone()), Sampler::from_config(&config.sampling)?, Arc::new(redactor), times);
        Ok(Self {
            store,
            catalogue,
            judges: Arc::new(judges),
            intake,
            committer,
            listeners,
            sampler: Arc::new(sampler),
            sinks,
            config,
            roles,
        })
    }

    /// Where OTLP/HTTP and OTLP/gRPC are reachable.
    pub fn intake_addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        self.listeners.as_ref().map_or((None, None), |listeners| (listeners.http_address(), listeners.grpc_address()))
    }

    /// Starts every role as a task of `lifecycle`.
    pub fn start(self, lifecycle: &Lifecycle) {
        let metrics = Metrics::default();
        let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
        if let Some(listeners) = self.listeners {
            let committer = self.committer;
            // It ends when the last handle on intake is gone, after the listeners have finished.
            tokio::spawn(committer.run());
            lifecycle.spawn("intake", listeners.serve(Arc::clone(&self.intake), soft.clone()));
        }
        if self.roles.contains(&Role::Assemble) {
            let assembly = Assembly {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                sampler: Arc::clone(&self.sampler),
                segments: Arc::new(self.config.segments.clone()),
                session_idle: self.config.assembly.session_idle,
                deadline: self.config.evaluation.deadline,
                lease: self.config.assembly.lease,
                metrics: metrics.clone(),
            };
            lifecycle.spawn("assembly", assembly.run(soft.clone()));
        }
        if self.roles.contains(&Role::Evaluate) {
            let evaluation = Evaluation {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                judges: Arc::clone(&self.judges),
                routing: routing(&self.sinks),
                fence_secret: self.config.sampling.salt.as_bytes().into(),
                lease: self.config.evaluation.lease,
                attempts: self.config.evaluation.attempts,
            };
            lifecycle.spawn("evaluation", evaluation.run(soft.clone(), hard));
        }
        if self.roles.contains(&Role::Deliver) {
            let delivery = Delivery {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                sinks: self.sinks.clone(),
                lease: self.config.delivery.lease,
                metrics,
            };
            lifecycle.spawn("delivery", delivery.run(soft.clone()));
        }
        if self.roles.contains(&Role::Calibrate) {
            lifecycle.spawn("retention", retain(self.store.clone(), self.config.clone(), soft.clone()));
        }
        lifecycle.spawn("gauges", read_gauges(self.store.clone(), soft.clone()));
        lifecycle.spawn("reload", reload(self.store, self.catalogue, self.config, soft));
    }
}

/// The key from which placeholders are derived: configured, else the salt, which all workers share as well.
fn privacy_key(config: &Config) -> Result<Vec<u8>, StartError> {
    match (&config.privacy.key_env, &config.privacy.key_file) {
        (Some(_), Some(_)) => Err(StartError::PrivacyKey("set privacy.key_env or privacy.key_file, not both".into())),
        (Some(name), None) => std::env::var(name)
            .map(String::into_bytes)
            .map_err(|_| StartError::PrivacyKey(format!("privacy.key_env names {name}, which is not set"))),
        (None, Some(path)) => std::fs::read(path)
            .map_err(|error| StartError::PrivacyKey(format!("privacy.key_file {}: {error}", path.display()))),
        (None, None) => Ok(config.sampling.salt.clone().into_bytes()),
    }
}

/// Which sinks an outcome is owed to: a verdict or a failure to all of them, anything else to none.
fn routing(sinks: &[Arc<Sink>]) -> Routing {
    let names: Vec<String> = sinks.iter().map(|sink| sink.name().to_owned()).collect();
    Arc::new(move |outcome: Outcome| match outcome {
        Outcome::Scored | Outcome::Abstained | Outcome::Failed => names.clone(),
        Outcome::Filtered | Outcome::SampledOut | Outcome::Pending | Outcome::Expired | Outcome::Superseded => {
            Vec::new()
        }
    })
}

/// Deletes what is older than it may become: content, never scores.
async fn retain(store: Store, config: Config, soft: CancellationToken) -> Result<(), StoreError> {
    while !soft.is_cancelled() {
        let now_ms = store.now_ms();
        let digests_before_ms = now_ms - config.store.keep_digests.as_millis() as i64;
        // 0 days keep content for ever.
        if config.privacy.retention_days > 0 {
            let before_ms = now_ms - i64::from(config.privacy.retention_days) * ONE_DAY_MS;
            match store.forget_content(before_ms).await {
                Ok(0) => {}
                Ok(forgotten) => {
                    tracing::info!(forgotten, "content older than privacy.retention_days deleted; scores stay");
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old content could not be deleted; trying again later"
                ),
            }
        }
        if let Err(error) = store.forget_batches(digests_before_ms).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old digests could not be deleted; trying again later"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(RETENTION_INTERVAL) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}

/// Reads the queues and the ledger into gauges.
async fn read_gauges(store: Store, soft: CancellationToken) -> Result<(), StoreError> {
    let gauges = StoreGauges::default();
    while !soft.is_cancelled() {
        if let Err(error) = read_gauges_once(&store, &gauges).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "gauges could not be read");
        }
        tokio::select! {
            () = tokio::time::sleep(GAUGE_INTERVAL) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}

async fn read_gauges_once(store: &Store, gauges: &StoreGauges) -> Result<(), StoreError> {
    let age_seconds = |oldest_ms: i64| (store.now_ms() - oldest_ms).max(0) as f64 / 1e3;
    for (judge, (number, oldest_ms)) in store.pending_by_judge().await? {
        gauges.pending(&judge, number as u64, age_seconds(oldest_ms));
    }
    for (sink, (number, oldest_ms)) in store.owed_by_sink().await? {
        gauges.owed(&sink, number as u64, age_seconds(oldest_ms));
    }
    let ledger = store.ledger(0).await?;
    if !ledger.balanced {
        tracing::error!("the ledger does not balance; `judged ledger` shows where");
    }
    gauges.balanced(ledger.balanced);
    Ok(())
}

/// Puts changed rubrics in place: when their files change, and on SIGHUP. What is wrong with them is logged, and the
/// versions in use stay.
async fn reload(
    store: Store,
    catalogue: Catalogue,
    config: Config,
    soft: CancellationToken,
) -> Result<(), LibraryError> {
    let mut seen = newest_change(config.rubrics.dir.clone()).await;
    let mut hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok();
    while !soft.is_cancelled() {
        let asked = tokio::select! {
            () = tokio::time::sleep(RELOAD_INTERVAL) => false,
            () = hung_up(&mut hang_up) => true,
            () = soft.cancelled() => break,
        };
        let now = newest_change(config.rubrics.dir.clone()).await;
        if !asked && now == seen {
            continue;
        }
        seen = now;
        match library::load(&store, &config.rubrics).await {
            Ok((active, all)) => {
                catalogue.replace(active, all);
                tracing::info!("rubrics reloaded");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "rubrics not reloaded; the versions in use stay"
            ),
        }
    }
    Ok(())
}

async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
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
async fn newest_change(dir: PathBuf) -> (Option<std::time::SystemTime>, usize) {
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
