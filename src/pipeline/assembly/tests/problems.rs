//! What weakens an evaluation is stored with its subject and counted, on both databases.

use super::*;
use crate::model::EvaluationId;
use crate::otlp::wire::{InstrumentationScope, Resource};
use crate::store::ProblemCount;

fn every_answer() -> Arc<Rubric> {
    let path = Path::new("rubrics/answer_relevance/v1.md");
    let text = std::fs::read_to_string(path).unwrap();
    Arc::new(Rubric::parse("answer_relevance", 1, path, &text).unwrap())
}

/// A call of which nothing but its form was recorded, in the service `shop`.
fn bare_call(number: u64) -> KeptSpan {
    let resource = Resource { attributes: vec![attribute("service.name", "shop".to_owned())], ..Resource::default() };
    let scope = InstrumentationScope {
        name: "opentelemetry.instrumentation.openai.v1".into(),
        ..InstrumentationScope::default()
    };
    let wire = wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number).as_bytes().to_vec(),
        name: "chat m".into(),
        start_time_unix_nano: number * 1_000,
        end_time_unix_nano: number * 1_000 + 500,
        attributes: vec![attribute("gen_ai.operation.name", "chat".to_owned())],
        ..wire::Span::default()
    };
    let origin = Origin::new(Some(&resource), Some(&scope));
    KeptSpan {
        resource: origin.resource().clone(),
        body: origin.span_to_bytes(&wire),
        ..kept_span(number, number, true)
    }
}

on_both_databases! {
    what_weakens_an_evaluation_is_stored_with_its_subject_and_counted_once(database) {
        let store = &database.store;
        let assembly = Assembly { catalogue: Catalogue::new(vec![every_answer()], Vec::new()), ..assembly(store, 1.0) };
        store.commit_intake(&[batch(1, vec![bare_call(1), bare_call(2), turn(3, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assembly.assemble_due().await.unwrap();

        let subject = SubjectId::of_generation(trace_id(1), span_id(1));
        let id = EvaluationId::derive(subject, 0, "answer_relevance", 1, "default");
        let detail = store.evaluation_detail(id).await.unwrap().unwrap();
        assert_eq!(detail.evaluation.reason.as_deref(), Some("not_captured"));
        let stored = &detail.subject.problems;
        assert_eq!((stored.len(), &*stored[0].code, stored[0].span_id), (1, "not_captured", Some(span_id(1))));
        assert!(stored[0].detail.contains("TRACELOOP_TRACE_CONTENT=true"), "{}", stored[0].detail);

        let counted = [ProblemCount {
            code: "not_captured".into(),
            service: "shop".into(),
            instrumentation: "OpenLLMetry".into(),
            subjects: 2,
        }];
        assert_eq!(store.ledger(0).await.unwrap().problems, counted);
        // Planned again, nothing has changed and nothing is counted.
        store.commit_intake(&[batch(2, vec![plain_late_span(1)], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assert_eq!(assembly.assemble_due().await.unwrap(), 1);
        assert_eq!(store.ledger(0).await.unwrap().problems, counted);
        database.clock.advance(2 * 3_600_000);
        assert_eq!(store.problem_counts(store.now_ms()).await.unwrap(), [], "not in this hour");
    }
}
