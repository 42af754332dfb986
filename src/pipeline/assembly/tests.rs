//! From committed spans to planned evaluations, on both databases.

mod completeness;
mod cut_captures;
mod damage;
mod problems;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::SegmentConfig;
use crate::config::sampling::SamplingConfig;
use crate::conventions::testing::{SpanBuilder, log};
use crate::model::{LogRecord, Outcome, Probability, READING_REVISION, Span, Subject, SubjectId, Value};
use crate::otlp::{Origin, wire};
use crate::pipeline::assembly::{Assembly, TraceSampling};
use crate::privacy::SharedRedactor;
use crate::rubrics::{Catalogue, Rubric};
use crate::sampling::Sampler;
use crate::store::{EvaluationAccount, EvaluationFilter, KeptSpan, SettleTimes, Store};
use crate::telemetry::Metrics;

use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::{attribute, batch, kept_span, span_id, trace_id};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10, max_wait_ms: 100 };
const IDLE: Duration = Duration::from_mins(30);

/// One turn of a conversation: a trace of one model call.
fn turn(number: u64, session: &str) -> KeptSpan {
    let text = |role: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"turn {number}"}}]}}]"#);
    let attributes = [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.request.model", "m".to_owned()),
        ("gen_ai.conversation.id", session.to_owned()),
        ("gen_ai.input.messages", text("user")),
        ("gen_ai.output.messages", text("assistant")),
    ];
    kept_call(number, attributes.into())
}

/// A trace of one model call with these attributes.
fn kept_call(number: u64, attributes: Vec<(&str, String)>) -> KeptSpan {
    let body = Origin::default().span_to_bytes(&call_span(number, attributes));
    KeptSpan { body, ..kept_span(number, number, true) }
}

fn call_span(number: u64, attributes: Vec<(&str, String)>) -> wire::Span {
    wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number).as_bytes().to_vec(),
        name: "chat m".into(),
        start_time_unix_nano: number * 1_000,
        end_time_unix_nano: number * 1_000 + 500,
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..wire::Span::default()
    }
}

fn conversation_quality() -> Arc<Rubric> {
    let path = Path::new("rubrics/conversation_quality/v1.md");
    let text = std::fs::read_to_string(path).unwrap();
    Arc::new(Rubric::parse("conversation_quality", 1, path, &text).unwrap())
}

fn assembly(store: &Store, rate: f64) -> Assembly {
    let sampling = SamplingConfig { rate: Probability::try_from(rate).unwrap(), ..SamplingConfig::default() };
    Assembly {
        store: store.clone(),
        catalogue: Catalogue::of(vec![conversation_quality()]),
        sampling: {
            let sampler = Arc::new(Sampler::from_config(&sampling, "judged").unwrap());
            Arc::new(TraceSampling::new(store.clone(), "judged".to_owned(), Duration::from_millis(100), sampler))
        },
        segments: Arc::new(SegmentConfig::default()),
        session_idle: IDLE,
        deadline: Duration::from_hours(1),
        lease: Duration::from_mins(1),
        judge_cut: false,
        redactor: SharedRedactor::of_defaults(),
        metrics: Metrics::default(),
    }
}

async fn account(store: &Store) -> EvaluationAccount {
    let ledger = store.ledger(0).await.unwrap();
    assert!(ledger.balanced);
    ledger.rubrics.into_iter().next().expect("the session was planned")
}

