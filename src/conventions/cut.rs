//! Text that was cut off, or may have been: by limits on the number and the length of attributes, or because whoever
//! recorded it was interrupted.

use std::collections::HashSet;

use super::span_view::Source;
use crate::model::{Message, Part, ProblemCode, Value};

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

/// What producers put behind a text that they cut, in any case.
const MARKS: [&str; 5] = ["[truncated]", "(truncated)", "<truncated>", "... truncated", "…[cut]"];

/// Bytes at the end of a text by which it is found again in messages.
const TAIL: usize = 24;

/// Texts that are named one by one; a span with one attribute for each message may hold very many.
const MAX_NAMED: usize = 8;

/// Reports what of this span was lost to limits, and returns whether the question or the answer may be part of it.
pub(super) fn report(source: &Source<'_>, input: Option<&[Message]>, output: Option<&[Message]>) -> bool {
    let complete = input.is_some() && output.is_some();
    let dropped = source.span.dropped;
    let mut cut = false;
    if dropped.attributes > 0 {
        let count = dropped.attributes;
        source.report(
            ProblemCode::AttributesDropped,
            format!(
                "{count} attributes were dropped by a limit on their number; raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
            ),
        );
        cut |= !complete || source.has_flattened_messages();
    }
    if dropped.events > 0 {
        let count = dropped.events;
        source.report(
            ProblemCode::EventsDropped,
            format!("{count} events were dropped by a limit on their number; raise OTEL_SPAN_EVENT_COUNT_LIMIT"),
        );
        cut |= !complete || source.is_asked();
    }
    if dropped.links > 0 {
        let count = dropped.links;
        source.report(
            ProblemCode::LinksDropped,
            format!("{count} links were dropped by a limit on their number; raise OTEL_SPAN_LINK_COUNT_LIMIT"),
        );
    }
    cut |= cut_carriers(source, complete);
    cut | cut_text(source, input, output)
}

