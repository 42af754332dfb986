//! The rate changes while traces are under way: what is judged still stands for all there was, and no trace is halved.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use crate::config::privacy::PrivacyConfig;
use crate::config::{SamplingConfig, SegmentConfig};
use crate::lifecycle::sampling::take_up;
use crate::model::{Outcome, Probability, TraceId};
use crate::otlp::{Encoding, Signal, wire};
use crate::pipeline::assembly::{Assembly, TraceSampling};
use crate::pipeline::intake::metrics::Transport;
use crate::pipeline::intake::{Description, Intake};
use crate::privacy::{PlaceholderKey, Redactor, SharedRedactor};
use crate::rubrics::{Catalogue, Rubric};
use crate::sampling::Sampler;
use crate::store::{EvaluationFilter, SettleTimes, Store};
use crate::telemetry::Metrics;
use crate::testing::databases::{Database, START_MS};
use crate::testing::on_both_databases;
use crate::testing::records::{attribute, span_id, trace_id};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10_000, max_wait_ms: 120_000 };
/// Traces of each kind: as many as it takes to see a total that is wrong by a half.
const TRACES: u64 = 600;
/// The change comes this long after the beginning.
const CHANGE_MS: i64 = 1_000;

/// How the spans of a trace lie around the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The answer came before, its root after.
    AnsweredBefore,
    /// Something came before, the answer and the root after.
    AnsweredAfter,
    /// The same, but the root never comes.
    Rootless,
    /// It began before; everything came after.
    Arriving,
    /// It began after.
    New,
}

const KINDS: [Kind; 5] = [Kind::AnsweredBefore, Kind::AnsweredAfter, Kind::Rootless, Kind::Arriving, Kind::New];

/// The spans of a trace: something small, the answer, and their root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Small,
    Answer,
    Root,
}

impl Kind {
    fn parts(self) -> &'static [Part] {
        if self == Self::Rootless { &[Part::Small, Part::Answer] } else { &[Part::Small, Part::Answer, Part::Root] }
    }

    fn comes_before(self, part: Part) -> bool {
        match self {
            Self::AnsweredBefore => part != Part::Root,
            Self::AnsweredAfter | Self::Rootless => part == Part::Small,
            Self::Arriving | Self::New => false,
        }
    }

    /// The moment at which a part began, from the beginning.
    fn began_ms(self, part: Part) -> i64 {
        match (self, part) {
            (Self::New, _) => CHANGE_MS + 100,
            (Self::Rootless, Part::Answer) => CHANGE_MS + 100,
            (_, Part::Root) => 100,
            (Self::AnsweredAfter, Part::Answer) => CHANGE_MS + 100,
            _ => 200,
        }
    }
}

fn number(kind: Kind, trace: u64) -> u64 {
    kind as u64 * TRACES + trace
}

fn kind_of(id: TraceId) -> Kind {
    let number = u128::from_be_bytes(*id.as_bytes()) as u64 - 1;
    KINDS[(number / TRACES) as usize]
}

fn span(kind: Kind, trace: u64, part: Part) -> wire::Span {
    let number = number(kind, trace);
    let text = |role: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"turn {number}"}}]}}]"#);
    let attributes = match part {
        Part::Answer => vec![
            ("gen_ai.operation.name", "chat".to_owned()),
            ("gen_ai.request.model", "m".to_owned()),
            ("gen_ai.input.messages", text("user")),
            ("gen_ai.output.messages", text("assistant")),
        ],
        Part::Small | Part::Root => vec![("component", "router".to_owned())],
    };
    let id = |part: Part| span_id(number * 3 + part as u64).as_bytes().to_vec();
    let start_time_unix_nano = (START_MS + kind.began_ms(part)) as u64 * 1_000_000;
    wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: id(part),
        parent_span_id: if part == Part::Root { Vec::new() } else { id(Part::Root) },
        name: "work".into(),
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + 50_000_000,
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..wire::Span::default()
    }
}

fn rubric() -> Arc<Rubric> {
    let path = "rubrics/answer_relevance/v1.md";
    let text = std::fs::read_to_string(path).unwrap();
    Arc::new(Rubric::parse("answer_relevance", 1, Path::new(path), &text).unwrap())
}

fn config(rate: f64) -> SamplingConfig {
    SamplingConfig { rate: Probability::try_from(rate).unwrap(), ..SamplingConfig::default() }
}

/// A worker with a way in and assembly.
struct Worker {
    store: Store,
    intake: Arc<Intake>,
    assembly: Assembly,
}

impl Worker {
    async fn start(store: Store, rate: f64) -> Self {
        let redactor =
            Redactor::from_config(&PrivacyConfig::default(), &PlaceholderKey::Shared(b"key".to_vec().into()));
        let taken_up = take_up(&store, &config(rate), "salt", None, TIMES.max_wait_ms).await.unwrap();
        let (intake, committer) = Intake::new(Arc::new(store.clone()), taken_up, Arc::new(redactor.unwrap()), TIMES);
        tokio::spawn(committer.run());
        let max_wait = Duration::from_millis(TIMES.max_wait_ms as u64);
        let sampler = Arc::new(Sampler::from_config(&config(rate), "salt").unwrap());
        let assembly = Assembly {
            store: store.clone(),
            catalogue: Catalogue::of(vec![rubric()]),
            sampling: Arc::new(TraceSampling::new(store.clone(), "salt".to_owned(), max_wait, sampler)),
            segments: Arc::new(SegmentConfig::default()),
            session_idle: Duration::from_mins(30),
            deadline: Duration::from_hours(1),
            lease: Duration::from_mins(1),
            judge_cut: false,
            redactor: SharedRedactor::of_defaults(),
            metrics: Metrics::default(),
        };
        Self { store, intake, assembly }
    }

