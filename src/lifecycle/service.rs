//! The service: parse is done, now build (which binds sockets), then run. Every role of the process is started here.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::calibration::Calibration;
use super::governor::Governor;
use super::judge_watch::{self, JudgeWatch};
use super::keys::{self, Keys};
use super::ledger_watch::LedgerWatch;
use super::reload::Reload;
use super::rubric_loader::{self, LibraryError};
use super::sampling::{self, TakeUpError};
use super::{Lifecycle, Role, cells, retention};
use crate::config::{Config, ConfigSource};
use crate::judges::budget::{Budget, SharedBudget};
use crate::judges::{JudgeEnvironment, Judges, JudgesConfigError};
use crate::labels::anchors::Rounds;
use crate::model::{AlertState, DriftKind, Outcome, ScoreForm};
use crate::pipeline::assembly::{Assembly, TraceSampling};
use crate::pipeline::delivery::Delivery;
use crate::pipeline::delivery::sinks::{Sink, SinkConfigError};
use crate::pipeline::delivery::webhooks::{self, Notification, Webhook, WebhookConfigError};
use crate::pipeline::evaluation::{Evaluation, Routing};
use crate::pipeline::intake::{self, Intake, IntakeError, Listeners, SamplingInForce};
use crate::privacy::{PrivacyError, Redactor, SharedRedactor};
use crate::rubrics::Catalogue;
use crate::sampling::{Sampler, SamplerError};
use crate::secrets::{SecretError, process_variable};
use crate::store::{AlertRoute, SettleTimes, Store, StoreError};
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
    /// The version of the sampling rules.
    #[error(transparent)]
    Sampling(#[from] TakeUpError),
    /// The redaction patterns.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    #[error("rubrics cannot be used:\n{0}")]
    Rubrics(#[from] LibraryError),
    #[error(transparent)]
    Judges(#[from] JudgesConfigError),
    /// The file or variable with the key of the placeholders.
    #[error("[privacy] {0}")]
    PrivacyKey(SecretError),
    #[error(transparent)]
    Sink(#[from] SinkConfigError),
    #[error(transparent)]
    Webhook(#[from] WebhookConfigError),
    /// The intake role without any way in.
    #[error(
        "nothing can come in: intake.otlp.http and intake.otlp.grpc are off and there is no [intake.amqp] or [intake.kafka]; turn one on, or start \
         with --roles without intake"
    )]
    NoIntake,
    /// The listeners of intake.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl StartError {
    /// Whether the configuration has to change, rather than the world.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Sampler(_)
            | Self::Privacy(_)
            | Self::Judges(_)
            | Self::PrivacyKey(_)
            | Self::Sink(_)
            | Self::Webhook(_)
            | Self::NoIntake => true,
            Self::Sampling(error) => matches!(error, TakeUpError::Sampler(_)),
            Self::Rubrics(error) => !matches!(error, LibraryError::Store(_)),
            Self::Store(error) => matches!(error, StoreError::Url(_) | StoreError::Pooler(_)),
            Self::Intake(error) => !matches!(error, IntakeError::Bind { .. }),
        }
    }
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
    /// The keys in use.
    pub keys: Keys,
    /// What redacts in the stages behind intake.
    pub redactor: SharedRedactor,
    committer: intake::Committer,
    listeners: Option<Listeners>,
    budget: Arc<SharedBudget>,
    trace_sampling: Arc<TraceSampling>,
    sinks: Vec<Arc<Sink>>,
    webhooks: Vec<Arc<Webhook>>,
    config: Config,
    /// Where the configuration is read again; none when no file stands behind it.
    pub config_source: Option<ConfigSource>,
    roles: BTreeSet<Role>,
}

/// How often gauges are read from the store.
const GAUGE_INTERVAL: Duration = Duration::from_secs(15);

