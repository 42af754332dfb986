//! Asking a decision model: one call for all rubrics of a subject, repeated for passing reasons only.

use std::time::Duration;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::{AnswerProblem, Reading, Said};
use super::question::Question;
use super::request::{Asked, DecisionRequest};
use super::{dialect, share, state, version};
use crate::config::judges::Dialect;
use crate::judges::admission::{Answered, Turn};
use crate::judges::completion::NoCompletion;
use crate::judges::endpoint::PostError;
use crate::judges::error::Failure;
use crate::judges::http_judge::{Failed, LONGEST_DEADLINE};
use crate::judges::refusal::Refusal;
use crate::judges::remote::{LONGEST_WAIT_IN_HAND, Remote};
use crate::judges::request::{JudgeReply, Spent};
use crate::judges::retry;
use crate::model::{DistributionOrigin, Threshold};

/// What one rubric came to, and its part of what was used up.
pub(in crate::judges) type Outcome = (Result<JudgeReply, Failed>, Spent);

/// A call in preparation: everything that is the same however often it is sent.
struct Call<'r> {
    request: &'r DecisionRequest<'r>,
    dialect: Dialect,
    questions: Vec<Question<'r>>,
    state: Box<RawValue>,
    shares: Vec<f64>,
    deadline: Instant,
}

impl Remote {
    /// Judges a subject by all rubrics of `request`; one outcome for each, in their order.
    pub(in crate::judges) async fn decide(&self, request: &DecisionRequest<'_>) -> Vec<Outcome> {
        let started = Instant::now();
        let dialect = self.config.dialect.unwrap_or_default();
        let questions: Result<Vec<Question<'_>>, _> =
            request.asked.iter().map(|asked| Question::of(asked, dialect)).collect();
        let failing = |failure: fn() -> Failure| {
            request.asked.iter().map(|_| (Err(failure().into()), Spent::default())).collect::<Vec<Outcome>>()
        };
        let Ok(questions) = questions else {
            // A start refuses such a rubric; one that comes later fails alone.
            return self.one_by_one(request, dialect).await;
        };
        let Ok(state) = state::of(request.content, request.fields, self.config.max_state_tokens) else {
            return failing(|| Failure::StateTooLong);
        };
        let deadline = started + request.deadline.min(LONGEST_DEADLINE);
        let shares = share::of_questions(state.get().len(), &questions);
        let call = Call { request, dialect, questions, state, shares, deadline };
        let mut spent = Spent { cost_usd: Some(0.0), ..Spent::default() };
        let outcome = self.converse_decisions(&call, &mut spent).await;
        if spent.calls == 0 {
            spent.cost_usd = None;
        }
        let parts = share::split(&spent, &call.shares);
        match outcome {
            Ok(reading) => self.replies(&call, reading, parts, started.elapsed()),
            Err(failed) => {
                let others_answered = match failed.failure {
                    Failure::BadRequest { .. } => self.answers_others.since_last_refusal(Instant::now()),
                    _ => self.answers_others.since(started),
                };
                let failed = Failed { others_answered, ..failed };
                failed.for_each(parts.len()).into_iter().map(Err).zip(parts).collect()
            }
        }
    }

