//! What `benches/` measure of the program. The rooms are private to the crate, so that the compiler sees what nobody calls;
//! benchmarks get functions here, not the rooms' types.

use std::collections::HashMap;
use std::hint::black_box;

use anyhow::Context as _;
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::config::SamplingConfig;
use crate::conventions::normalise;
use crate::model::{
    CutParts, EvaluationId, LogRecord, Outcome, Probability, Span, SpanId, StepKind, Subject, SubjectContent,
    SubjectId, SubjectKind, TraceId,
};
use crate::otlp::{self, Request, Signal, wire};
use crate::pipeline::intake::prefilter;
use crate::rubrics::Library;
use crate::sampling::Sampler;
use crate::store::{PlannedEvaluation, PlannedFrom, PlannedSubject, Store};

/// The rubric that queued evaluations use.
const RUBRIC: &str = "harmfulness";

/// Chooses the TLS provider of the process, as the program does when it starts.
pub fn install_tls_provider() {
    crate::net::tls::install_provider();
}

/// The prefilter of the intake at one sampling rate.
pub struct Prefilter(Sampler);

/// What the prefilter made of one request.
pub struct Prefiltered {
    /// Spans in the request.
    pub received: u64,
    /// Spans that may be judged, each of them decoded.
    pub decoded: usize,
}

impl Prefilter {
    /// Keeps this share of the traces, between 0 and 1.
    pub fn with_rate(rate: f64) -> anyhow::Result<Self> {
        let rate = Probability::try_from(rate)?;
        Ok(Self(Sampler::from_config(&SamplingConfig { rate, ..SamplingConfig::default() }, "judged")?))
    }

    /// Reads an `ExportTraceServiceRequest` and decodes the spans that may be judged, with their emitters.
    pub fn sift(&self, body: &[u8]) -> anyhow::Result<Prefiltered> {
        let sifted = prefilter::sift(&self.0, Signal::Traces, body)?;
        let mut emitter = None;
        for candidate in &sifted.candidates {
            if emitter != Some(candidate.emitter) {
                black_box((sifted.resource(candidate.emitter)?, sifted.scope(candidate.emitter)?));
                emitter = Some(candidate.emitter);
            }
            black_box(candidate.decode::<wire::Span>()?);
        }
        Ok(Prefiltered { received: sifted.received, decoded: sifted.candidates.len() })
    }
}

/// Decodes one OTLP request of either signal and drops it.
pub fn decode(body: &[u8]) -> anyhow::Result<()> {
    drop(black_box(otlp::decode(body)?));
    Ok(())
}

/// Spans and the log records that belong to them.
#[derive(Default)]
pub struct Records {
    spans: Vec<Span>,
    logs: HashMap<(TraceId, SpanId), Vec<LogRecord>>,
}

impl Records {
    /// Decodes OTLP requests of both signals. Records without valid ids are left out.
    pub fn decode(bodies: &[Vec<u8>]) -> anyhow::Result<Self> {
        let mut records = Self::default();
        for body in bodies {
            match otlp::decode(body)? {
                Request::Traces(request) => {
                    let spans = request.resource_spans.into_iter().flat_map(otlp::spans);
                    records.spans.extend(spans.filter_map(Result::ok));
                }
                Request::Logs(request) => {
                    for log in request.resource_logs.into_iter().flat_map(otlp::log_records).filter_map(Result::ok) {
                        records.logs.entry((log.trace_id, log.span_id)).or_default().push(log);
                    }
                }
            }
        }
        Ok(records)
    }

    /// Leaves only the spans that are calls of a model.
    #[must_use]
    pub fn generations(mut self) -> Self {
        let Self { spans, logs } = &mut self;
        spans.retain(|span| normalise(span, logs_of(logs, span)).kind == StepKind::Generation);
        self
    }

    /// Normalises every span.
    pub fn normalise(&self) {
        for span in &self.spans {
            black_box(normalise(span, logs_of(&self.logs, span)));
        }
    }

    /// Number of spans.
    pub fn spans(&self) -> usize {
        self.spans.len()
    }

