//! The outbox: scores owed to sinks are sent until they are accepted.
//!
//! Each sink has a loop of its own, so that one that is down holds up no other. A crash between sending and recording
//! sends again; every sink's identities are deterministic, so that the effect is one.

mod outbox_loop;
pub mod sinks;
pub mod webhooks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::outbox_loop::{Receiver, outcome_of, serve_all, tally};
use self::sinks::{DeliveryError, Disposition, Sink};
use crate::model::{EvaluationId, WriteBack};
use crate::rubrics::Catalogue;
use crate::store::{DeliveryOutcome, OwedDelivery, Stage, Store, StoreError};
use crate::telemetry::Metrics;

/// What the delivery stage works with.
#[derive(Clone)]
pub struct Delivery {
    /// Where the outbox is.
    pub store: Store,
    /// Hash and scale of the rubric versions scores belong to.
    pub catalogue: Catalogue,
    /// The configured sinks.
    pub sinks: Vec<Arc<Sink>>,
    /// A worker that dies gives its batch back after this long: longer than the slowest sink takes for one.
    pub lease: Duration,
    /// Its instruments.
    pub metrics: Metrics,
}

/// The most scores sent in one request.
const BATCH: usize = 200;

/// The longest pause after which a sink that took nothing is tried again, unless it asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause that a sink can ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(10);

impl Delivery {
    /// Works until `soft` is cancelled, then finishes the batches in hand.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        self.sinks.iter().for_each(|sink| self.metrics.sink_is_there(sink.name()));
        let receivers = self.sinks.iter().map(|sink| SinkReceiver {
            stage: self.clone(),
            sink: Arc::clone(sink),
            away: false,
            outage: Mutex::default(),
            outages: 0,
        });
        serve_all(receivers, &self.store, soft).await
    }
}

struct SinkReceiver {
    stage: Delivery,
    sink: Arc<Sink>,
    /// It takes no scores at the moment.
    away: bool,
    /// How long it asked to be left alone when it took nothing of the last batch; `None` when it took something.
    outage: Mutex<Option<Duration>>,
    /// How many batches in a row it took nothing of.
    outages: u32,
}

impl Receiver for SinkReceiver {
    type Owed = OwedDelivery;
    type Id = EvaluationId;

    const STAGE: Stage = Stage::Deliver;
    const LOOP: &'static str = "delivery";
    const IDLE: Duration = Duration::from_secs(1);
    const AT_ONCE: usize = BATCH;

    async fn lease(&self) -> Result<Vec<OwedDelivery>, StoreError> {
        let Delivery { store, catalogue, lease, .. } = &self.stage;
        let rubrics = |name: &str, version: u32| {
            catalogue.version(name, version).map(|rubric| (rubric.hash, rubric.scale.clone()))
        };
        store.lease_deliveries(self.sink.name(), BATCH, lease.as_millis() as i64, &rubrics).await
    }

    async fn send(&self, owed: &[OwedDelivery]) -> Vec<(EvaluationId, DeliveryOutcome)> {
        let scores: Vec<&WriteBack> = owed.iter().map(|owed| &owed.score).collect();
        let results = self.sink.deliver(&scores).await;
        let outage = outage(&results);
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = outage;
        owed.iter()
            .zip(results)
            .map(|(owed, result)| (owed.score.evaluation.id, self.outcome(owed, result, outage.is_some())))
            .collect()
    }

    async fn record(&self, outcomes: &[(EvaluationId, DeliveryOutcome)]) -> Result<(), StoreError> {
        self.stage.store.finish_deliveries(self.sink.name(), outcomes).await
    }

    fn recorded(&mut self, outcomes: &[(EvaluationId, DeliveryOutcome)]) -> Option<Duration> {
        for (result, number) in tally(outcomes) {
            self.stage.metrics.deliveries_tried(self.sink.name(), result, number);
        }
        self.tell_change(outcomes);
        let outage = self.outage.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.outages = if outage.is_some() { self.outages.saturating_add(1) } else { 0 };
        outage.map(|asked| pause(self.outages, asked))
    }
}

