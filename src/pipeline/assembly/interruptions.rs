//! Answers that the reader broke off: the model's span looks whole, only a span around it tells.

use std::collections::HashMap;

use crate::model::{CutPart, Problem, ProblemCode, Span, SpanId, SpanStatus, Step};

/// Spans around a call beyond which nobody looks.
const MAX_ANCESTORS: usize = 64;

/// Marks the answers of `steps` that a span around them says were interrupted; `spans` are the raw spans, index by index.
pub(super) fn mark(steps: &mut [Step], spans: &[Span]) {
    let causes: Vec<Option<&'static str>> = spans.iter().map(interruption).collect();
    if causes.iter().all(Option::is_none) {
        return;
    }
    let at: HashMap<SpanId, usize> = steps.iter().enumerate().map(|(at, step)| (step.span_id, at)).collect();
    for last in last_calls(steps, &causes, &at) {
        let (call, cause) = last;
        steps[call].cut = steps[call].cut | CutPart::Output.into();
        steps[call].problems.push(Problem::new(ProblemCode::Interrupted, cause));
    }
}

/// The call that was under way when each interrupted span ended: of all calls inside it, the last one.
fn last_calls(
    steps: &[Step],
    causes: &[Option<&'static str>],
    at: &HashMap<SpanId, usize>,
) -> Vec<(usize, &'static str)> {
    let mut last: HashMap<usize, (usize, &'static str)> = HashMap::new();
    for (call, step) in steps.iter().enumerate().filter(|(_, step)| step.is_live_generation()) {
        let around = ancestors(steps, step, at).find_map(|ancestor| Some((ancestor, causes[ancestor]?)));
        if let Some((ancestor, cause)) = around {
            let newest = last.entry(ancestor).or_insert((call, cause));
            if steps[newest.0].end < step.end {
                newest.0 = call;
            }
        }
    }
    last.into_values().collect()
}

/// The spans around a step, nearest first.
fn ancestors<'a>(
    steps: &'a [Step],
    step: &'a Step,
    at: &'a HashMap<SpanId, usize>,
) -> impl Iterator<Item = usize> + 'a {
    let parent = |step: &Step| step.parent_span_id.and_then(|id| at.get(&id).copied());
    std::iter::successors(parent(step), move |found| parent(&steps[*found])).take(MAX_ANCESTORS)
}

/// What a span says of the reader of the answer.
fn interruption(span: &Span) -> Option<&'static str> {
    if span.attributes.get("turn.was_interrupted").and_then(crate::model::Value::as_bool) == Some(true) {
        return Some("the turn around this call was interrupted; the answer may not have been heard to its end");
    }
    let status = ["http.response.status_code", "http.status_code"].iter().find_map(|key| span.attributes.i64(key))?;
    let failed = matches!(span.status, SpanStatus::Error(_)) || span.attributes.contains("error.type");
    (status < 400 && failed && lost_its_reader(span))
        .then_some("the request around this call lost its connection while the answer was sent")
}

/// Whether the error of a request is that of a connection, not of the application.
fn lost_its_reader(span: &Span) -> bool {
    const SIGNS: [&str; 7] = ["connection", "disconnect", "cancel", "abort", "broken pipe", "brokenpipe", "closed"];
    let message = match &span.status {
        SpanStatus::Error(message) => message.as_str(),
        SpanStatus::Ok | SpanStatus::Unset => "",
    };
    let exceptions = span.events.iter().filter(|event| event.name == "exception");
    let kinds = exceptions.filter_map(|event| event.attributes.str("exception.type"));
    let told = [message].into_iter().chain(span.attributes.str("error.type")).chain(kinds);
    told.map(str::to_ascii_lowercase).any(|text| SIGNS.iter().any(|sign| text.contains(sign)))
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{CutPart, Step, Value};

    fn call(id: u16, start: u64) -> SpanBuilder {
        SpanBuilder::new("chat m")
            .id(id)
            .parent(9)
            .times(start, start + 10)
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Two ye"}]}]"#)
    }

    fn cut(around: SpanBuilder) -> Vec<bool> {
        let spans = vec![around.id(9).times(0, 99).build(), call(1, 10).build(), call(2, 30).build()];
        let calls = assemble(spans, Vec::new()).steps.into_iter().filter(Step::is_live_generation);
        calls.map(|step| step.cut.contains(CutPart::Output)).collect()
    }

    #[test]
    fn the_call_under_way_when_its_reader_left_may_be_cut() {
        assert_eq!(cut(SpanBuilder::new("turn").with("turn.was_interrupted", Value::Bool(true))), [false, true]);
        let request = || SpanBuilder::new("POST /chat").with("http.response.status_code", 200);
        assert_eq!(cut(request().failed("").with("error.type", "ConnectionError")), [false, true]);
        assert_eq!(cut(request().failed("template missing")), [false, false]);
        assert_eq!(cut(request()), [false, false]);
    }
}