impl Service {
    /// Opens the store, loads the rubrics, builds the judges and sinks, and binds the listeners of `roles`.
    pub async fn build(config: Config, roles: BTreeSet<Role>, store: Store) -> Result<Self, StartError> {
        let installation = keys::take_up(&store, &config).await?;
        let keys = Keys::new(&config, &installation).map_err(StartError::PrivacyKey)?;
        let sampler = Arc::new(Sampler::from_config(&config.sampling, &keys.salt)?);
        let redactor = SharedRedactor::new(Arc::new(Redactor::from_config(&config.privacy, &keys.placeholders)?));
        let budget = Arc::new(SharedBudget::new(store.clone()));
        let environment = JudgeEnvironment {
            budget: Arc::clone(&budget) as Arc<dyn Budget>,
            // The process that faces the network need not hold the keys of judges that it never calls.
            reads_keys: roles.contains(&Role::Evaluate),
            ..JudgeEnvironment::default()
        };
        let judges = Judges::from_config(&config.judges, &environment)?;
        let in_use = rubric_loader::start(&store, &config.rubrics, &config.judges).await?;
        rubric_loader::check_judges(&in_use.active, &judges).map_err(LibraryError::from)?;
        let catalogue = Catalogue::from(in_use);
        let sinks = Sink::all(&config.sinks, &process_variable)?;
        let webhooks = Webhook::all(&config.alerts, &process_variable)?;
        let listeners = if roles.contains(&Role::Intake) { Some(intake::bind(&config.intake).await?) } else { None };
        if listeners.as_ref().is_some_and(Listeners::is_empty) {
            return Err(StartError::NoIntake);
        }
        let times = SettleTimes {
            settle_ms: config.assembly.settle.as_millis() as i64,
            max_wait_ms: config.assembly.max_wait.as_millis() as i64,
        };
        let in_force = if roles.contains(&Role::Intake) {
            sampling::take_up(&store, &config.sampling, &keys.salt, None, times.max_wait_ms).await?
        } else {
            SamplingInForce::new(Arc::clone(&sampler), None, Vec::new())
        };
        let trace_sampling =
            Arc::new(TraceSampling::new(store.clone(), keys.salt.clone(), config.assembly.max_wait, sampler));
        let (intake, committer) = Intake::new(Arc::new(store.clone()), in_force, redactor.current(), times);
        Ok(Self {
            store,
            catalogue,
            judges: Arc::new(judges),
            intake,
            keys,
            redactor,
            committer,
            listeners,
            budget,
            trace_sampling,
            config_source: None,
            sinks,
            webhooks,
            config,
            roles,
        })
    }

