//! Several answers to one call (`n` above 1): the first is the one that clients use.

use super::span_view::Source;
use crate::model::{Message, Part, ProblemCode, Role};

/// Keeps the first of several alternative answers and names the loss of the others.
pub(super) fn keep_first(source: &Source<'_>, output: &mut Vec<Message>) {
    // What was requested is looked up for those only that gave several.
    if output.len() < 2 || !are_alternatives(output, requested(source)) {
        return;
    }
    let others = output.len() - 1;
    output.truncate(1);
    source
        .report(ProblemCode::SeveralChoices, format!("the call returned {} answers; the first is judged", others + 1));
}

/// Whether messages are alternatives rather than one answer in several messages: each answers something and has a reason
/// of its own why it ended, and none is a turn that asked for a tool before another one; or the request asked for that
/// many.
fn are_alternatives(output: &[Message], requested: Option<i64>) -> bool {
    if output.len() < 2 || output.iter().any(|message| message.role != Role::Assistant) {
        return false;
    }
    let asking = output.iter().filter(|message| message.tool_calls().next().is_some()).count();
    let alike = asking == 0 || asking == output.len();
    // Thinking that stands in a message of its own has the reason of the whole answer.
    let answers = |part: &Part| matches!(part, Part::Text { .. } | Part::ToolCall(_));
    let ended = output.iter().all(|message| message.finish_reason.is_some() && message.parts.iter().any(answers));
    alike && (ended || requested.is_some_and(|count| usize::try_from(count) == Ok(output.len())))
}

/// How many answers were asked for, where that was recorded.
fn requested(source: &Source<'_>) -> Option<i64> {
    let told = source.get("gen_ai.request.choice.count").and_then(crate::model::Value::as_i64);
    told.or_else(|| source.node("llm.invocation_parameters")?.get("n")?.as_i64())
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::{SpanBuilder, log};
    use crate::model::{ProblemCode, Value};

    fn chat(output: &str) -> SpanBuilder {
        SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").with("gen_ai.output.messages", output)
    }

    fn said(text: &str, reason: &str) -> String {
        format!(r#"{{"role":"assistant","parts":[{{"type":"text","content":"{text}"}}],"finish_reason":"{reason}"}}"#)
    }

    #[test]
    fn of_several_answers_the_first_is_judged_and_the_others_are_named() {
        let step = chat(&format!("[{},{}]", said("Two years.", "stop"), said("24 months.", "stop"))).step();
        assert_eq!(step.output_text.as_deref(), Some("Two years."));
        assert_eq!(step.problems[0].code, ProblemCode::SeveralChoices);
    }

    #[test]
    fn thinking_in_a_message_of_its_own_is_no_alternative() {
        let thinking = r#"{"role":"assistant","parts":[{"type":"reasoning","content":"hm"}],"finish_reason":"stop"}"#;
        let step = chat(&format!("[{thinking},{}]", said("Two years.", "stop"))).step();
        assert_eq!(step.output_text.as_deref(), Some("Two years."));
        assert!(step.problems.is_empty());
    }

    #[test]
    fn choices_in_events_are_told_apart_by_their_index() {
        let choice = |index: i64, text: &str| {
            let message = Value::Map(vec![("content".into(), text.into())]);
            let reason = ("finish_reason".into(), "stop".into());
            log(
                "gen_ai.choice",
                Value::Map(vec![("index".into(), index.into()), reason, ("message".into(), message)]),
                &[],
            )
        };
        let call = || SpanBuilder::new("chat").with("gen_ai.operation.name", "chat");
        let two = call().step_with(&[choice(0, "Two years."), choice(1, "24 months.")]);
        assert_eq!(two.output_text.as_deref(), Some("Two years."));
        let pieces = call().step_with(&[choice(0, "Two "), choice(0, "years.")]);
        assert_eq!(pieces.output_text.as_deref(), Some("Two years."));
        assert!(pieces.problems.is_empty());
    }

    #[test]
    fn one_answer_in_several_messages_stays_whole() {
        let asks = r#"{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":{}}],"finish_reason":"tool_call"}"#;
        let step = chat(&format!("[{asks},{}]", said("Two years.", "stop"))).step();
        assert_eq!(step.output.map(|output| output.len()), Some(2));
        assert!(step.problems.is_empty());
    }
}
