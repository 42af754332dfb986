//! Intake: from the wire to the commit of a batch.
//!
//! ```text
//! OTLP/HTTP ─┐
//! OTLP/gRPC ─┼→ Intake::accept: recognise → prefilter → redact ─→ Committer: one transaction per group ─→ answer or ack
//! RabbitMQ  ─┘
//! ```
//!
//! A sender hears of success only after the commit. Whatever is only temporarily impossible is answered so that the
//! sender keeps the data; whatever can never be read is refused, so that nobody sends it for ever.

mod accept_error;
mod admission;
pub mod amqp;
mod arrival;
mod backoff;
pub mod batch;
mod compression;
mod door;
pub mod files;
mod group_commit;
mod handover;
mod http_body;
mod in_force;
mod intake_error;
mod intake_store;
pub mod kafka;
pub mod metrics;
pub mod otlp_client;
mod otlp_grpc;
mod otlp_http;
mod otlp_response;
pub mod prefilter;
mod progress;
mod record_size;
mod refusals;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod wire_reader;

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

pub use accept_error::AcceptError;
pub use admission::Reservation;
pub use batch::Redact;
pub use group_commit::Committer;
pub use in_force::{Before, SamplingInForce};
pub use intake_error::IntakeError;
pub use intake_store::IntakeStore;
pub use service::{Listeners, bind};
pub use status::{Dependency, IntakeStatus};

use crate::model::TraceId;
use crate::otlp::{Encoding, Signal, sniff_encoding};
use crate::store::{Committed, IntakeBatch, SettleTimes};
#[cfg(test)]
use admission::{Admission, Sender};
use arrival::Arrival;
use batch::{BatchError, Prepared, Request};
#[cfg(test)]
use compression::Compression;
use group_commit::Commits;
use intake_store::answered;
use metrics::{Metrics, Transport};
use refusals::Refusals;

/// What became of a request that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the store did.
    pub committed: Committed,
    /// Records in the request.
    pub received: u64,
    /// Records that were wrong; they are counted and dropped.
    pub rejected: u64,
    /// Why the first of them was.
    pub complaint: Option<String>,
}

/// A request before its commit.
struct Ready {
    batch: IntakeBatch,
    /// Of [`Prepared::Batch`].
    complaint: Option<String>,
    too_deep: u64,
    /// What the batch takes.
    memory: Reservation,
}

/// How a request describes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Description {
    /// The transport states signal and encoding.
    Stated(Signal, Encoding),
    /// The transport states the signal; the encoding shows.
    Sniffed(Signal),
    /// A queue meant for this signal; the content has the last word.
    Expected(Signal),
}

/// The way into judged, shared by all transports.
pub struct Intake {
    store: Arc<dyn IntakeStore>,
    sampling: RwLock<Arc<SamplingInForce>>,
    redactor: RwLock<Arc<dyn Redact>>,
    commits: Commits,
    /// Decoding is work for processors: no more of it at once than there are.
    processors: Arc<Semaphore>,
    status: Arc<IntakeStatus>,
    metrics: Arc<Metrics>,
    refusals: Refusals,
}

impl Intake {
    /// An intake and the task that commits for it; nothing is accepted until [`Committer::run`] runs.
    pub fn new(
        store: Arc<dyn IntakeStore>,
        sampling: SamplingInForce,
        redactor: Arc<dyn Redact>,
        times: SettleTimes,
    ) -> (Arc<Self>, Committer) {
        let status = Arc::new(IntakeStatus::default());
        let metrics = Arc::new(Metrics::new());
        let (commits, committer) = Committer::new(Arc::clone(&store), times, Arc::clone(&status), Arc::clone(&metrics));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let intake = Self {
            store,
            sampling: RwLock::new(Arc::new(sampling)),
            redactor: RwLock::new(redactor),
            commits,
            processors: Arc::new(Semaphore::new(processors)),
            status,
            metrics,
            refusals: Refusals::new(),
        };
        (Arc::new(intake), committer)
    }

    /// The health of what intake depends on.
    pub fn status(&self) -> &Arc<IntakeStatus> {
        &self.status
    }

    /// The sampling version in force.
    pub fn sampling_version(&self) -> Option<i64> {
        self.sampling.read().unwrap_or_else(PoisonError::into_inner).version()
    }

