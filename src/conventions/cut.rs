//! Text that was cut off, or may have been: by limits on the number and the length of attributes, or because whoever
//! recorded it was interrupted.

use super::span_view::Source;
use crate::model::{Message, Part, Value};

/// Lengths at which SDKs, Collectors and people cut text: powers of two and round numbers, and one less where a limit
/// counts an end mark.
fn is_round(length: usize) -> bool {
    const SHORTEST: usize = 100;
    length >= SHORTEST
        && (length.is_power_of_two()
            || (length + 1).is_power_of_two()
            || (length < 1_000 && length.is_multiple_of(50))
            || length.is_multiple_of(1_000)
            || length.is_multiple_of(1_024)
            || matches!(length, 1_200 | 1_500 | 2_500))
}

/// What producers put behind a text that they cut.
const MARKS: [&str; 5] = ["[truncated]", "(truncated)", "<truncated>", "... truncated", "…[cut]"];

/// Bytes at the end of a text by which it is found again in messages.
const TAIL: usize = 24;

/// Reports what of this span was lost to limits, and returns whether the question or the answer may be part of it.
pub(super) fn report(source: &Source<'_>, input: Option<&[Message]>, output: Option<&[Message]>) -> bool {
    let complete = input.is_some() && output.is_some();
    let dropped = source.span.dropped;
    let mut cut = false;
    if dropped.attributes > 0 {
        let count = dropped.attributes;
        source.report(
            "attributes_dropped",
            format!(
                "{count} attributes were dropped by a limit on their number; raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
            ),
        );
        cut |= !complete || source.has_flattened_messages();
    }
    if dropped.events > 0 {
        let count = dropped.events;
        source.report(
            "events_dropped",
            format!("{count} events were dropped by a limit on their number; raise OTEL_SPAN_EVENT_COUNT_LIMIT"),
        );
        cut |= !complete || source.is_asked();
    }
    cut | cut_text(source, input, output)
}

/// Text that ends at a round length which no other text of the span exceeds, or that says that it was cut.
fn cut_text(source: &Source<'_>, input: Option<&[Message]>, output: Option<&[Message]>) -> bool {
    let mut cut = false;
    let longest = texts(source).map(|(_, text)| text.len()).max().unwrap_or_default();
    for (key, text) in texts(source) {
        let limit = (text.len() == longest).then(|| length_of_limit(text)).flatten();
        if limit.is_none() && !MARKS.iter().any(|mark| text.trim_end().ends_with(mark)) {
            continue;
        }
        let how = limit.map_or("says that it was cut".to_owned(), |length| format!("ends after {length} characters"));
        source.report("text_cut", format!("{key} {how}; raise the attribute length limit"));
        let tail = tail(text);
        cut |= [input, output].into_iter().flatten().any(|messages| end_with(messages, tail));
    }
    cut
}

/// The limit that a text of this length may have met: limits count bytes, characters or UTF-16 units.
fn length_of_limit(text: &str) -> Option<usize> {
    [text.chars().count(), text.len(), text.encode_utf16().count()].into_iter().find(|length| is_round(*length))
}

/// Every text that may hold content.
fn texts<'a>(source: &Source<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let text = |(key, value): (&'a str, &'a Value)| value.as_str().map(|text| (key, text));
    let events = source.span.events.iter().flat_map(|event| event.attributes.iter());
    let logs = source.logs.iter().flat_map(|log| log.attributes.iter().chain([("body", &log.body)]));
    source.span.attributes.iter().chain(events).chain(logs).filter_map(text)
}

fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let mut from = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

fn end_with(messages: &[Message], tail: &str) -> bool {
    messages.iter().flat_map(|message| &message.parts).any(|part| match part {
        Part::Text { text } | Part::ToolResult { text, .. } => text.trim_end().ends_with(tail),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::Dropped;

    fn call(answer: &str) -> SpanBuilder {
        SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.prompt", "What is the warranty?")
            .with("gen_ai.completion", answer)
    }

    fn codes(step: &crate::model::Step) -> Vec<&str> {
        step.problems.iter().map(|problem| problem.code.as_str()).collect()
    }

    #[test]
    fn an_answer_that_ends_at_a_round_length_may_be_cut() {
        for length in [200, 1_000, 4_096] {
            let step = call(&"word ".repeat(1_000)[..length]).step();
            assert_eq!((step.cut, codes(&step)), (true, vec!["text_cut"]), "{length}");
        }
        let step = call(&"word ".repeat(203)).step();
        assert_eq!((step.cut, codes(&step)), (false, vec![]));
    }

    #[test]
    fn a_longer_text_beside_it_proves_that_there_was_no_such_limit() {
        let step = call(&"w".repeat(200)).with("gen_ai.tool.definitions", "d".repeat(700).as_str()).step();
        assert!(!step.cut);
    }

    #[test]
    fn a_loss_elsewhere_is_named_and_does_not_hide_the_answer() {
        let step = call("Two years.").with("app.dump", "d".repeat(4_096).as_str()).step();
        assert_eq!((step.cut, codes(&step)), (false, vec!["text_cut"]));
    }

    #[test]
    fn flattened_messages_beside_dropped_attributes_may_lack_the_newest() {
        let flattened = SpanBuilder::new("chat")
            .with("openinference.span.kind", "LLM")
            .with("llm.input_messages.0.message.role", "user")
            .with("llm.input_messages.0.message.content", "First?")
            .with("llm.output_messages.0.message.role", "assistant")
            .with("llm.output_messages.0.message.content", "Seventy.");
        let step = flattened.dropped(Dropped { attributes: 19, events: 0 }).step();
        assert_eq!((step.cut, codes(&step)), (true, vec!["attributes_dropped"]));
        let whole = call("Two years.").dropped(Dropped { attributes: 19, events: 0 }).step();
        assert_eq!((whole.cut, codes(&whole)), (false, vec!["attributes_dropped"]));
    }
}