    /// Number of log records.
    pub fn log_records(&self) -> usize {
        self.logs.values().map(Vec::len).sum()
    }
}

fn logs_of<'a>(logs: &'a HashMap<(TraceId, SpanId), Vec<LogRecord>>, span: &Span) -> &'a [LogRecord] {
    logs.get(&(span.trace_id, span.span_id)).map_or(&[], Vec::as_slice)
}

/// What a judge is shown.
pub struct Conversation {
    pub input: String,
    pub output: String,
}

impl Conversation {
    fn content(&self) -> SubjectContent {
        SubjectContent {
            input: Some(self.input.clone()),
            output: Some(self.output.clone()),
            ..SubjectContent::default()
        }
    }
}

/// A database with evaluations that wait for a judge.
pub struct Queue(Store);

impl Queue {
    /// Opens the database and brings its tables up to date.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(Self(Store::open(url, Clock::system()).await?))
    }

    /// Plans `number` evaluations of one conversation by one rubric, due within a day.
    pub async fn fill(&self, number: u64, conversation: &Conversation) -> anyhow::Result<()> {
        let deadline_ms = self.0.now_ms() + 86_400_000;
        let numbers: Vec<u64> = (0..number).collect();
        for numbers in numbers.chunks(5_000) {
            let planned: anyhow::Result<Vec<PlannedSubject>> =
                numbers.iter().map(|number| planned(*number, conversation, deadline_ms)).collect();
            self.0.commit_plan(PlannedFrom::default(), &planned?).await?;
        }
        Ok(())
    }

    /// Spans that the intake has received.
    pub async fn received(&self) -> anyhow::Result<i64> {
        Ok(self.0.ledger(0).await?.intake.received)
    }

    /// Now, by the store's clock, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    /// Evaluations without an outcome.
    pub async fn pending(&self) -> anyhow::Result<i64> {
        Ok(self.0.pending_by_judge().await?.values().map(|(number, _)| number).sum())
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.0.close().await;
    }
}

/// The body of the chat completion that the judge of a queued evaluation is asked for.
pub fn judge_request(conversation: &Conversation) -> anyhow::Result<Json> {
    let library = Library::shipped();
    let rubric = library.rubrics.iter().find(|rubric| rubric.name == RUBRIC).context("a shipped rubric is missing")?;
    let prompt = rubric.render(&conversation.content(), "0123456789abcdef0123456789abcdef")?;
    Ok(json!({
        "model": "mock",
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "max_tokens": 1024,
        "temperature": 0.0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": true, "schema": rubric.response_schema()},
        },
    }))
}

fn planned(number: u64, conversation: &Conversation, deadline_ms: i64) -> anyhow::Result<PlannedSubject> {
    let trace_id = TraceId::try_from((u128::from(number) + 1).to_be_bytes().as_slice())?;
    let span_id = SpanId::try_from((number + 1).to_be_bytes().as_slice())?;
    let id = SubjectId::of_generation(trace_id, span_id);
    Ok(PlannedSubject {
        subject: Subject {
            id,
            kind: SubjectKind::Generation,
            trace_id,
            span_id,
            session_id: None,
            start: 1_767_225_599_000_000_000,
            end: 1_767_225_600_000_000_000,
            response_id: Some(format!("chatcmpl-{number}")),
            model: Some("small".to_owned()),
            operation: Some("chat".to_owned()),
            unjudgeable: None,
            segments: [("environment".to_owned(), "production".to_owned())].into(),
            release: crate::model::Release::default(),
            content: conversation.content(),
            cut: CutParts::NONE,
            judged_span: None,
            problems: Vec::new(),
        },
        revision: 0,
        digest: [7; 32],
        evaluations: vec![PlannedEvaluation {
            id: EvaluationId::derive(id, 0, RUBRIC, 1, "default"),
            rubric: RUBRIC.to_owned(),
            version: 1,
            judge: "default".to_owned(),
            outcome: Outcome::Pending,
            reason: None,
            inclusion_probability: Probability::ONE,
            deadline_ms,
        }],
    })
}
