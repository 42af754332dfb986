//! Asking a judge behind an HTTP endpoint: waiting for its turn, calling, repeating, and accounting for every call.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::judges::Provider;
use crate::model::{Prompt, Verdict};

use super::admission::{Answered, Turn};
use super::capabilities::{Shape, Structured};
use super::completion::{Completion, Finish, NoCompletion};
use super::endpoint::PostError;
use super::error::Failure;
use super::refusal::Refusal;
use super::refusal::cause::Cause;
use super::remote::{LONGEST_WAIT_IN_HAND, Remote};
use super::reply::{self, ReplyProblem};
use super::request::{JudgeReply, JudgeRequest, Spent};
use super::{anthropic, openai, retry};

/// How many optional parts of a request an endpoint may refuse, one after the other, within one evaluation.
const MOST_ADAPTATIONS: u32 = 6;

/// Longer than any evaluation is worth, and short enough to add to a clock.
pub(super) const LONGEST_DEADLINE: Duration = Duration::from_hours(24 * 365);

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// What the endpoint said, where it said something.
    pub(super) refusal: Option<Box<Refusal>>,
    /// Whether the endpoint answered other calls meanwhile.
    pub(super) others_answered: bool,
}

impl Failed {
    /// The same for each of `number` evaluations that one call was for.
    pub(super) fn for_each(self, number: usize) -> Vec<Self> {
        let Self { failure, refusal, others_answered } = self;
        let failure = std::sync::Arc::new(failure);
        let one = || Self {
            failure: Failure::OfCall(std::sync::Arc::clone(&failure)),
            refusal: refusal.clone(),
            others_answered,
        };
        std::iter::repeat_with(one).take(number).collect()
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, refusal: None, others_answered: false }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self { failure: refusal.failure(), refusal: Some(Box::new(refusal)), others_answered: false }
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
        let outcome = outcome.map_err(|failed| {
            let others_answered = match failed.failure {
                // It fails in an instant: what counts is whether others were answered since the last that did.
                Failure::BadRequest { .. } => self.answers_others.since_last_refusal(Instant::now()),
                _ => self.answers_others.since(started),
            };
            Failed { others_answered, ..failed }
        });
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
                            distribution: None,
                            shown_hash: None,
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
        if failures > self.config.retries || !failure.is_passing() {
            return None;
        }
        // What the endpoint asks for, and the jitter on top, so that not everybody comes back at the same moment.
        let wait = failure.asked_wait().unwrap_or_default() + retry::backoff(failures, (self.environment.random)());
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
        let (mut adaptations, mut bad_luck) = (0, 0);
        loop {
            let failed = match self.attempt(request, problem, shape, deadline, spent).await {
                Ok(completion) => {
                    // What chance made necessary is no property of the endpoint.
                    if bad_luck == 0 {
                        self.remember(shape, known);
                    }
                    return Ok(completion);
                }
                Err(failed) => failed,
            };
            let Some(refusal) = &failed.refusal else { return Err(failed) };
            let (status, read_as) = (refusal.status, refusal.read_as);
            tracing::debug!(judge = %self.name, status, read_as, "the judge's endpoint refused a call");
            if refusal.cause == Cause::BadLuck {
                bad_luck += 1;
                if bad_luck == 1 {
                    continue;
                }
            }
            match shape.adapted(refusal, &self.config, self.is_proven()) {
                Some(other) if adaptations < MOST_ADAPTATIONS => shape = other,
                _ => return Err(self.blamed(failed, &request.prompt.user)),
            }
            adaptations += 1;
        }
    }

    /// A refusal that nothing explains: by an endpoint that has accepted none yet it is more likely the configuration's fault
    /// than the subject's. What it said is kept, shown once and counted.
    pub(super) fn blamed(&self, failed: Failed, material: &str) -> Failed {
        let Failure::BadRequest { status, code } = failed.failure else { return failed };
        if let Some(refusal) = &failed.refusal {
            self.note_unknown(refusal, material);
        }
        let failure = if self.is_proven() {
            Failure::BadRequest { status, code }
        } else {
            Failure::NoneAccepted { status, code }
        };
        Failed { failure, ..failed }
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
        let mut turn = Turn::take(self, &[(request.rubric, 1.0)], body.len(), deadline).await?;
        let timeout = self.config.timeout.min(deadline.saturating_duration_since(Instant::now()));
        if timeout.is_zero() {
            return Err(Failure::Saturated.into());
        }
        let span = self.span(request, shape);
        turn.sent();
        spent.calls += 1;
        let sent_at = Instant::now();
        let call = self.endpoint.post(body, request.traceparent.as_deref(), timeout, (self.environment.now)());
        let outcome = self.read(call.instrument(span.clone()).await);
        match &outcome {
            Ok(completion) => {
                let now = Instant::now();
                self.answers_others.answered(now);
                self.activity.answered(now, now.saturating_duration_since(sent_at));
                record(&span, completion);
                let answer = Answered {
                    usage: &completion.usage,
                    model: completion.model.as_deref(),
                    cost_usd: completion.reported_cost_usd,
                };
                turn.answered(answer, spent);
            }
            Err(failed) => {
                span.record("error.type", failed.failure.code());
                span.record("otel.status_code", "ERROR");
                let adapts = failed.refusal.as_ref().is_some_and(|refusal| {
                    refusal.cause == Cause::BadLuck || shape.adapted(refusal, &self.config, self.is_proven()).is_some()
                });
                turn.failed(&failed.failure, adapts, spent);
            }
        }
        outcome
    }

    fn read(&self, answer: Result<Vec<u8>, PostError>) -> Result<Completion, Failed> {
        let body = answer.map_err(|error| match error {
            PostError::Failed(failure) => failure.into(),
            PostError::Refused(refusal) => Failed::from(refusal),
        })?;
        let completion = match self.config.provider {
            Provider::Anthropic => anthropic::read(&body),
            Provider::Openai | Provider::Baseline | Provider::Decisions => openai::read(&body),
        };
        completion.map_err(|instead| match instead {
            NoCompletion::Other(what) => Failure::BadResponse(what).into(),
            NoCompletion::Error(json) => match Refusal::within_success(&json, (self.environment.now)()) {
                Some(refusal) => refusal.into(),
                None => Failure::BadResponse("JSON of another kind").into(),
            },
        })
    }

    fn body(
        &self,
        request: &JudgeRequest<'_>,
        problem: Option<&ReplyProblem>,
        shape: Shape,
    ) -> Result<Vec<u8>, Failed> {
        let amended = amended(request.prompt, request.schema, shape.structured, problem);
        let prompt = amended.as_ref().unwrap_or(request.prompt);
        let schema = match shape.structured {
            Structured::Bounded => {
                Cow::Owned(with_bounded_rationale(request.schema, shape.output_tokens(&self.config)))
            }
            Structured::Schema => without_bounds(request.schema),
            Structured::Json | Structured::Prompt => Cow::Borrowed(request.schema),
        };
        let body = match self.config.provider {
            Provider::Anthropic => anthropic::body(&self.config, &self.model, shape, prompt, &schema),
            Provider::Openai | Provider::Baseline | Provider::Decisions => {
                openai::body(&self.config, &self.model, shape, prompt, &schema)
            }
        };
        // Text and finite numbers always serialise; should they not, this request is the one that cannot be sent.
        body.map_err(|_| Failure::BadRequest { status: 0, code: Some("unserialisable".into()) }.into())
    }

    /// The GenAI client span of one call. It holds no content.
    fn span(&self, request: &JudgeRequest<'_>, shape: Shape) -> tracing::Span {
        let provider = match self.config.provider {
            Provider::Anthropic => "anthropic",
            Provider::Openai | Provider::Baseline | Provider::Decisions => "openai",
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
        Finish::Complete | Finish::Truncated | Finish::Failed => {}
    }
    read_reply(completion, request).map_err(|problem| {
        let cut = completion.finish == Finish::Truncated;
        Failure::Reply(if cut { ReplyProblem::Truncated } else { problem })
    })
}