/// How long the sink asks to be left alone, if it took none of what it was sent because it takes nothing at the moment.
fn outage(results: &[Result<(), DeliveryError>]) -> Option<Duration> {
    let asked = |error: &DeliveryError| match error.disposition() {
        Disposition::Retry { after } => after.unwrap_or_default(),
        Disposition::GiveUp => Duration::ZERO,
    };
    let errors: Option<Vec<&DeliveryError>> = results.iter().map(|result| result.as_ref().err()).collect();
    let errors = errors.filter(|errors| errors.iter().all(|error| error.is_outage()))?;
    errors.into_iter().map(asked).max()
}

/// The pause after so many batches in a row of which nothing was taken: one second, twice as long each time.
fn pause(outages: u32, asked: Duration) -> Duration {
    let own = Duration::from_secs(1 << outages.saturating_sub(1).min(5)).min(LONGEST_PAUSE);
    own.max(asked.min(LONGEST_ASKED))
}

impl SinkReceiver {
    fn outcome(&self, owed: &OwedDelivery, result: Result<(), DeliveryError>, outage: bool) -> DeliveryOutcome {
        let Err(error) = result else { return DeliveryOutcome::Sent };
        if outage {
            // It keeps its place: once the sink takes scores again, the oldest go first.
            return DeliveryOutcome::Retry { due_at_ms: owed.due_at_ms, error: error.to_string() };
        }
        let outcome = outcome_of(&error, owed.attempts, self.stage.store.now_ms(), false);
        if matches!(outcome, DeliveryOutcome::GivenUp { .. }) {
            tracing::error!(
                sink = self.sink.name(),
                evaluation = %owed.score.evaluation.id,
                error = crate::error_chain::causes(&error),
                "a score was refused for good"
            );
        } else {
            tracing::debug!(sink = self.sink.name(), evaluation = %owed.score.evaluation.id, %error, "not accepted yet");
        }
        outcome
    }

    /// Says when the sink stops taking scores, with what it says, and when it takes them again.
    fn tell_change(&mut self, outcomes: &[(EvaluationId, DeliveryOutcome)]) {
        let refusal = outcomes.iter().find_map(|(_, outcome)| match outcome {
            DeliveryOutcome::Retry { error, .. } => Some(error),
            DeliveryOutcome::Sent | DeliveryOutcome::GivenUp { .. } => None,
        });
        let sent = outcomes.iter().any(|(_, outcome)| matches!(outcome, DeliveryOutcome::Sent));
        let sink = self.sink.name();
        match refusal {
            Some(error) if !self.away => {
                tracing::warn!(sink, error, "scores are not accepted; they stay owed and are sent again");
                self.away = true;
            }
            None if self.away && sent => {
                tracing::info!(sink, "scores are accepted again");
                self.away = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> Result<(), DeliveryError> {
        Err(DeliveryError::NotReady { status: "503".into(), message: "busy".into(), retry_after })
    }

    #[test]
    fn a_sink_is_out_when_it_took_nothing_for_a_reason_of_its_own() {
        let missing = || Err(DeliveryError::NotThereYet { what: "trace 1".into() });
        assert_eq!(outage(&[busy(None), busy(Some(Duration::from_secs(7)))]), Some(Duration::from_secs(7)));
        assert_eq!(outage(&[busy(None), Ok(())]), None);
        assert_eq!(outage(&[busy(None), missing()]), None, "it answered for one of them");
        assert_eq!(outage(&[missing()]), None);
        assert_eq!(outage(&[]), None);
    }

    #[test]
    fn a_sink_that_is_out_is_tried_again_after_half_a_minute_at_most_unless_it_asks_for_more() {
        let seconds = |outages, asked| pause(outages, Duration::from_secs(asked)).as_secs();
        assert_eq!([1, 2, 5, 6, 7, u32::MAX].map(|outages| seconds(outages, 0)), [1, 2, 16, 30, 30, 30]);
        assert_eq!((seconds(1, 60), seconds(1, 86_400)), (60, 600));
    }
}