    async fn change_to(&self, rate: f64) {
        let leaves = self.intake.sampling_version();
        let taken_up = take_up(&self.store, &config(rate), "salt", leaves, TIMES.max_wait_ms).await.unwrap();
        self.intake.set_sampling(taken_up);
    }

    /// Sends what comes before the change, or what comes after it, in several requests.
    async fn send(&self, before: bool) {
        for part in [Part::Small, Part::Answer, Part::Root] {
            for kind in KINDS {
                if !kind.parts().contains(&part) || kind.comes_before(part) != before {
                    continue;
                }
                for first in (0..TRACES).step_by(200) {
                    let spans = (first..first + 200).map(|trace| span(kind, trace, part)).collect();
                    let scope_spans = vec![wire::ScopeSpans { spans, ..wire::ScopeSpans::default() }];
                    let request = wire::ExportTraceServiceRequest {
                        resource_spans: vec![wire::ResourceSpans { scope_spans, ..wire::ResourceSpans::default() }],
                    };
                    let description = Description::Stated(Signal::Traces, Encoding::Protobuf);
                    self.intake
                        .accept_bytes(Transport::Http, description, request.encode_to_vec().into())
                        .await
                        .unwrap();
                }
            }
        }
    }

    /// What is to be judged: each trace with its probability.
    async fn drawn(&self) -> BTreeMap<TraceId, f64> {
        while self.assembly.assemble_due().await.unwrap() > 0 {}
        let filter = EvaluationFilter { outcome: Some(Outcome::Pending), ..EvaluationFilter::default() };
        let (mut drawn, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.store.evaluation_page(&filter, after, 500, Duration::MAX).await.unwrap().evaluations;
            let Some(last) = page.last() else { return drawn };
            after = Some(last.cursor());
            drawn.extend(page.iter().map(|one| (one.trace_id, one.inclusion_probability)));
        }
    }
}

/// Every kind's total, weighted by the probabilities, is the number there was; and every trace that is judged is whole.
async fn stands_for_all(worker: &Worker, rates: &[f64]) {
    let drawn = worker.drawn().await;
    for kind in KINDS {
        let weights: Vec<f64> = drawn.iter().filter(|(id, _)| kind_of(**id) == kind).map(|(_, p)| 1.0 / p).collect();
        let total: f64 = weights.iter().sum();
        let lowest = rates.iter().copied().fold(1.0, f64::min);
        let deviation = (TRACES as f64 * (1.0 - lowest) / lowest).sqrt();
        assert!(
            (total - TRACES as f64).abs() < 4.0 * deviation,
            "{kind:?}: {total} of {TRACES}, {} drawn",
            weights.len()
        );
    }
    let ids: Vec<TraceId> = drawn.keys().copied().collect();
    for ids in ids.chunks(100) {
        for (id, records) in ids.iter().zip(worker.store.trace_records(ids).await.unwrap()) {
            assert_eq!(records.spans.len(), kind_of(*id).parts().len(), "{:?} is judged and not whole", kind_of(*id));
        }
    }
}

async fn the_rate_changes(database: &Database, from: f64, to: f64) {
    let worker = Worker::start(database.store.clone(), from).await;
    worker.send(true).await;
    database.clock.advance(CHANGE_MS);
    worker.change_to(to).await;
    database.clock.advance(1_000);
    worker.send(false).await;
    database.clock.advance(TIMES.max_wait_ms);
    stands_for_all(&worker, &[from, to]).await;
}

on_both_databases! {
    a_higher_rate_takes_only_traces_of_which_nothing_was_left_out(database) {
        the_rate_changes(&database, 0.2, 0.6).await;
    }
}

on_both_databases! {
    a_lower_rate_keeps_every_span_of_a_trace_that_was_kept(database) {
        the_rate_changes(&database, 0.6, 0.2).await;
    }
}

on_both_databases! {
    a_restart_with_another_rate_is_a_change_like_any_other(database) {
        let before = Worker::start(database.store.clone(), 0.2).await;
        before.send(true).await;
        database.clock.advance(CHANGE_MS);
        drop(before);
        let after = Worker::start(database.another_worker().await, 0.6).await;
        database.clock.advance(1_000);
        after.send(false).await;
        database.clock.advance(TIMES.max_wait_ms);
        stands_for_all(&after, &[0.2, 0.6]).await;
    }
}

on_both_databases! {
    /// One worker comes to the change five seconds after the other, with traces of which both get spans.
    workers_may_come_to_a_change_one_after_the_other(database) {
        let first = Worker::start(database.store.clone(), 0.2).await;
        let second = Worker::start(database.another_worker().await, 0.2).await;
        database.clock.advance(CHANGE_MS);
        first.change_to(0.6).await;
        second.send(true).await;
        database.clock.advance(5_000);
        second.change_to(0.6).await;
        database.clock.advance(1_000);
        first.send(false).await;
        database.clock.advance(TIMES.max_wait_ms);
        stands_for_all(&first, &[0.2, 0.6]).await;
    }
}

on_both_databases! {
    two_changes_at_short_intervals_halve_no_trace(database) {
        let worker = Worker::start(database.store.clone(), 0.6).await;
        worker.send(true).await;
        worker.change_to(0.2).await;
        database.clock.advance(CHANGE_MS);
        worker.change_to(0.4).await;
        database.clock.advance(1_000);
        worker.send(false).await;
        database.clock.advance(TIMES.max_wait_ms);
        stands_for_all(&worker, &[0.6, 0.2, 0.4]).await;
    }
}