    /// Where OTLP/HTTP and OTLP/gRPC are reachable.
    pub fn intake_addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        self.listeners.as_ref().map_or((None, None), |listeners| (listeners.http_address(), listeners.grpc_address()))
    }

    /// What each webhook wants to hear of.
    pub fn alert_routes(&self) -> Vec<AlertRoute> {
        webhooks::routes(&self.config.alerts)
    }

    /// Starts every role as a task of `lifecycle`.
    pub fn start(self, lifecycle: &Lifecycle) {
        let metrics = Metrics::default();
        let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
        if let Some(listeners) = self.listeners {
            let committer = self.committer;
            // It ends when the last handle on intake is gone, after the listeners have finished.
            lifecycle.spawn("intake commits", committer.run().map(Ok::<(), Infallible>));
            let serving = listeners.serve(Arc::clone(&self.intake), soft.clone());
            lifecycle.spawn("intake", async {
                serving.await;
                Ok::<(), Infallible>(())
            });
        }
        if self.roles.contains(&Role::Assemble) {
            let assembly = Assembly {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                sampling: Arc::clone(&self.trace_sampling),
                segments: Arc::new(self.config.segments.clone()),
                session_idle: self.config.assembly.session_idle,
                judge_cut: self.config.assembly.judge_cut,
                deadline: self.config.evaluation.deadline,
                lease: self.config.assembly.lease,
                redactor: self.redactor.clone(),
                metrics: metrics.clone(),
            };
            lifecycle.spawn("assembly", assembly.run(soft.clone()));
            let governor = Governor::new(self.store.clone(), &self.config);
            lifecycle.spawn("budgets", governor.run(soft.clone()));
        }
        if self.roles.contains(&Role::Evaluate) {
            let evaluation = Evaluation {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                judges: Arc::clone(&self.judges),
                routing: routing(&self.sinks),
                fence: self.keys.fence.clone(),
                redactor: self.redactor.clone(),
                lease: self.config.evaluation.lease,
                attempts: self.config.evaluation.attempts,
            };
            let watch = JudgeWatch {
                store: self.store.clone(),
                judges: Arc::clone(&self.judges),
                budget: Arc::clone(&self.budget),
                has_budget: has_budget(&self.config),
            };
            let work = evaluation.run(soft.clone(), hard);
            let (budget, soft_of_watch) = (Arc::clone(&self.budget), soft.clone());
            let evaluation = async move {
                // Before the first call is made.
                if watch.has_budget {
                    watch.look_elsewhere().await;
                }
                let watching = watch.run(soft_of_watch);
                futures_util::future::try_join(Box::pin(judge_watch::booked(budget, work)), watching).await.map(|_| ())
            };
            lifecycle.spawn("evaluation", Box::pin(evaluation));
        }
        if self.roles.contains(&Role::Deliver) {
            let delivery = Delivery {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                sinks: self.sinks.clone(),
                lease: self.config.delivery.lease,
                metrics: metrics.clone(),
            };
            lifecycle.spawn("delivery", delivery.run(soft.clone()));
            let notification = Notification {
                store: self.store.clone(),
                webhooks: self.webhooks.clone(),
                lease: self.config.delivery.lease,
                metrics: metrics.clone(),
            };
            lifecycle.spawn("alerts", notification.run(soft.clone()));
        }
        if self.roles.contains(&Role::Calibrate) {
            lifecycle.spawn("retention", retention::retain(self.store.clone(), self.config.clone(), soft.clone()));
            let calibration = Calibration {
                store: self.store.clone(),
                catalogue: self.catalogue.clone(),
                baselines: super::baselines(&self.config),
                resolve_after: self.config.alerts.resolve_after,
                routes: webhooks::routes(&self.config.alerts),
                rounds: Rounds {
                    every: self.config.calibration.anchors_every,
                    deadline: self.config.evaluation.deadline,
                },
                repeats_per_day: self.config.calibration.repeats_per_day,
            };
            lifecycle.spawn("calibration", calibration.watch(soft.clone()));
        }
        lifecycle.spawn("cells", cells::keep(self.store.clone(), soft.clone()));
        let queues = Queues {
            judges: self.judges.all().map(|judge| judge.name().to_owned()).collect(),
            sinks: self.sinks.iter().map(|sink| sink.name().to_owned()).collect(),
            webhooks: self.webhooks.iter().map(|webhook| webhook.name().to_owned()).collect(),
            alerts: BTreeSet::new(),
        };
        let judged = self.roles.contains(&Role::Evaluate).then(|| (self.catalogue.clone(), metrics.clone()));
        // The ledger is read by one of those whose metrics somebody sees.
        let seen = self.roles.contains(&Role::Web) || self.config.telemetry.otlp_endpoint.is_some();
        let ledger = seen.then(|| LedgerWatch::new(self.store.clone()));
        lifecycle.spawn("gauges", read_gauges(self.store.clone(), queues, judged, ledger, soft.clone()));
        lifecycle.spawn("wakeups", self.store.clone().carry_wakeups(soft.clone()));
        let reload = Reload {
            store: self.store,
            catalogue: self.catalogue,
            judges: self.judges,
            source: self.config_source,
            config: self.config,
            keys: self.keys,
            intake: self.intake,
            redactor: self.redactor,
            trace_sampling: self.trace_sampling,
        };
        lifecycle.spawn("reload", reload.run(soft));
    }
}

fn has_budget(config: &Config) -> bool {
    config.judges.values().any(|judge| judge.daily_budget_usd.is_some() || judge.monthly_budget_usd.is_some())
}

