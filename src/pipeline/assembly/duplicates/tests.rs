use super::super::trace::assemble;
use super::*;
use crate::conventions::testing::{SpanBuilder, span_id, trace_id};
use crate::model::Span;

fn chat(id: u16) -> SpanBuilder {
    let start = 100 * u64::from(id);
    SpanBuilder::new("chat").id(id).times(start, start + 50).with("gen_ai.operation.name", "chat")
}

fn answer(text: &str) -> String {
    format!(r#"[{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}]}}]"#)
}

fn live(spans: Vec<Span>) -> Vec<SpanId> {
    let trace = assemble(spans, Vec::new());
    trace.steps.iter().filter(|step| step.is_live_generation()).map(|step| step.span_id).collect()
}

#[test]
fn a_vendor_span_inside_an_instrumented_one_is_the_same_call() {
    let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let inner = chat(2).parent(1).with("gen_ai.response.id", "msg_1").build();
    let trace = assemble(vec![outer, inner], Vec::new());
    assert_eq!(trace.steps[1].duplicate_of, Some((trace_id(1), span_id(1))));
    assert_eq!(trace.steps[0].response_id.as_deref(), Some("msg_1"), "the live span takes over the response id");
}

#[test]
fn calls_whose_ids_were_masked_alike_are_several_calls() {
    let call = |id: u16, response: &str| {
        chat(id).with("gen_ai.output.messages", answer("Yes.").as_str()).with("gen_ai.response.id", response).build()
    };
    assert_eq!(live(vec![call(1, "chatcmpl-7"), call(2, "chatcmpl-7")]).len(), 1);
    assert_eq!(live(vec![call(1, "chatcmpl-****"), call(2, "chatcmpl-****")]).len(), 2);
}

#[test]
fn the_span_with_the_answer_stays_wherever_it_stands() {
    let outer = chat(1).times(100, 1_000).build();
    let http = SpanBuilder::new("POST").id(2).parent(1).build();
    let inner = chat(3).parent(2).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![outer, http, inner]), [span_id(3)]);
}

#[test]
fn a_streamed_call_that_left_three_spans_is_one_call() {
    let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let request = chat(2).parent(1).build();
    let record = chat(3).parent(1).times(400, 400).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![outer, request, record]).len(), 1);
}

#[test]
fn a_streamed_call_outside_any_other_span_is_one_call_too() {
    let request = |id| chat(id).parent(9).with("gen_ai.request.model", "m");
    let record = chat(3).parent(9).times(400, 400).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![request(1).build(), request(2).build(), record]), [span_id(1), span_id(3)]);
}

#[test]
fn both_calls_of_a_fallback_are_calls() {
    let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let failed = chat(2).parent(1).failed("no JSON").build();
    let second = chat(3).parent(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let left = live(vec![outer, failed, second]);
    assert_eq!(left.len(), 2);
    assert!(left.contains(&span_id(2)));
}

#[test]
fn a_wrapper_that_failed_to_read_the_answer_is_no_second_call() {
    let wrapper = || chat(1).times(100, 900).failed("ValueError").build();
    let program = SpanBuilder::new("program").id(2).parent(1).times(110, 890);
    let program = program.with("gen_ai.operation.name", "invoke_agent").build();
    let ended = chat(1).failed("429").build();
    let retry = chat(2).parent(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![ended, retry]).len(), 2, "a retry under a context that was not given back");
    let call = |id: u16| chat(id).parent(2).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![wrapper(), program.clone(), call(3)]), [span_id(3)]);
    let around = chat(9).times(90, 950).failed("ValueError").build();
    let within = Span { parent_span_id: Some(span_id(9)), ..wrapper() };
    assert_eq!(live(vec![around, within, program.clone(), call(3)]), [span_id(3)], "a wrapper in a wrapper");
    assert_eq!(live(vec![wrapper(), program.clone(), call(3), call(4)]).len(), 2, "calls inside stay calls");
    assert_eq!(live(vec![wrapper(), program]), [span_id(1)], "a call that failed");
}

#[test]
fn the_next_call_under_a_context_that_was_not_given_back_is_a_call() {
    let first = chat(1).with("gen_ai.output.messages", answer("Yes.").as_str());
    let next = chat(2).parent(1).with("gen_ai.output.messages", answer("No.").as_str());
    assert_eq!(live(vec![first.build(), next.build()]).len(), 2);
    let asked = chat(1).with("gen_ai.response.id", "one").with("gen_ai.output.messages", "[]");
    let next =
        chat(2).parent(1).with("gen_ai.response.id", "two").with("gen_ai.output.messages", answer("No.").as_str());
    assert_eq!(live(vec![asked.build(), next.build()]).len(), 2, "each has a response of its own");
    let late = |text: &str| chat(2).parent(1).with("gen_ai.output.messages", answer(text).as_str()).build();
    let told = || chat(1).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    assert_eq!(live(vec![told(), late("Yes.")]).len(), 1, "the clocks of two machines differ");
    let instant = told();
    let instant = Span { start: 100, end: 100, ..instant };
    let native = chat(2).parent(1).times(100, 100).with("gen_ai.response.id", "one").build();
    assert_eq!(live(vec![instant, native]).len(), 1, "spans without a length");
}

