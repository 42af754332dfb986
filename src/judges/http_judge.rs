//! Asking a judge behind an HTTP endpoint: waiting for its turn, calling, repeating, and accounting for every call.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::judges::Provider;
use crate::model::{Prompt, Verdict};

use super::admission::Turn;
use super::capabilities::{Shape, Structured};
use super::completion::{Completion, Finish};
use super::endpoint::PostError;
use super::error::{Disposition, Failure};
use super::error_response::Refusal;
use super::remote::{LONGEST_WAIT_IN_HAND, Remote};
use super::reply::{self, ReplyProblem};
use super::request::{JudgeReply, JudgeRequest, Spent};
use super::{anthropic, openai, retry};

/// How many optional parts of a request an endpoint may refuse, one after the other, within one evaluation.
const MOST_ADAPTATIONS: u32 = 4;

/// Longer than any evaluation is worth, and short enough to add to a clock.
const LONGEST_DEADLINE: Duration = Duration::from_hours(24 * 365);

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// What the endpoint said, where it said something.
    pub(super) refusal: Option<Box<Refusal>>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, refusal: None }
    }
}

impl Remote {
    /// Judges; repeats what failed for a passing reason, and once a reply that was no verdict.
    pub(super) async fn judge(&self, request: &JudgeRequest<'_>) -> (Result<JudgeReply, Failed>, Spent) {
        let started = Instant::now();
        let mut spent = Spent { cost_usd: Some(0.0), ..Spent::default() };
        let outcome = self.converse(request, started, &mut spent).await;
        if spent.calls == 0 {
            spent.cost_usd = None;
        }
        (outcome, spent)
    }