    /// Requests that wait for a transaction to take them.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.commits.waiting()
    }

    /// Replaces the sampling rules; requests accepted from now on go by the new ones.
    pub fn set_sampling(&self, sampling: SamplingInForce) {
        *self.sampling.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sampling);
    }

    /// Replaces the redactor; requests accepted from now on are redacted by the new one.
    pub fn set_redactor(&self, redactor: Arc<dyn Redact>) {
        *self.redactor.write().unwrap_or_else(PoisonError::into_inner) = redactor;
    }

    /// Takes in one export request; returns after the commit.
    async fn accept(
        &self,
        transport: Transport,
        description: Description,
        arrival: Arrival,
        memory: Reservation,
    ) -> Result<Accepted, AcceptError> {
        let result = match self.made_ready(description, arrival, memory).await {
            Ok(ready) => self.committed(ready).await,
            Err(error) => Err(error),
        };
        let signal = match description {
            Description::Stated(signal, _) | Description::Expected(signal) | Description::Sniffed(signal) => signal,
        };
        let outcome = match &result {
            Ok(_) => "committed",
            Err(AcceptError::Unreadable(_) | AcceptError::Unknown(_) | AcceptError::TooLarge(_)) => "refused",
            Err(AcceptError::Unavailable { .. } | AcceptError::Overloaded | AcceptError::Stopping) => "unavailable",
        };
        self.metrics.request(transport, signal, outcome);
        result
    }

    /// The same with an uncompressed request and all memory that it may want.
    #[cfg(test)]
    pub async fn accept_bytes(
        &self,
        transport: Transport,
        description: Description,
        body: bytes::Bytes,
    ) -> Result<Accepted, AcceptError> {
        let admission = Admission::new(usize::MAX / 2, std::time::Duration::from_secs(10));
        let (sender, compression, max_decompressed) = (Sender::Broker, Compression::Identity, usize::MAX);
        let arrival = Arrival { sender, compression, body, max_decompressed, admission };
        self.accept(transport, description, arrival, Reservation::endless()).await
    }

    /// Makes a request ready for its commit. One that was taken for small may turn out to be large and is made once more from a copy of
    /// what arrived, which has its part of the memory. A large one has no copy: it is as large as memory allows.
    async fn made_ready(
        &self,
        description: Description,
        arrival: Arrival,
        mut memory: Reservation,
    ) -> Result<Ready, AcceptError> {
        if memory.is_large() {
            return self.made(description, arrival, memory).await;
        }
        let (again, of_copy) = (arrival.clone(), memory.split_off(arrival.body.len()));
        match self.made(description, arrival, memory).await {
            Err(AcceptError::Overloaded) => {
                let memory = again.enter_large().await?;
                drop(of_copy);
                self.made(description, again, memory).await
            }
            result => result,
        }
    }

    async fn made(
        &self,
        description: Description,
        arrival: Arrival,
        memory: Reservation,
    ) -> Result<Ready, AcceptError> {
        let (admission, sender) = (arrival.admission.clone(), arrival.sender.clone());
        let read = self.compute(move || read(description, arrival, memory)).await??;
        let (request, memory) = (Arc::new(read.0), read.1);
        // One sampling for both looks, whatever is put in force between them.
        let sampling = Arc::clone(&self.sampling.read().unwrap_or_else(PoisonError::into_inner));
        let (prepared, memory) = match self.prepare(&request, &sampling, None, memory).await? {
            (Prepared::Ask(ids), memory) => {
                let kept = answered(self.store.kept_traces(&ids)).await?;
                self.prepare(&request, &sampling, Some(kept), memory).await?
            }
            ready => ready,
        };
        let Prepared::Batch { batch, complaint, too_deep } = prepared else {
            // `prepare` asks only when it has no answer yet.
            return Err(AcceptError::Unreadable("the sampling decision could not be made".to_owned()));
        };
        let mut memory = memory;
        memory.shrink(request.size());
        drop(request);
        admission.settle(&mut memory, &sender).await;
        Ok(Ready { batch, complaint, too_deep, memory })
    }

    async fn committed(&self, ready: Ready) -> Result<Accepted, AcceptError> {
        let Ready { batch, complaint, too_deep, memory } = ready;
        let (signal, received, rejected) = (batch.signal, batch.received, batch.rejected);
        // A request without records leaves no trace in the account, so that there is nothing to commit.
        let committed = if received == 0 { Committed::default() } else { self.commits.commit(batch, memory).await? };
        if rejected > 0 && !committed.repeated {
            self.metrics.rejected(signal, rejected, too_deep);
        }
        Ok(Accepted { committed, received, rejected, complaint })
    }

    async fn prepare(
        &self,
        request: &Arc<Request>,
        sampling: &Arc<SamplingInForce>,
        kept_before: Option<HashSet<TraceId>>,
        mut memory: Reservation,
    ) -> Result<(Prepared, Reservation), AcceptError> {
        let (sampling, now_ms) = (Arc::clone(sampling), self.store.now_ms());
        let redactor = Arc::clone(&self.redactor.read().unwrap_or_else(PoisonError::into_inner));
        let request = Arc::clone(request);
        self.compute(move || {
            let (sampling, redactor) = (sampling.at(now_ms), redactor.as_ref());
            let prepared = batch::prepare(&request, sampling, redactor, kept_before.as_ref(), &mut memory);
            prepared.map(|prepared| (prepared, memory)).map_err(refused)
        })
        .await?
    }

    /// Runs work for a processor where it does not hold up the connections.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AcceptError> {
        let permit = Arc::clone(&self.processors).acquire_owned().await.map_err(|_| AcceptError::Stopping)?;
        // Whoever waits for the work may go away; the work goes on.
        let work = move || {
            let result = work();
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            if error.is_cancelled() {
                return AcceptError::Stopping;
            }
            tracing::error!("decoding a request panicked; the request is refused");
            AcceptError::Unreadable("the request could not be decoded".to_owned())
        })
    }
}

/// Unpacks and recognises a request.
fn read(
    description: Description,
    arrival: Arrival,
    mut memory: Reservation,
) -> Result<(Request, Reservation), AcceptError> {
    let body = arrival.unpacked(&mut memory)?;
    let request = match description {
        Description::Stated(signal, encoding) => Request::read(signal, encoding, body, &mut memory),
        Description::Sniffed(signal) => Request::read(signal, sniff_encoding(&body), body, &mut memory),
        Description::Expected(signal) => Request::recognise(signal, body, &mut memory),
    };
    request.map(|request| (request, memory)).map_err(refused)
}

fn refused(error: BatchError) -> AcceptError {
    match error {
        BatchError::Memory(overrun) => overrun.into(),
        other => AcceptError::Unreadable(other.explain()),
    }
}
