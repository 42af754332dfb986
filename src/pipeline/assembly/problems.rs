//! What weakens an evaluation of a subject, gathered from the spans that it is made of.

use std::collections::HashSet;

use super::assembled_trace::AssembledTrace;
use crate::conventions::ContentSwitch;
use crate::model::{ContentState, CutPart, Emitter, Problem, ProblemCode, Span, Step, Subject, SubjectProblem};

/// Problems that are kept of one subject: a trace may have some for each of very many spans.
const MAX_PROBLEMS: usize = 32;

/// What is wrong with the generation at `at`, and why its answer is not there.
pub(super) fn of_generation(trace: &AssembledTrace, at: usize) -> Vec<SubjectProblem> {
    bounded(of_step(trace, at))
}

/// What is wrong with the trace as a whole and with any of its steps. Those of its generations are counted there.
pub(super) fn of_trace(trace: &AssembledTrace, root: usize) -> Vec<SubjectProblem> {
    let whole = trace.problems.iter().map(|problem| SubjectProblem {
        problem: problem.clone(),
        span: None,
        emitter: emitter(&trace.spans[root], &trace.steps[root]),
        is_repeated: false,
    });
    let of_steps = (0..trace.steps.len()).flat_map(|at| {
        let is_repeated = trace.steps[at].is_live_generation();
        of_step(trace, at).map(move |found| SubjectProblem { is_repeated, ..found })
    });
    bounded(whole.chain(of_steps))
}

/// What is wrong with any turn of a conversation.
pub(super) fn of_session(turns: &[&Subject]) -> Vec<SubjectProblem> {
    let all = turns.iter().flat_map(|turn| &turn.problems);
    bounded(all.map(|found| SubjectProblem { is_repeated: true, ..found.clone() }))
}

/// The first of each, up to the bound; what is counted comes before what other subjects are counted for.
fn bounded(found: impl Iterator<Item = SubjectProblem>) -> Vec<SubjectProblem> {
    let (own, repeated): (Vec<_>, Vec<_>) = found.partition(|found| !found.is_repeated);
    let mut seen = HashSet::new();
    let all = own.into_iter().chain(repeated);
    all.filter(|found| seen.insert((found.problem.clone(), found.span))).take(MAX_PROBLEMS).collect()
}

fn of_step(trace: &AssembledTrace, at: usize) -> impl Iterator<Item = SubjectProblem> {
    let (span, step) = (&trace.spans[at], &trace.steps[at]);
    let absent = absent_answer(span, step);
    step.problems.iter().cloned().chain(absent).map(|problem| SubjectProblem {
        problem,
        span: Some(step.span_id),
        emitter: emitter(span, step),
        is_repeated: false,
    })
}

/// Why the answer of a call that did not fail is not there.
fn absent_answer(span: &Span, step: &Step) -> Option<Problem> {
    if !step.is_live_generation() || step.error.is_some() {
        return None;
    }
    match step.content {
        ContentState::Captured | ContentState::Empty => None,
        // What took it away is among the step's own problems.
        ContentState::NotCaptured if step.cut.contains(CutPart::Output) => None,
        ContentState::NotCaptured => Some(Problem::new(ProblemCode::NotCaptured, ContentSwitch::advice(span, step))),
        ContentState::Redacted => Some(Problem::new(ProblemCode::Redacted, "the answer is a mask")),
        ContentState::Reference => Some(Problem::new(ProblemCode::Reference, "the span only refers to the answer")),
    }
}

fn emitter(span: &Span, step: &Step) -> Emitter {
    let service = span.resource.attributes.str("service.name").unwrap_or_default().to_owned();
    Emitter { service, instrumentation: ContentSwitch::of(span, step.convention.as_deref()).instrumentation }
}

#[cfg(test)]
mod tests {
    use super::super::subjects::subjects;
    use super::super::trace::assemble;
    use super::*;
    use crate::config::SegmentConfig;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::Dropped;

    fn of(spans: Vec<SpanBuilder>) -> Vec<Subject> {
        let trace = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new());
        subjects(&trace, &SegmentConfig::default())
    }

    fn codes(subject: &Subject) -> Vec<(ProblemCode, bool)> {
        subject.problems.iter().map(|found| (found.problem.code, found.is_repeated)).collect()
    }

    #[test]
    fn a_generation_without_an_answer_names_its_service_and_its_switch() {
        let call = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").resource("service.name", "shop");
        let found = of(vec![call.scope("opentelemetry.instrumentation.openai.v1")]);
        let problem = &found[0].problems[0];
        assert_eq!(problem.problem.code, ProblemCode::NotCaptured);
        assert!(problem.problem.detail.contains("TRACELOOP_TRACE_CONTENT=true"), "{}", problem.problem.detail);
        assert_eq!((&*problem.emitter.service, problem.emitter.instrumentation), ("shop", "OpenLLMetry"));
    }

    #[test]
    fn a_question_without_its_answer_is_not_put_down_to_the_switch() {
        let call = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").with("gen_ai.prompt", "Why?");
        let found = of(vec![call]);
        assert!(found[0].problems[0].problem.detail.contains("the question was recorded"));
    }

    #[test]
    fn what_a_generation_is_counted_for_its_trace_shows_without_being_counted() {
        let root = SpanBuilder::new("POST /ask").id(9).times(0, 9_000);
        let call = SpanBuilder::new("chat").id(1).parent(9).with("gen_ai.operation.name", "chat");
        let tool = SpanBuilder::new("execute_tool").id(2).parent(9).with("gen_ai.operation.name", "execute_tool");
        let tool = tool.dropped(Dropped { events: 3, ..Dropped::default() });
        let found = of(vec![root, call, tool]);
        assert_eq!(codes(&found[0]), [(ProblemCode::NotCaptured, false)]);
        assert_eq!(codes(&found[1]), [(ProblemCode::EventsDropped, false), (ProblemCode::NotCaptured, true)]);
    }

    #[test]
    fn an_older_question_does_not_stand_in_for_a_masked_one() {
        let asked = |last: &str| {
            let said = |role: &str, text: &str| {
                format!(r#"{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}"#)
            };
            let messages = [said("user", "First?"), said("assistant", "One."), said("user", last)].join(",");
            let call = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat");
            let call = call.with("gen_ai.input.messages", format!("[{messages}]"));
            of(vec![call.with("gen_ai.output.messages", format!("[{}]", said("assistant", "Two.")))]).remove(0)
        };
        assert_eq!(asked("Then?").content.input.as_deref(), Some("Then?"));
        let masked = asked("[REDACTED]");
        assert_eq!((masked.content.input.as_deref(), codes(&masked)), (None, vec![(ProblemCode::Redacted, false)]));
    }

    #[test]
    fn very_many_problems_are_bounded() {
        let calls = (1..=100).map(|id| SpanBuilder::new("chat").id(id).with("gen_ai.operation.name", "chat"));
        assert_eq!(of(calls.collect()).last().map(|trace| trace.problems.len()), Some(MAX_PROBLEMS));
    }
}