/// Reads the reply where it stands: in the text, else in a tool call, else all alone where the reasoning should be.
fn read_reply(completion: &Completion, request: &JudgeRequest<'_>) -> Result<Verdict, ReplyProblem> {
    let (scale, abstain) = (request.scale, request.abstain);
    let in_text = reply::parse(&completion.text, scale, abstain);
    match (in_text, &completion.tool, &completion.reasoning) {
        (Err(ReplyProblem::Empty | ReplyProblem::NoObject), Some(arguments), _) => {
            reply::parse(arguments, scale, abstain)
        }
        (Err(ReplyProblem::Empty), None, Some(reasoning)) => reply::parse_misplaced(reasoning, scale, abstain),
        (read, ..) => read,
    }
}

/// The prompt with what the endpoint does not enforce (the schema, at the end of the static part) and what was wrong
/// with the reply before (at the very end); `None` when the prompt serves as it is.
fn amended(prompt: &Prompt, schema: &Json, structured: Structured, problem: Option<&ReplyProblem>) -> Option<Prompt> {
    let is_enforced = matches!(structured, Structured::Bounded | Structured::Schema);
    if is_enforced && problem.is_none() {
        return None;
    }
    let mut amended = prompt.clone();
    if !is_enforced {
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

/// The most characters of a rationale under a schema with a bound: a few sentences, and never so many that the verdict behind
/// them does not fit.
const LONGEST_RATIONALE: u32 = 600;

/// The schema with a bound on the rationale: a small model that rambles gets to the verdict.
/// The schema without limits on the number that is the verdict: strict modes refuse them, or only seem to take them.
fn without_bounds(schema: &Json) -> Cow<'_, Json> {
    const NUMBERS: [&str; 2] = ["/properties/score", "/properties/score/anyOf/0"];
    let is_bounded = |place: &str| schema.pointer(place).is_some_and(|number| number.get("minimum").is_some());
    let Some(place) = NUMBERS.into_iter().find(|place| is_bounded(place)) else { return Cow::Borrowed(schema) };
    let mut schema = schema.clone();
    if let Some(number) = schema.pointer_mut(place).and_then(Json::as_object_mut) {
        number.remove("minimum");
        number.remove("maximum");
    }
    Cow::Owned(schema)
}

fn with_bounded_rationale(schema: &Json, output_tokens: u32) -> Json {
    let mut schema = schema.clone();
    if let Some(rationale) = schema.pointer_mut("/properties/rationale").and_then(Json::as_object_mut) {
        rationale.insert("maxLength".into(), LONGEST_RATIONALE.min(output_tokens / 2).into());
    }
    schema
}