    async fn converse(
        &self,
        request: &JudgeRequest<'_>,
        started: Instant,
        spent: &mut Spent,
    ) -> Result<JudgeReply, Failed> {
        let deadline = started + request.deadline.min(LONGEST_DEADLINE);
        let mut problem: Option<ReplyProblem> = None;
        let mut failures = 0;
        loop {
            match self.complete(request, problem.as_ref(), deadline, spent).await {
                Ok(completion) => match verdict(&completion, request) {
                    Ok(verdict) => {
                        return Ok(JudgeReply {
                            verdict,
                            model: completion.model,
                            fingerprint: completion.fingerprint,
                            usage: spent.usage,
                            cost_usd: spent.cost_usd,
                            latency: started.elapsed(),
                            calls: spent.calls,
                        });
                    }
                    Err(Failure::Reply(fault)) if problem.is_none() && fault != ReplyProblem::Truncated => {
                        problem = Some(fault);
                    }
                    Err(failure) => return Err(failure.into()),
                },
                Err(failed) => {
                    failures += 1;
                    let Some(wait) = self.wait_before_retry(&failed.failure, failures, deadline) else {
                        return Err(failed);
                    };
                    tracing::debug!(judge = %self.name, code = failed.failure.code(), failures, "judge call is repeated");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// How long to wait before the next attempt; `None` when there should be none.
    fn wait_before_retry(&self, failure: &Failure, failures: u32, deadline: Instant) -> Option<Duration> {
        let Disposition::Retry { after } = failure.disposition() else { return None };
        if failures > self.config.retries || matches!(failure, Failure::Saturated) {
            return None;
        }
        // What the endpoint asks for, and the jitter on top, so that not everybody comes back at the same moment.
        let wait = after.unwrap_or_default() + retry::backoff(failures, (self.environment.random)());
        (wait <= LONGEST_WAIT_IN_HAND && Instant::now() + wait < deadline).then_some(wait)
    }

    /// One completion, in a shape that the endpoint accepts.
    async fn complete(
        &self,
        request: &JudgeRequest<'_>,
        problem: Option<&ReplyProblem>,
        deadline: Instant,
        spent: &mut Spent,
    ) -> Result<Completion, Failed> {
        let known = self.present_shape();
        let mut shape = known;
        let mut adaptations = 0;
        loop {
            let failed = match self.attempt(request, problem, shape, deadline, spent).await {
                Ok(completion) => {
                    self.remember(shape, known);
                    return Ok(completion);
                }
                Err(failed) => failed,
            };
            match failed.refusal.as_ref().and_then(|refusal| shape.adapted(refusal, &self.config)) {
                Some(other) if adaptations < MOST_ADAPTATIONS => shape = other,
                _ => return Err(failed),
            }
            adaptations += 1;
        }
    }

    /// One call, in its turn.
    async fn attempt(
        &self,
        request: &JudgeRequest<'_>,
        problem: Option<&ReplyProblem>,
        shape: Shape,
        deadline: Instant,
        spent: &mut Spent,
    ) -> Result<Completion, Failed> {
        let body = self.body(request, problem, shape)?;
        let mut turn = Turn::take(self, body.len(), deadline).await?;
        let timeout = self.config.timeout.min(deadline.saturating_duration_since(Instant::now()));
        if timeout.is_zero() {
            return Err(Failure::Saturated.into());
        }
        let span = self.span(request, shape);
        turn.sent();
        spent.calls += 1;
        let call = self.endpoint.post(body, request.traceparent.as_deref(), timeout, (self.environment.now)());
        let outcome = self.read(call.instrument(span.clone()).await);
        match &outcome {
            Ok(completion) => {
                self.proven.store(true, Ordering::Relaxed);
                record(&span, completion);
                turn.answered(completion, spent);
            }
            Err(failed) => {
                span.record("error.type", failed.failure.code());
                span.record("otel.status_code", "ERROR");
                let adapts =
                    failed.refusal.as_ref().is_some_and(|refusal| shape.adapted(refusal, &self.config).is_some());
                turn.failed(&failed.failure, adapts, spent);
            }
        }
        outcome
    }

    fn read(&self, answer: Result<Vec<u8>, PostError>) -> Result<Completion, Failed> {
        let body = answer.map_err(|error| match error {
            PostError::Failed(failure) => Failed { failure, refusal: None },
            PostError::Refused(refusal) => {
                Failed { failure: self.failure_of(&refusal), refusal: Some(Box::new(refusal)) }
            }
        })?;
        let completion = match self.config.provider {
            Provider::Anthropic => anthropic::read(&body),
            Provider::Openai | Provider::Baseline => openai::read(&body),
        };
        completion.map_err(|what| Failure::BadResponse(what).into())
    }

    fn failure_of(&self, refusal: &Refusal) -> Failure {
        match refusal.failure() {
            Failure::BadRequest { status, code } if !self.proven.load(Ordering::Relaxed) => {
                Failure::NoneAccepted { status, code }
            }
            failure => failure,
        }
    }

    fn body(
        &self,
        request: &JudgeRequest<'_>,
        problem: Option<&ReplyProblem>,
        shape: Shape,
    ) -> Result<Vec<u8>, Failed> {
        let amended = amended(request.prompt, request.schema, shape.structured, problem);
        let prompt = amended.as_ref().unwrap_or(request.prompt);
        let body = match self.config.provider {
            Provider::Anthropic => anthropic::body(&self.config, &self.model, shape, prompt, request.schema),
            Provider::Openai | Provider::Baseline => {
                openai::body(&self.config, &self.model, shape, prompt, request.schema)
            }
        };
        // Text and finite numbers always serialise; should they not, this request is the one that cannot be sent.
        body.map_err(|_| Failure::BadRequest { status: 0, code: Some("unserialisable".into()) }.into())
    }

    /// The GenAI client span of one call. It holds no content.
    fn span(&self, request: &JudgeRequest<'_>, shape: Shape) -> tracing::Span {
        let provider = match self.config.provider {
            Provider::Anthropic => "anthropic",
            Provider::Openai | Provider::Baseline => "openai",
        };
        tracing::info_span!(
            "chat",
            otel.name = format_args!("chat {}", self.model),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = provider,
            gen_ai.request.model = self.model,
            gen_ai.request.max_tokens = self.config.max_output_tokens,
            gen_ai.request.temperature = shape.temperature.then_some(self.config.temperature),
            gen_ai.response.model = tracing::field::Empty,
            gen_ai.response.id = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            gen_ai.usage.cache_read.input_tokens = tracing::field::Empty,
            server.address = self.endpoint.host(),
            server.port = self.endpoint.port(),
            "error.type" = tracing::field::Empty,
            judged.judge = &*self.name,
            // By this the loop guard knows the span, whatever resource it comes back with.
            judged.evaluation.id = request.evaluation.map(tracing::field::display),
        )
    }
}

fn record(span: &tracing::Span, completion: &Completion) {
    span.record("gen_ai.response.model", completion.model.as_deref());
    span.record("gen_ai.response.id", completion.id.as_deref());
    span.record("gen_ai.usage.input_tokens", completion.usage.input_tokens);
    span.record("gen_ai.usage.output_tokens", completion.usage.output_tokens);
    span.record("gen_ai.usage.cache_read.input_tokens", completion.usage.cached_input_tokens);
}

/// Reads a completion as a verdict. A cut reply that holds a whole verdict nevertheless is one.
fn verdict(completion: &Completion, request: &JudgeRequest<'_>) -> Result<Verdict, Failure> {
    match completion.finish {
        Finish::Refused => return Err(Failure::Refused),
        Finish::Filtered => return Err(Failure::ContentFilter),
        Finish::Complete | Finish::Truncated => {}
    }
    reply::parse(&completion.text, request.scale, request.abstain).map_err(|problem| {
        let cut = completion.finish == Finish::Truncated;
        Failure::Reply(if cut { ReplyProblem::Truncated } else { problem })
    })
}

/// The prompt with what the endpoint does not enforce (the schema, at the end of the static part) and what was wrong
/// with the reply before (at the very end); `None` when the prompt serves as it is.
fn amended(prompt: &Prompt, schema: &Json, structured: Structured, problem: Option<&ReplyProblem>) -> Option<Prompt> {
    if structured == Structured::Schema && problem.is_none() {
        return None;
    }
    let mut amended = prompt.clone();
    if structured != Structured::Schema {
        amended.system.push_str("\n\nReply with one JSON object and nothing else. It must follow this JSON schema:\n");
        amended.system.push_str(&schema.to_string());
    }
    if let Some(problem) = problem {
        let objection = format!(
            "\n\nA reply to this was refused: {problem}. Reply with one JSON object and nothing else, following this JSON schema:\n{schema}"
        );
        amended.user.push_str(&objection);
    }
    Some(amended)
}