/// Which sinks an outcome is owed to: a verdict, a refusal or a failure to all of them, anything else to none.
fn routing(sinks: &[Arc<Sink>]) -> Routing {
    let names: Vec<(String, ScoreForm)> = sinks.iter().map(|sink| (sink.name().to_owned(), sink.form())).collect();
    Arc::new(move |outcome: Outcome| match outcome {
        Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed => names.clone(),
        Outcome::Filtered | Outcome::SampledOut | Outcome::Pending | Outcome::Expired | Outcome::Superseded => {
            Vec::new()
        }
    })
}

/// Reads the queues, and the ledger where that is this process's duty, into gauges.
async fn read_gauges(
    store: Store,
    mut queues: Queues,
    judged: Option<(Catalogue, Metrics)>,
    mut ledger: Option<LedgerWatch>,
    soft: CancellationToken,
) -> Result<(), StoreError> {
    let gauges = StoreGauges::default();
    while !soft.is_cancelled() {
        // What was promoted since is there from now on.
        if let Some((catalogue, metrics)) = &judged {
            for rubric in catalogue.active() {
                metrics.rubric_is_judged(&rubric.name, rubric.version, &rubric.judge);
            }
        }
        if let Err(error) = read_gauges_once(&store, &mut queues, &gauges).await {
            tracing::debug!(error = crate::error_chain::causes(&error), "gauges could not be read");
        }
        if let Some(ledger) = &mut ledger
            && let Err(error) = ledger.look(&gauges).await
        {
            tracing::debug!(error = crate::error_chain::causes(&error), "the ledger could not be read");
        }
        soft.run_until_cancelled(sleep(GAUGE_INTERVAL)).await;
    }
    if let Some(ledger) = &ledger {
        ledger.give_up().await;
    }
    Ok(())
}

/// The queues that there are or were: an empty one is told as empty, not left at what it last held.
struct Queues {
    judges: BTreeSet<String>,
    sinks: BTreeSet<String>,
    webhooks: BTreeSet<String>,
    /// Rubric, kind and state.
    alerts: BTreeSet<(String, DriftKind, AlertState)>,
}

async fn read_gauges_once(store: &Store, queues: &mut Queues, gauges: &StoreGauges) -> Result<(), StoreError> {
    let now_ms = store.now_ms();
    for (judge, number, age_seconds) in lengths(&mut queues.judges, &store.pending_by_judge().await?, now_ms) {
        gauges.pending(&judge, number, age_seconds);
    }
    for (sink, number, age_seconds) in lengths(&mut queues.sinks, &store.owed_by_sink().await?, now_ms) {
        gauges.owed(&sink, number, age_seconds);
    }
    for (webhook, number, age_seconds) in lengths(&mut queues.webhooks, &store.owed_by_webhook().await?, now_ms) {
        gauges.webhook_owed(&webhook, number, age_seconds);
    }
    let alerts = store.alert_counts().await?;
    queues.alerts.extend(alerts.keys().cloned());
    for alert in &queues.alerts {
        let (rubric, kind, state) = alert;
        gauges.alerts(rubric, kind.as_str(), state.as_str(), alerts.get(alert).copied().unwrap_or(0));
    }
    Ok(())
}

/// Every known queue with its length and the age of its oldest in seconds; `held` are those that are not empty.
fn lengths(known: &mut BTreeSet<String>, held: &BTreeMap<String, (i64, i64)>, now_ms: i64) -> Vec<(String, u64, f64)> {
    known.extend(held.keys().cloned());
    let length = |name: &String| {
        let (number, oldest_ms) = held.get(name).copied().unwrap_or((0, now_ms));
        (name.clone(), number as u64, (now_ms - oldest_ms).max(0) as f64 / 1e3)
    };
    known.iter().map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_queue_is_told_as_empty() {
        let mut known = BTreeSet::from(["default".to_owned()]);
        let held = BTreeMap::from([("spare".to_owned(), (3, 4_000))]);
        let (idle, spare) = (("default".to_owned(), 0, 0.0), ("spare".to_owned(), 3, 6.0));
        assert_eq!(lengths(&mut known, &held, 10_000), [idle.clone(), spare]);
        assert_eq!(lengths(&mut known, &BTreeMap::new(), 20_000), [idle, ("spare".to_owned(), 0, 0.0)]);
    }
}