#[test]
fn two_tellings_of_a_failure_beside_each_other_are_one_call() {
    let question = r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#;
    let asked = |id| chat(id).parent(9).with("gen_ai.input.messages", question).failed("429");
    let silent = chat(2).parent(9).times(110, 140).failed("rate_limit_error");
    assert_eq!(live(vec![asked(1).build(), silent.build()]), [span_id(1)]);
    assert_eq!(live(vec![asked(1).build(), asked(2).times(110, 140).build()]).len(), 2, "two calls, both asked");
    let later = chat(2).parent(9).failed("rate_limit_error");
    assert_eq!(live(vec![asked(1).build(), later.build()]).len(), 2, "a retry");
}

#[test]
fn a_span_beside_a_call_that_counts_the_same_tokens_and_tells_nothing_is_the_same_call() {
    let tokens = |span: SpanBuilder, input: i64| {
        span.parent(9).with("gen_ai.usage.input_tokens", input).with("gen_ai.usage.output_tokens", 7)
    };
    let told = || tokens(chat(1), 30).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let native = |input| tokens(chat(2), input).times(110, 140).build();
    let http = SpanBuilder::new("POST").id(4).parent(2).times(115, 130).build();
    assert_eq!(live(vec![told(), native(30), http]), [span_id(1)]);
    assert_eq!(live(vec![told(), native(31)]).len(), 2, "another call at the same time");
    let inner = chat(3).parent(2).times(115, 130).with("gen_ai.output.messages", answer("No.").as_str()).build();
    assert_eq!(live(vec![told(), native(30), inner]).len(), 2, "a span around another call");
}

#[test]
fn calls_of_an_agent_inside_a_tool_are_their_own() {
    let outer = chat(1).times(100, 1_000).with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let tool = SpanBuilder::new("t").id(2).parent(1).with("gen_ai.operation.name", "execute_tool").build();
    let inner = chat(3).parent(2).with("gen_ai.output.messages", answer("No.").as_str()).build();
    assert_eq!(live(vec![outer, tool, inner]).len(), 2);
}

#[test]
fn one_response_id_with_two_answers_is_two_calls() {
    let one = chat(1).with("gen_ai.response.id", "x").with("gen_ai.output.messages", answer("Yes.").as_str()).build();
    let two = chat(2).with("gen_ai.response.id", "x").with("gen_ai.output.messages", answer("No.").as_str()).build();
    assert_eq!(live(vec![one, two]).len(), 2);
}

#[test]
fn a_twin_in_another_trace_is_marked_by_its_response_id() {
    let native = chat(1).trace(2).with("gen_ai.response.id", "msg_1").build();
    let told = chat(1).with("gen_ai.response.id", "msg_1").with("gen_ai.output.messages", answer("Yes.").as_str());
    let mut traces: Vec<_> = [native, told.build()].into_iter().map(|span| assemble(vec![span], Vec::new())).collect();
    mark_across(&mut traces);
    assert_eq!(traces[0].steps[0].duplicate_of, Some((trace_id(1), span_id(1))));
    assert!(traces[1].steps[0].is_live_generation());
}

#[test]
fn forged_parents_in_a_circle_end() {
    let one = SpanBuilder::new("a").id(1).parent(2).build();
    let two = SpanBuilder::new("b").id(2).parent(1).build();
    assert!(live(vec![one, two, chat(3).parent(1).build(), chat(4).parent(2).build()]).len() <= 2);
}

/// Scenario: a gateway takes thinking out of what the provider sent. Guarantee: what the client received is judged, and counted as
/// the provider counted.
#[test]
fn of_a_gateways_request_and_its_raw_body_the_request_is_judged() {
    let request = chat(1)
        .scope("litellm")
        .times(100, 1_000)
        .with("gen_ai.request.model", "alias")
        .with("gen_ai.response.model", "alias")
        .with("gen_ai.usage.input_tokens", 14)
        .with("gen_ai.output.messages", answer("24 months.").as_str());
    let raw = SpanBuilder::new("raw_gen_ai_request")
        .id(2)
        .parent(1)
        .scope("litellm")
        .times(100, 1_000)
        .with("llm.openai.messages", "[{'role': 'user', 'content': 'How long?'}]")
        .with(
            "llm.openai.choices",
            "[{'message': {'content': 'Let me see. They ask for it. It is 24 months.', 'role': 'assistant'}}]",
        )
        .with("llm.openai.model", "m-2024")
        .with("llm.openai.usage", "{'completion_tokens': 9, 'prompt_tokens': 20}");
    let trace = assemble(vec![request.build(), raw.build()], Vec::new());
    let live: Vec<&Step> = trace.steps.iter().filter(|step| step.is_live_generation()).collect();
    assert_eq!((live.len(), live[0].output_text.as_deref()), (1, Some("24 months.")));
    assert_eq!((live[0].response_model.as_deref(), live[0].usage.input_tokens), (Some("m-2024"), Some(20)));
}