    /// Those rubrics that can be asked about, without those that cannot.
    async fn one_by_one(&self, request: &DecisionRequest<'_>, dialect: Dialect) -> Vec<Outcome> {
        let is_sound = |asked: &Asked<'_>| Question::of(asked, dialect).map(|_| ());
        let sound: Vec<Asked<'_>> = request.asked.iter().filter(|asked| is_sound(asked).is_ok()).copied().collect();
        let mut answered = if sound.is_empty() {
            Vec::new()
        } else {
            Box::pin(self.decide(&DecisionRequest { asked: sound, ..request.clone() })).await
        }
        .into_iter();
        let mut outcome = |asked: &Asked<'_>| match is_sound(asked) {
            Ok(()) => {
                answered.next().unwrap_or((Err(Failure::Answer(AnswerProblem::Missing).into()), Spent::default()))
            }
            Err(unsupported) => (Err(Failure::Scale(unsupported).into()), Spent::default()),
        };
        request.asked.iter().map(&mut outcome).collect()
    }

    fn replies(&self, call: &Call<'_>, reading: Reading, parts: Vec<Spent>, latency: Duration) -> Vec<Outcome> {
        let model = version::recorded(&self.model, reading.model.as_deref());
        let origin = DistributionOrigin {
            dialect: call.dialect.as_str().to_owned(),
            requested_model: self.model.clone(),
            answered_model: reading.model.clone(),
            endpoint_confidence: None,
        };
        let of_state = Sha256::new_with_prefix(call.state.get());
        let asked = call.request.asked.iter().zip(&call.questions);
        let mut outcomes = Vec::with_capacity(parts.len());
        for (((asked, question), said), part) in asked.zip(reading.answers).zip(parts) {
            let part = Spent { model: Some(model.clone()), ..part };
            let outcome = match said {
                Ok(Said::Refused) => Err(Failure::Refused.into()),
                Err(problem) => Err(Failure::Answer(problem).into()),
                Ok(Said::Probabilities { probabilities, confidence, contradicts }) => {
                    if contradicts {
                        self.warn_of_contradiction();
                    }
                    let origin = DistributionOrigin { endpoint_confidence: confidence, ..origin.clone() };
                    let distribution = question.distribution(&probabilities, origin);
                    let verdict = distribution.as_ref().and_then(|distribution| {
                        distribution.verdict(asked.scale, asked.decision.verdict, Threshold::default())
                    });
                    match verdict {
                        None => Err(Failure::Answer(AnswerProblem::OtherOptions).into()),
                        Some(verdict) => Ok(JudgeReply {
                            verdict,
                            distribution,
                            shown_hash: Some(question.shown_hash(&of_state)),
                            model: part.model.clone(),
                            fingerprint: None,
                            usage: part.usage,
                            cost_usd: part.cost_usd,
                            latency,
                            calls: part.calls,
                        }),
                    }
                }
            };
            outcomes.push((outcome, part));
        }
        outcomes
    }

    async fn converse_decisions(&self, call: &Call<'_>, spent: &mut Spent) -> Result<Reading, Failed> {
        let mut failures = 0;
        loop {
            let failed = match self.attempt_decisions(call, spent).await {
                Ok(reading) => return Ok(reading),
                Err(Failed { failure: Failure::ContextLength, .. }) => return Err(Failure::StateTooLong.into()),
                Err(failed) => self.blamed(failed, call.state.get()),
            };
            failures += 1;
            // What came with a success was paid for, read or not: it is not bought again at once.
            let is_paid = matches!(failed.failure, Failure::BadResponse(_) | Failure::CutOff(_));
            if is_paid || failures > self.config.retries || !failed.failure.is_passing() {
                return Err(failed);
            }
            let jitter = retry::backoff(failures, (self.environment.random)());
            let wait = failed.failure.asked_wait().unwrap_or_default() + jitter;
            if wait > LONGEST_WAIT_IN_HAND || Instant::now() + wait >= call.deadline {
                return Err(failed);
            }
            tracing::debug!(judge = %self.name, code = failed.failure.code(), failures, "decision call is repeated");
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt_decisions(&self, call: &Call<'_>, spent: &mut Spent) -> Result<Reading, Failed> {
        let body = dialect::body(call.dialect, &self.config, &self.model, &call.state, &call.questions);
        let rubrics: Vec<(&str, f64)> =
            call.request.asked.iter().map(|asked| asked.rubric).zip(call.shares.iter().copied()).collect();
        let mut turn = Turn::take(self, &rubrics, body.len(), call.deadline).await?;
        let timeout = self.config.timeout.min(call.deadline.saturating_duration_since(Instant::now()));
        if timeout.is_zero() {
            return Err(Failure::Saturated.into());
        }
        let span = self.decision_span(call);
        turn.sent();
        spent.calls += 1;
        let sent_at = Instant::now();
        let traceparent = call.request.traceparent.as_deref();
        let answer = self.endpoint.post(body, traceparent, timeout, (self.environment.now)());
        let outcome = self.read_decisions(call, answer.instrument(span.clone()).await);
        match &outcome {
            Ok(reading) => {
                let now = Instant::now();
                self.answers_others.answered(now);
                self.activity.answered(now, now.saturating_duration_since(sent_at));
                span.record("gen_ai.response.model", reading.model.as_deref());
                span.record("gen_ai.response.id", reading.id.as_deref());
                span.record("gen_ai.usage.input_tokens", reading.usage.input_tokens);
                turn.answered(
                    Answered { usage: &reading.usage, model: reading.model.as_deref(), cost_usd: reading.cost_usd },
                    spent,
                );
            }
            Err(failed) => {
                span.record("error.type", failed.failure.code());
                span.record("otel.status_code", "ERROR");
                turn.failed(&failed.failure, false, spent);
            }
        }
        outcome
    }

    fn read_decisions(&self, call: &Call<'_>, answer: Result<Vec<u8>, PostError>) -> Result<Reading, Failed> {
        let body = answer.map_err(|error| match error {
            PostError::Failed(failure) => failure.into(),
            PostError::Refused(refusal) => Failed::from(refusal),
        })?;
        dialect::read(call.dialect, self.config.envelope, &body, &call.questions).map_err(|instead| match instead {
            NoCompletion::Other(what) => Failure::BadResponse(what).into(),
            NoCompletion::Error(json) => match Refusal::within_success(&json, (self.environment.now)()) {
                Some(refusal) => refusal.into(),
                None => Failure::BadResponse("JSON of another kind").into(),
            },
        })
    }

    /// The client span of one call. It holds no content.
    fn decision_span(&self, call: &Call<'_>) -> tracing::Span {
        let provider = match call.dialect {
            Dialect::Systemone => "typesafe",
            Dialect::Openai => "openai",
            Dialect::Gemini => "gcp.gemini",
        };
        tracing::info_span!(
            "decision",
            otel.name = format_args!("decision {}", self.model),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            gen_ai.operation.name = "decision",
            gen_ai.provider.name = provider,
            gen_ai.request.model = self.model,
            gen_ai.response.model = tracing::field::Empty,
            gen_ai.response.id = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            server.address = self.endpoint.host(),
            server.port = self.endpoint.port(),
            "error.type" = tracing::field::Empty,
            judged.judge = &*self.name,
            judged.questions = call.questions.len(),
            // By this the loop guard knows the span, whatever resource it comes back with.
            judged.evaluation.id =
                call.request.asked.iter().find_map(|asked| asked.evaluation).map(tracing::field::display),
        )
    }
}
