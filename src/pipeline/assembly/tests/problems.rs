//! What weakens an evaluation is stored with its subject and counted, on both databases.

use super::*;
use crate::model::{CutPart, CutParts, EvaluationId, Outcome, SubjectKind};
use crate::otlp::wire::{InstrumentationScope, Resource};
use crate::store::{BackfillScope, PastCursor, ProblemCount};

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
    let wire = call_span(number, vec![("gen_ai.operation.name", "chat".to_owned())]);
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
        let assembly = Assembly { catalogue: Catalogue::of(vec![every_answer()]), ..assembly(store, 1.0) };
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

/// A call whose answer ends where a limit cut it.
fn cut_call(number: u64) -> KeptSpan {
    let text =
        |role: &str, text: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
    let attributes = [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.input.messages", text("user", "Why?")),
        ("gen_ai.output.messages", text("assistant", "word ".repeat(200).as_str())),
    ];
    kept_call(number, attributes.into())
}

fn of_the_question() -> Arc<Rubric> {
    let text = "---\ndescription: Is the question polite?\nsubject: generation\nrequires: [input]\n\
                scale: { type: binary, pass: \"yes\", fail: \"no\" }\n---\n\
                {% block system %}\nJudge.\n{{ scale.text }}\n{% endblock %}\n\
                {% block user %}\n{{ fenced(input.text) }}\n{% endblock %}\n";
    Arc::new(Rubric::parse("politeness", 1, Path::new("politeness.md"), text).unwrap())
}

on_both_databases! {
    what_was_cut_is_filtered_where_a_rubric_requires_it_and_judged_with_a_problem_where_not(database) {
        let store = &database.store;
        let rubrics = vec![every_answer(), of_the_question()];
        let filtering = Assembly { catalogue: Catalogue::of(rubrics), ..assembly(store, 1.0) };
        store.commit_intake(&[batch(1, vec![cut_call(1)], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        filtering.assemble_due().await.unwrap();
        let decided = async |rubric: &str, number: u64| {
            let subject = SubjectId::of_generation(trace_id(number), span_id(number));
            let id = EvaluationId::derive(subject, 0, rubric, 1, "default");
            let detail = store.evaluation_detail(id).await.unwrap().unwrap();
            let codes: Vec<String> = detail.subject.problems.into_iter().map(|problem| problem.code).collect();
            (detail.evaluation.outcome, detail.evaluation.reason, codes)
        };
        let text_cut = || vec!["text_cut".to_owned()];
        assert_eq!(decided("answer_relevance", 1).await, (Outcome::Filtered, Some("cut".to_owned()), text_cut()));
        assert_eq!(decided("politeness", 1).await, (Outcome::Pending, None, text_cut()));

        let judging = Assembly { judge_cut: true, ..filtering };
        store.commit_intake(&[batch(2, vec![cut_call(2)], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        judging.assemble_due().await.unwrap();
        assert_eq!(decided("answer_relevance", 2).await, (Outcome::Pending, None, text_cut()));

        let scope = BackfillScope {
            rubric: "later".into(),
            version: 1,
            judge: "default".into(),
            kind: SubjectKind::Generation,
            since_ms: 0,
            until_ms: i64::MAX,
            labelled: false,
            again: false,
        };
        let (past, _) = store.past_subjects(&scope, PastCursor::start_of(&scope), 10).await.unwrap();
        let kept: Vec<CutParts> = past.iter().map(|past| past.subject.cut).collect();
        assert_eq!(kept, [CutParts::from(CutPart::Output); 2], "a backfill decides by the same");
    }
}
