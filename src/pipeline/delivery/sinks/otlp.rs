//! The OTLP sink: spans first, then log events.
//!
//! Spans have deterministic ids, so that backends can tell a repetition; log events have not. So the events go last: a
//! crash in between repeats only what can be recognised. Within a process what was already accepted is remembered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::{DeliveryError, Disposition, SinkConfigError, fail};
use super::otlp_export::Export;
use super::settings;
use super::{otlp_grpc, otlp_http, payload};
use crate::config::ScoreResource;
use crate::config::sinks::{OtlpProtocol, OtlpTarget, SinkConfig};
use crate::model::{EvaluationId, ScoreForm, WriteBack};
use crate::otlp::Signal;
use crate::secrets::Variables;

/// Scores as OpenTelemetry.
#[derive(Debug)]
pub struct OtlpSink {
    name: String,
    transport: Transport,
    spans: bool,
    logs: bool,
    /// The backend said that it takes no logs (Jaeger, for example).
    takes_no_logs: AtomicBool,
    resource: ScoreResource,
    /// Evaluations whose span was accepted and whose event is still owed.
    spans_accepted: Mutex<HashSet<EvaluationId>>,
}

#[derive(Debug)]
enum Transport {
    Http(otlp_http::HttpTransport),
    Grpc(otlp_grpc::GrpcTransport),
}

impl OtlpSink {
    pub(super) fn new(
        config: &SinkConfig,
        target: &OtlpTarget,
        variables: Variables<'_>,
    ) -> Result<Self, SinkConfigError> {
        if !target.spans && !target.logs {
            let problem = "with `logs = false` too nothing would be sent; remove the sink instead".to_owned();
            return Err(SinkConfigError::Value { sink: config.name.clone(), key: "spans", problem });
        }
        let headers = settings::headers(config, &target.api_key, variables)?;
        let transport = match target.protocol {
            OtlpProtocol::HttpProtobuf => Transport::Http(otlp_http::HttpTransport::new(config, target, headers)?),
            OtlpProtocol::Grpc => Transport::Grpc(otlp_grpc::GrpcTransport::new(config, target, headers)?),
        };
        Ok(Self {
            name: config.name.clone(),
            transport,
            spans: target.spans,
            logs: target.logs,
            takes_no_logs: AtomicBool::new(false),
            resource: target.resource.clone(),
            spans_accepted: Mutex::default(),
        })
    }

    pub(super) fn form(&self) -> ScoreForm {
        self.resource.form
    }

    pub(super) async fn deliver(&self, scores: &[&WriteBack]) -> Vec<Result<(), DeliveryError>> {
        let mut results: Vec<Result<(), DeliveryError>> = scores.iter().map(|_| Ok(())).collect();
        if self.spans {
            let owed: Vec<usize> = {
                let accepted = self.spans_accepted.lock().unwrap_or_else(PoisonError::into_inner);
                (0..scores.len()).filter(|index| !accepted.contains(&scores[*index].evaluation.id)).collect()
            };
            self.send(Signal::Traces, scores, owed, &mut results).await;
        }
        if self.logs && !self.takes_no_logs.load(Ordering::Relaxed) {
            let owed: Vec<usize> = (0..scores.len()).filter(|index| results[*index].is_ok()).collect();
            if self.spans {
                self.remember_spans(scores, &owed);
            }
            self.send(Signal::Logs, scores, owed, &mut results).await;
        }
        self.forget_finished(scores, &results);
        results
    }

    fn remember_spans(&self, scores: &[&WriteBack], accepted: &[usize]) {
        let mut spans = self.spans_accepted.lock().unwrap_or_else(PoisonError::into_inner);
        spans.extend(accepted.iter().map(|index| scores[*index].evaluation.id));
    }

    fn forget_finished(&self, scores: &[&WriteBack], results: &[Result<(), DeliveryError>]) {
        let mut spans = self.spans_accepted.lock().unwrap_or_else(PoisonError::into_inner);
        for (score, result) in scores.iter().zip(results) {
            let finished = result.as_ref().err().is_none_or(|error| error.disposition() == Disposition::GiveUp);
            if finished {
                spans.remove(&score.evaluation.id);
            }
        }
    }

    /// Sends the scores at `owed`. A request that is refused as a whole is halved until the one at fault is alone:
    /// it must not take the others with it.
    async fn send(
        &self,
        signal: Signal,
        scores: &[&WriteBack],
        owed: Vec<usize>,
        results: &mut [Result<(), DeliveryError>],
    ) {
        let mut parts = vec![owed];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let batch: Vec<&WriteBack> = part.iter().map(|index| scores[*index]).collect();
            match self.export(signal, &batch).await {
                Ok(Export::Accepted) => {}
                Ok(Export::PartlyRejected { rejected, message }) => {
                    let error = DeliveryError::PartlyRejected { rejected, sent: part.len(), message };
                    fail(results, &part, &error);
                }
                Ok(Export::NoSuchSignal { status, message }) => {
                    self.no_such_signal(signal, &part, &status, &message, results);
                }
                Err(DeliveryError::Refused { .. }) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(error) => fail(results, &part, &error),
            }
        }
    }

    async fn export(&self, signal: Signal, batch: &[&WriteBack]) -> Result<Export, DeliveryError> {
        match (&self.transport, signal) {
            (Transport::Http(http), Signal::Traces) => {
                http.traces(&payload::traces_request(batch, &self.resource.attributes)).await
            }
            (Transport::Http(http), Signal::Logs) => {
                http.logs(&payload::logs_request(batch, &self.resource.attributes)).await
            }
            (Transport::Grpc(grpc), Signal::Traces) => {
                grpc.traces(payload::traces_request(batch, &self.resource.attributes)).await
            }
            (Transport::Grpc(grpc), Signal::Logs) => {
                grpc.logs(payload::logs_request(batch, &self.resource.attributes)).await
            }
        }
    }

    /// Without logs a backend still shows scores by their spans; without spans the address is wrong.
    fn no_such_signal(
        &self,
        signal: Signal,
        part: &[usize],
        status: &str,
        message: &str,
        results: &mut [Result<(), DeliveryError>],
    ) {
        if signal == Signal::Logs && self.spans {
            if !self.takes_no_logs.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    sink = self.name,
                    status,
                    "the backend takes no OTLP logs; from now on only spans carry scores there (set `logs = false` to say so)"
                );
            }
            return;
        }
        let error = DeliveryError::Misconfigured { status: status.to_owned(), message: message.to_owned() };
        fail(results, part, &error);
    }

    /// Sends an empty request of each signal, which every receiver must take.
    pub(super) async fn check(&self) -> Result<(), DeliveryError> {
        let mut results = [Ok(())];
        let signals = [(Signal::Traces, self.spans), (Signal::Logs, self.logs)];
        for (signal, _) in signals.into_iter().filter(|(_, wanted)| *wanted) {
            match self.export(signal, &[]).await? {
                Export::NoSuchSignal { status, message } => {
                    self.no_such_signal(signal, &[0], &status, &message, &mut results);
                }
                Export::Accepted | Export::PartlyRejected { .. } => {}
            }
        }
        let [result] = results;
        result
    }
}