on_both_databases! {
    a_conversation_is_judged_once_it_falls_silent_and_again_when_it_goes_on(database) {
        let store = &database.store;
        let assembly = assembly(store, 1.0);
        let idle_ms = IDLE.as_millis() as i64;
        store.commit_intake(&[batch(1, vec![turn(1, "s"), turn(2, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assert_eq!(assembly.assemble_due().await.unwrap(), 2);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 0, "the user may go on");

        database.clock.advance(idle_ms);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 1);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 0, "nothing new came");
        let first = account(store).await;
        assert_eq!((first.subjects, first.pending, first.superseded), (1, 1, 0));

        store.commit_intake(&[batch(2, vec![turn(3, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        database.clock.advance(idle_ms);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 1);
        let second = account(store).await;
        assert_eq!((second.subjects, second.pending, second.superseded), (2, 1, 1));
    }
}

on_both_databases! {
    a_conversation_of_which_the_gate_kept_a_share_is_not_judged(database) {
        let assembly = assembly(&database.store, 0.5);
        database.store.commit_intake(&[batch(1, vec![turn(1, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        database.clock.advance(IDLE.as_millis() as i64);
        assembly.assemble_due_sessions().await.unwrap();
        let account = account(&database.store).await;
        assert_eq!(account.filtered, BTreeMap::from([("session_sampled".to_owned(), 1)]));
    }
}

on_both_databases! {
    what_no_database_would_take_as_text_is_taken(database) {
        let assembly = assembly(&database.store, 1.0);
        let hostile = format!("\0{}", "ä".repeat(5000));
        database.store.commit_intake(&[batch(1, vec![turn(1, &hostile), turn(2, &hostile)], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        database.clock.advance(IDLE.as_millis() as i64);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 1, "the two are one conversation");
        assert_eq!(account(&database.store).await.pending, 1);
    }
}

/// A span below the call of `turn(number, …)`, which came late.
fn late_span(number: u64, attributes: &[(&str, &str)]) -> KeptSpan {
    let wire = wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number + 500).as_bytes().to_vec(),
        parent_span_id: span_id(number).as_bytes().to_vec(),
        name: "late".into(),
        start_time_unix_nano: number * 1_000 + 100,
        end_time_unix_nano: number * 1_000 + 200,
        attributes: attributes.iter().map(|(key, value)| attribute(key, (*value).to_owned())).collect(),
        ..wire::Span::default()
    };
    KeptSpan { body: Origin::default().span_to_bytes(&wire), ..kept_span(number, number + 500, false) }
}

/// It says nothing that a judge is shown.
fn plain_late_span(number: u64) -> KeptSpan {
    late_span(number, &[("http.request.method", "GET")])
}

/// It is a step of the trace.
fn tool_late_span(number: u64) -> KeptSpan {
    late_span(number, &[("gen_ai.operation.name", "execute_tool"), ("gen_ai.tool.name", "search")])
}

fn steps_of_a_trace() -> Arc<Rubric> {
    let text = "---\ndescription: Were the steps needed?\nsubject: trace\nrequires: [output]\n\
                scale: { type: binary, pass: \"yes\", fail: \"no\" }\n---\n\
                {% block system %}\nJudge.\n{{ scale.text }}\n{% endblock %}\n\
                {% block user %}\n{{ fenced(output.text) }}\n{% endblock %}\n";
    Arc::new(Rubric::parse("steps", 1, Path::new("steps.md"), text).unwrap())
}

on_both_databases! {
    /// Scenario: rates are lowered so that a budget lasts, and later not any more. Guarantee: fewer answers are judged, drawn by the same number
    /// as ever and stored with their true probability, so that they stand for all.
    what_is_lowered_is_drawn_by_the_same_number_and_recorded(database) {
        const TRACES: u64 = 60;
        let store = &database.store;
        let assembly = Assembly { catalogue: Catalogue::of(vec![steps_of_a_trace()]), ..assembly(store, 0.8) };
        let quarter = Probability::try_from(0.25).unwrap();
        let factors = [(("steps".to_owned(), "default".to_owned()), quarter)].into();
        store.put_rate_factors(&factors, store.now_ms() + 1_000).await.unwrap();
        let drawn_with = |number: u64| KeptSpan { u: number as f64 / TRACES as f64, ..turn(number + 1, "s") };
        let spans = (0..TRACES).map(drawn_with).collect();
        store.commit_intake(&[batch(1, spans, 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        let filter = EvaluationFilter { outcome: Some(Outcome::Pending), ..EvaluationFilter::default() };
        let drawn = store.evaluation_page(&filter, None, 500, Duration::MAX).await.unwrap().evaluations;
        assert!(drawn.iter().all(|one| (one.inclusion_probability - 0.2).abs() < 1e-9));
        assert_eq!(drawn.len(), 12, "those whose number lies below 0.2");
        database.clock.advance(60_000);
        store.commit_intake(&[batch(2, vec![turn(1_000, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        let all = store.evaluation_page(&filter, None, 500, Duration::MAX).await.unwrap().evaluations;
        let newest = all.iter().find(|one| one.trace_id == trace_id(1_000)).unwrap();
        assert!((newest.inclusion_probability - 0.8).abs() < 1e-9, "it is not in force any more");
    }
}

/// Which release has stored a subject before its late span came.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    ThisReading,
    /// A release that kept no revisions, and made something else of the spans.
    EarlierRelease,
    /// A release with another revision, which made something else of the spans.
    OtherRevision,
}

impl Before {
    const ALL: [Self; 3] = [Self::ThisReading, Self::EarlierRelease, Self::OtherRevision];

    async fn stored(self, database: &Database) {
        match self {
            Self::ThisReading => {}
            Self::EarlierRelease => database.stored_by_another_reading(None).await,
            Self::OtherRevision => database.stored_by_another_reading(Some(i64::from(READING_REVISION) + 1)).await,
        }
    }
}

on_both_databases! {
    a_late_span_supersedes_what_it_changes_and_an_upgrade_supersedes_nothing(database) {
        let store = &database.store;
        let assembly = Assembly { catalogue: Catalogue::of(vec![steps_of_a_trace()]), ..assembly(store, 1.0) };
        let (mut digest, mut superseded) = (0, 0);
        for (index, before) in Before::ALL.into_iter().enumerate() {
            for (late, changes) in [(plain_late_span as fn(u64) -> KeptSpan, 0), (tool_late_span, 1)] {
                let number = 10 * (index as u64 + 1) + changes as u64;
                store.commit_intake(&[batch(digest, vec![turn(number, "s")], 0)], TIMES).await.unwrap();
                database.clock.advance(100);
                assembly.assemble_due().await.unwrap();
                before.stored(&database).await;
                database.clock.advance(1_000);
                store.commit_intake(&[batch(digest + 1, vec![late(number)], 0)], TIMES).await.unwrap();
                database.clock.advance(100);
                assert_eq!(assembly.assemble_due().await.unwrap(), 1);
                digest += 2;
                superseded += changes;
                assert_eq!(account(store).await.superseded, superseded, "{before:?}, a span that changes {changes}");
            }
        }
    }
}

on_both_databases! {
    what_one_reading_superseded_is_compared_by_its_digest_from_then_on(database) {
        let store = &database.store;
        let assembly = Assembly { catalogue: Catalogue::of(vec![steps_of_a_trace()]), ..assembly(store, 1.0) };
        store.commit_intake(&[batch(1, vec![turn(1, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        database.stored_by_another_reading(None).await;
        let id = SubjectId::of_trace(trace_id(1));
        assert_eq!(store.stored_subjects(&[id]).await.unwrap()[&id].reading, None);
        store.commit_intake(&[batch(2, vec![tool_late_span(1)], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();
        let stored = &store.stored_subjects(&[id]).await.unwrap()[&id];
        assert_eq!((stored.revision, stored.reading), (1, Some(READING_REVISION)));
    }
}

on_both_databases! {
    a_conversation_that_another_reading_stored_is_judged_again_only_when_it_goes_on(database) {
        let store = &database.store;
        let assembly = assembly(store, 1.0);
        let idle_ms = IDLE.as_millis() as i64;
        let mut request = 0;
        let mut came = async |spans: Vec<KeptSpan>| {
            request += 1;
            store.commit_intake(&[batch(request, spans, 0)], TIMES).await.unwrap();
            database.clock.advance(100);
            assembly.assemble_due().await.unwrap();
            database.clock.advance(idle_ms);
            assembly.assemble_due_sessions().await.unwrap();
            account(store).await.superseded
        };
        assert_eq!(came(vec![turn(1, "s")]).await, 0);
        database.stored_by_another_reading(None).await;
        assert_eq!(came(vec![tool_late_span(1)]).await, 0, "the turn says what it said");
        assert_eq!(came(vec![turn(2, "s")]).await, 1);
    }
}

/// Spans of three conventions and log records, whose subjects show most of what a reading makes of them.
fn fixed_records() -> (Vec<Span>, Vec<LogRecord>) {
    let messages =
        |role: &str, text: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
    let root = SpanBuilder::new("POST /ask").id(1).times(0, 9_000).with("session.id", "s").with("user.id", "u");
    let agent = SpanBuilder::new("invoke_agent support")
        .id(2)
        .parent(1)
        .times(100, 8_000)
        .with("gen_ai.operation.name", "invoke_agent")
        .with("gen_ai.agent.name", "support");
    let asked = format!(
        r#"[{{"role":"system","parts":[{{"type":"text","content":"Be brief."}}]}},{}"#,
        &messages("user", "Where is my parcel?")[1..]
    );
    let call = SpanBuilder::new("chat m")
        .id(3)
        .parent(2)
        .times(200, 3_000)
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.request.model", "m")
        .with("gen_ai.input.messages", asked.as_str())
        .with(
            "gen_ai.output.messages",
            r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"track","arguments":{"parcel":7}}]}]"#,
        );
    let tool = SpanBuilder::new("execute_tool track")
        .id(4)
        .parent(2)
        .times(3_000, 4_000)
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.tool.name", "track")
        .with("gen_ai.tool.call.arguments", r#"{"parcel":7}"#)
        .with("gen_ai.tool.call.result", "in Graz");
    let retrieval = SpanBuilder::new("retrieve")
        .id(5)
        .parent(2)
        .times(4_000, 5_000)
        .with("openinference.span.kind", "RETRIEVER")
        .with("input.value", "parcels in Graz")
        .with("retrieval.documents.0.document.id", "kb-1")
        .with("retrieval.documents.0.document.content", "Graz delivers on Tuesdays.");
    let answer = SpanBuilder::new("ChatCompletion")
        .id(6)
        .parent(2)
        .times(5_000, 6_000)
        .with("openinference.span.kind", "LLM")
        .with("llm.model_name", "m")
        .with("llm.input_messages.0.message.role", "user")
        .with("llm.input_messages.0.message.content", "Where is my parcel?")
        .with("llm.output_messages.0.message.role", "assistant")
        .with("llm.output_messages.0.message.content", "In Graz, due on Tuesday.");
    let twin = SpanBuilder::new("openai.chat")
        .id(7)
        .parent(6)
        .times(5_100, 5_900)
        .with("llm.request.type", "chat")
        .with("gen_ai.prompt.0.role", "user")
        .with("gen_ai.prompt.0.content", "Where is my parcel?")
        .with("gen_ai.completion.0.role", "assistant")
        .with("gen_ai.completion.0.content", "In Graz, due on Tuesday.");
    let failed = SpanBuilder::new("chat n").id(8).parent(2).times(6_000, 7_000).with("gen_ai.operation.name", "chat");
    let spans = [root, agent, call, tool, retrieval, answer, twin, failed.failed("429")];
    let said = Value::Map(vec![("content".into(), "Hello?".into())]);
    (spans.map(SpanBuilder::build).into(), vec![log("gen_ai.user.message", said, &[])])
}

/// Spans of which something was lost, or that tell more than what was asked and answered.
fn incomplete_records() -> Vec<Span> {
    let chat = |id: u16| {
        let start = 1_000 * u64::from(id);
        let call = SpanBuilder::new("chat m").id(id).parent(1).times(start, start + 900);
        call.with("gen_ai.operation.name", "chat").with("gen_ai.request.model", "m")
    };
    let said = |text: &str| format!(r#"[{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
    let asked = r#"[{"role":"user","parts":[{"type":"text","content":"How long is the warranty?"}]}]"#;
    let root = SpanBuilder::new("invoke_agent").id(1).times(0, 99_000).with("gen_ai.operation.name", "invoke_agent");
    let cut = chat(2).with("gen_ai.prompt", "Why?").with("gen_ai.completion", "word ".repeat(40));
    let dropped = chat(3).with("gen_ai.output.messages", said("Two years."));
    let dropped = dropped.dropped(crate::model::Dropped { attributes: 3, ..Default::default() });
    let broken = chat(4).with("gen_ai.input.messages", asked).with("gen_ai.output.messages", &said("Two")[..40]);
    let thinking = chat(5).with("gen_ai.input.messages", asked);
    let thinking = thinking.with("gen_ai.output.messages", said("<think>They ask.</think>Two years."));
    let choices = SpanBuilder::new("openai.chat")
        .id(6)
        .parent(1)
        .times(6_000, 6_900)
        .with("llm.request.type", "chat")
        .with("gen_ai.prompt.0.role", "user")
        .with("gen_ai.prompt.0.content", "How long?")
        .with("gen_ai.completion.0.role", "assistant")
        .with("gen_ai.completion.0.content", "Two years.")
        .with("gen_ai.completion.1.role", "assistant")
        .with("gen_ai.completion.1.content", "24 months.")
        .with("gen_ai.completion.0.finish_reason", "stop")
        .with("gen_ai.completion.1.finish_reason", "stop");
    let masked = chat(7).with("gen_ai.input.messages", asked).with("gen_ai.output.messages", said("[REDACTED]"));
    let tool = |id: u16, parent: u16| {
        let ran = SpanBuilder::new("tools/call terms").id(id).parent(parent).times(8_000, 8_900 - u64::from(id));
        ran.with("gen_ai.operation.name", "execute_tool").with("gen_ai.tool.name", "terms")
    };
    let client = tool(8, 1).with("gen_ai.tool.call.arguments", r#"{"of":"kettle"}"#);
    let server = tool(9, 8).with("mcp.method.name", "tools/call").with("gen_ai.tool.call.result", "two years");
    let number = chat(10).with("input.value", "7 * 6?").with("output.value", 42);
    [root, cut, dropped, broken, thinking, choices, masked, client, server, number].map(SpanBuilder::build).into()
}

fn codes(subject: &Subject) -> Vec<&'static str> {
    subject.problems.iter().map(|found| found.problem.code.as_str()).collect()
}

#[test]
fn what_is_read_from_fixed_spans_is_pinned() {
    let (spans, logs) = fixed_records();
    let records = [(spans, logs), (incomplete_records(), Vec::new())];
    let traces = records.map(|(spans, logs)| super::trace::assemble(spans, logs));
    let of = |trace| super::subjects::subjects(trace, &SegmentConfig::default());
    let subjects: Vec<_> = traces.iter().flat_map(of).collect();
    let shown: Vec<_> = subjects
        .iter()
        .map(|one| (one.kind, &one.unjudgeable, &one.operation, one.cut, codes(one), &one.content))
        .collect();
    let shown = serde_json::to_string_pretty(&shown).unwrap();
    let digest = Sha256::digest(&shown);
    assert_eq!(
        (READING_REVISION, hex(&digest[..8])),
        (2, "ffbc3b1c91f79abf".to_owned()),
        "the same spans are read differently than under this revision: raise model::READING_REVISION, then this \
         expectation. Read:\n{shown}"
    );
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}
