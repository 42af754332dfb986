//! From committed spans to planned evaluations, on both databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::SegmentConfig;
use crate::config::sampling::SamplingConfig;
use crate::model::Probability;
use crate::otlp::{Origin, wire};
use crate::pipeline::assembly::Assembly;
use crate::rubrics::{Catalogue, Rubric};
use crate::sampling::Sampler;
use crate::store::{EvaluationAccount, KeptSpan, SettleTimes, Store};
use crate::telemetry::Metrics;

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
    let wire = wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number).as_bytes().to_vec(),
        name: "chat m".into(),
        start_time_unix_nano: number * 1_000,
        end_time_unix_nano: number * 1_000 + 500,
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..wire::Span::default()
    };
    KeptSpan { body: Origin::default().span_to_bytes(&wire), ..kept_span(number, number, true) }
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
        catalogue: Catalogue::new(vec![conversation_quality()], Vec::new()),
        sampler: Arc::new(Sampler::from_config(&sampling, "judged").unwrap()),
        segments: Arc::new(SegmentConfig::default()),
        session_idle: IDLE,
        deadline: Duration::from_hours(1),
        lease: Duration::from_mins(1),
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