/// Events and log records of which limits left attributes out: their content, where they carry any, may be among them.
fn cut_carriers(source: &Source<'_>, complete: bool) -> bool {
    let events = source.span.events.iter().map(|event| (&event.name, event.dropped_attributes));
    let logs = source.logs.iter().map(|log| (&log.event_name, log.dropped_attributes));
    let mut cut = false;
    for (carriers, dropped, limit) in [
        ("events", events.filter(|(_, count)| *count > 0).collect::<Vec<_>>(), "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
        ("log records", logs.filter(|(_, count)| *count > 0).collect(), "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"),
    ] {
        if dropped.is_empty() {
            continue;
        }
        let count: u64 = dropped.iter().map(|(_, count)| u64::from(*count)).sum();
        source.report(
            ProblemCode::EventAttributesDropped,
            format!("{count} attributes of {carriers} were dropped by a limit on their number; raise {limit}"),
        );
        cut |= !complete || dropped.iter().any(|(name, _)| name.starts_with("gen_ai."));
    }
    cut
}

/// Text that ends where a limit would have cut it, or that says that it was cut.
fn cut_text(source: &Source<'_>, input: Option<&[Message]>, output: Option<&[Message]>) -> bool {
    let limit = Limit::of(source);
    let mut tails: HashSet<&str> = HashSet::new();
    let mut found = 0;
    for (key, text) in texts(source) {
        let how = match &limit {
            Some(limit) if limit.is_met_by(text) => format!("ends after {} characters", limit.length),
            _ if says_that_it_was_cut(text) => "says that it was cut".to_owned(),
            _ => continue,
        };
        found += 1;
        tails.insert(tail(text));
        if found <= MAX_NAMED {
            source.report(ProblemCode::TextCut, format!("{key} {how}; raise the attribute length limit"));
        }
    }
    if found > MAX_NAMED {
        let more = found - MAX_NAMED;
        source.report(ProblemCode::TextCut, format!("{more} more texts were cut; raise the attribute length limit"));
    }
    found > 0 && [input, output].into_iter().flatten().flatten().flat_map(spoken).any(|text| tails.contains(tail(text)))
}

/// Lengths of a text in the units in which limits count: characters, bytes and UTF-16 units.
fn lengths(text: &str) -> [usize; 3] {
    if text.is_ascii() {
        return [text.len(); 3];
    }
    let characters = text.chars().count();
    // A character of four bytes is two units of UTF-16.
    let long = text.bytes().filter(|byte| *byte >= 0xF0).count();
    [characters, text.len(), characters + long]
}

/// A limit on the length of attributes that this span seems to have met.
struct Limit {
    /// Place of its unit in [`lengths`].
    unit: usize,
    length: usize,
}

impl Limit {
    /// The length of the longest text in some unit, where that is round and a text of that length ends in the middle of
    /// something. A longer text proves that there was no such limit, and an answer of a round length is mostly whole.
    fn of(source: &Source<'_>) -> Option<Self> {
        let longest = texts(source)
            .map(|(_, text)| lengths(text))
            .reduce(|one, two| [one[0].max(two[0]), one[1].max(two[1]), one[2].max(two[2])])?;
        let limits = longest.into_iter().enumerate().filter(|(_, length)| is_round(*length));
        let mut limits = limits.map(|(unit, length)| Self { unit, length });
        limits.find(|limit| texts(source).any(|(_, text)| limit.is_met_by(text) && !ends_by_itself(text)))
    }

    fn is_met_by(&self, text: &str) -> bool {
        lengths(text)[self.unit] == self.length
    }
}

/// Whether a text ends as whole ones do: with a sentence, a block of code, or the bracket that its JSON opened with. A
/// limit cuts just there in one or two of a hundred texts. Dots that trail off are how many producers end what they cut.
fn ends_by_itself(text: &str) -> bool {
    const CLOSING: [char; 9] = ['"', '\'', '”', '’', '»', ')', '*', '_', '」'];
    const SENTENCE: [char; 8] = ['.', '!', '?', '。', '！', '？', '؟', '।'];
    let text = text.trim();
    let is_json = (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'));
    let said = text.trim_end_matches(CLOSING);
    is_json || text.ends_with("```") || (said.ends_with(SENTENCE) && !said.ends_with(".."))
}

fn says_that_it_was_cut(text: &str) -> bool {
    let text = text.trim_end().as_bytes();
    let end = |mark: &str| text.len().checked_sub(mark.len()).map(|from| &text[from..]);
    MARKS.iter().any(|mark| end(mark).is_some_and(|end| end.eq_ignore_ascii_case(mark.as_bytes())))
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

/// The texts of a message that was said or that a tool returned.
fn spoken(message: &Message) -> impl Iterator<Item = &str> {
    message.parts.iter().filter_map(|part| match part {
        Part::Text { text } | Part::ToolResult { text, .. } => Some(text.as_str()),
        _ => None,
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
    fn an_answer_that_ends_by_itself_is_whole_at_any_length() {
        let ended = |end: &str| {
            let text = "word ".repeat(200);
            format!("{}{end}", &text[..1_000 - end.len()])
        };
        for end in ["two years.", "is it?", "“two years.”", "**two years.**", "```", ".\n"] {
            let answer = ended(end);
            assert!(super::lengths(&answer).contains(&1_000));
            let step = call(&answer).step();
            assert_eq!((step.cut, codes(&step)), (false, vec![]), "{end}");
        }
        for end in ["word", "...", "…", "two (years)"] {
            assert!(call(&ended(end)).step().cut, "{end}");
        }
        let step = call(&format!("{{\"a\": \"{}\"}}", "w".repeat(190))).step();
        assert_eq!((step.cut, codes(&step)), (false, vec![]));
    }

    #[test]
    fn a_text_that_ends_by_itself_is_cut_where_another_shows_the_limit() {
        let cut = "word ".repeat(200);
        let step = call(&format!("{}years.", &cut[..994])).with("app.dump", cut.as_str()).step();
        assert_eq!((step.cut, codes(&step)), (true, vec!["text_cut", "text_cut"]));
    }

    #[test]
    fn limits_are_compared_in_the_unit_in_which_they_count() {
        let long = "字".repeat(1_000);
        let step = call(&"word ".repeat(200)).with("app.dump", long.as_str()).step();
        assert!(step.cut, "both have 1,000 characters, though one has more bytes");
        let longer = "字".repeat(1_200);
        assert!(!call(&"word ".repeat(200)).with("app.dump", longer.as_str()).step().cut);
        let emoji = "🙂".repeat(150);
        assert!(call(&emoji).step().cut);
    }

    #[test]
    fn marks_are_read_in_any_case_and_very_many_cut_texts_are_counted() {
        assert!(call("Two yea [TRUNCATED]").step().cut);
        let mut many = call("Two years.");
        for place in 0..100 {
            many = many.with(&format!("app.dump.{place}"), "Two yea[truncated]");
        }
        let step = many.step();
        assert!(!step.cut);
        assert_eq!(codes(&step).len(), super::MAX_NAMED + 1);
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
        let step = flattened.dropped(Dropped { attributes: 19, ..Dropped::default() }).step();
        assert_eq!((step.cut, codes(&step)), (true, vec!["attributes_dropped"]));
        let whole = call("Two years.").dropped(Dropped { attributes: 19, ..Dropped::default() }).step();
        assert_eq!((whole.cut, codes(&whole)), (false, vec!["attributes_dropped"]));
    }

    #[test]
    fn what_events_lack_is_named_and_may_be_the_answer() {
        let event = |name: &str| {
            let asked = call("Two years.").event(name, &[("gen_ai.event.content", r#"{"content":"Why?"}"#)]);
            asked.dropped_of_event(3).step()
        };
        let carries = event("gen_ai.user.message");
        assert_eq!((carries.cut, codes(&carries)), (true, vec!["event_attributes_dropped"]));
        let other = event("cache.miss");
        assert_eq!((other.cut, codes(&other)), (false, vec!["event_attributes_dropped"]));
        let links = call("Two years.").dropped(Dropped { links: 2, ..Dropped::default() }).step();
        assert_eq!((links.cut, codes(&links)), (false, vec!["links_dropped"]));
    }
}
