//! What of a span was lost before it came here: to limits on the number and the length of attributes, or because whoever
//! recorded it was interrupted.

use std::collections::HashSet;

use super::length_limits::{LengthLimit, Survey, says_that_it_was_cut, texts};
use super::older_question;
use super::span_view::Source;
use crate::model::{
    CutPart, CutParts, Document, LogRecord, Message, Part, Problem, ProblemCode, Role, Span, Step, StepKind,
};

/// Bytes at the end of a text by which it is found again in messages.
const TAIL: usize = 24;

/// Texts that are named one by one; a span with one attribute for each message may hold very many.
const MAX_NAMED: usize = 8;

/// What was read of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Material<'a> {
    pub(super) kind: StepKind,
    pub(super) input: Option<&'a [Message]>,
    pub(super) output: Option<&'a [Message]>,
    pub(super) documents: &'a [Document],
    pub(super) error: Option<&'a str>,
}

impl<'a> Material<'a> {
    fn of(step: &'a Step) -> Self {
        Self {
            kind: step.kind,
            input: step.input.as_deref(),
            output: step.output.as_deref(),
            documents: &step.documents,
            error: step.error.as_deref(),
        }
    }

    /// What is not there and might be, had nothing been lost: results of tools stand in the input, calls in the output.
    fn absent(self) -> CutParts {
        let asked = CutParts::of(CutPart::Input, self.input.is_none());
        if self.kind == StepKind::Retrieval {
            return asked | CutParts::of(CutPart::Documents, self.documents.is_empty());
        }
        let answered = self.output.is_some();
        asked
            | CutParts::of(CutPart::Documents, self.input.is_none())
            | CutParts::of(CutPart::Output, !answered)
            | CutParts::of(CutPart::ToolCalls, !answered)
    }

    /// Every text that was said or that a tool returned.
    fn spoken(self) -> impl Iterator<Item = &'a str> + Clone {
        [self.input, self.output].into_iter().flatten().flatten().flat_map(spoken)
    }
}

/// Reports what of this span was lost, and returns the parts that the loss may be in.
pub(super) fn report(source: &Source<'_>, read: Material<'_>) -> CutParts {
    let mut cut = dropped(source, read);
    if source.has_reported(ProblemCode::TruncatedJson) {
        cut = cut | read.absent() | CutPart::Steps.into();
    }
    cut = cut | cut_text(source, read);
    cut | older_question::report(source, read.kind, read.input.unwrap_or_default())
}

/// Attributes and events beyond the limits on their number.
fn dropped(source: &Source<'_>, read: Material<'_>) -> CutParts {
    let dropped = source.span.dropped;
    let mut cut = CutParts::NONE;
    // Of a span of the application nobody expects messages.
    let absent = if read.kind == StepKind::Other { CutParts::NONE } else { read.absent() };
    if dropped.attributes > 0 {
        let count = dropped.attributes;
        source.report(
            ProblemCode::AttributesDropped,
            format!(
                "{count} attributes were dropped by a limit on their number; raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
            ),
        );
        cut = cut | absent;
        if source.has_flattened_messages() {
            cut = cut | CutPart::Input.into() | CutPart::Output.into();
        }
        if source.has_flattened_documents() {
            cut = cut | CutPart::Documents.into();
        }
    }
    if dropped.events > 0 {
        let count = dropped.events;
        source.report(
            ProblemCode::EventsDropped,
            format!("{count} events were dropped by a limit on their number; raise OTEL_SPAN_EVENT_COUNT_LIMIT"),
        );
        cut = cut | absent;
        if source.has_message_events() {
            cut = cut | CutPart::Input.into() | CutPart::Output.into();
        }
        if source.has_document_events() {
            cut = cut | CutPart::Documents.into();
        }
    }
    if dropped.links > 0 {
        let count = dropped.links;
        source.report(
            ProblemCode::LinksDropped,
            format!("{count} links were dropped by a limit on their number; raise OTEL_SPAN_LINK_COUNT_LIMIT"),
        );
    }
    cut = cut | cut_carriers(source, absent);
    cut
}

/// Events and log records of which limits left attributes out: their content, where they carry any, may be among them.
fn cut_carriers(source: &Source<'_>, absent: CutParts) -> CutParts {
    let events = source.span.events.iter().map(|event| (&event.name, event.dropped_attributes));
    let logs = source.logs.iter().map(|log| (&log.event_name, log.dropped_attributes));
    let mut cut = CutParts::NONE;
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
        cut = cut | absent;
        if dropped.iter().any(|(name, _)| name.starts_with("gen_ai.")) {
            cut = cut | CutPart::Input.into() | CutPart::Output.into();
        }
    }
    cut
}

/// Text that ends where a limit would have cut it, or that says that it was cut.
fn cut_text(source: &Source<'_>, read: Material<'_>) -> CutParts {
    let all = texts(source.span, source.logs);
    let survey = Survey::of(source.span, source.logs);
    let limit = LengthLimit::among(survey, all.clone().map(|(_, text)| text));
    let met = limit.is_some() || survey.has_mark;
    let mut cut = CutParts::NONE;
    if met {
        let found = Found::among(all.clone(), limit);
        found.problems.into_iter().for_each(|problem| source.report(problem.code, problem.detail));
        cut = parts_with(&found.tails, read);
    }
    // A text inside JSON is cut before it gets there, while the JSON around it is whole.
    if let Some(limit) = LengthLimit::among_nested(read.spoken()) {
        let is_nested = |text: &str| !all.clone().any(|(_, other)| other == text);
        let tails: HashSet<&str> =
            read.spoken().filter(|text| limit.is_met_by(text) && is_nested(text)).map(tail).collect();
        if !tails.is_empty() {
            let length = limit.length();
            source.report(
                ProblemCode::TextCut,
                format!("a text inside the messages ends after {length} characters; raise the limit that cuts it"),
            );
            cut = cut | parts_with(&tails, read);
        }
    }
    cut
}

/// The texts that were cut.
struct Found<'a> {
    tails: HashSet<&'a str>,
    problems: Vec<Problem>,
}

impl<'a> Found<'a> {
    fn among(texts: impl Iterator<Item = (&'a str, &'a str)>, limit: Option<LengthLimit>) -> Self {
        let mut found = Self { tails: HashSet::new(), problems: Vec::new() };
        let mut count: usize = 0;
        for (key, text) in texts {
            let how = match limit {
                Some(limit) if limit.is_met_by(text) => format!("ends after {} characters", limit.length()),
                _ if says_that_it_was_cut(text) => "says that it was cut".to_owned(),
                _ => continue,
            };
            count += 1;
            found.tails.insert(tail(text));
            if count <= MAX_NAMED {
                let what = format_args!("{how}; raise the attribute length limit");
                found.problems.push(Problem::of_attribute(ProblemCode::TextCut, key, what));
            }
        }
        if count > MAX_NAMED {
            let detail = format!("{} more texts were cut; raise the attribute length limit", count - MAX_NAMED);
            found.problems.push(Problem::new(ProblemCode::TextCut, detail));
        }
        found
    }
}

/// The limit that the texts of a span show by themselves.
pub fn length_limit(span: &Span, logs: &[LogRecord]) -> Option<LengthLimit> {
    LengthLimit::among(Survey::of(span, logs), texts(span, logs).map(|(_, text)| text))
}

/// Whether a span has a text that is longer than `limit`, so that the limit does not hold where it comes from.
pub fn passes_limit(span: &Span, logs: &[LogRecord], limit: LengthLimit) -> bool {
    limit.is_passed_by(Survey::of(span, logs))
}

/// Marks what of `step` was cut by a limit that other spans of its trace show: its own texts of that length may end by
/// themselves.
pub fn mark_cut_by(limit: LengthLimit, step: &mut Step, span: &Span, logs: &[LogRecord]) {
    let all = || texts(span, logs);
    if !limit.holds_for(Survey::of(span, logs)) {
        return;
    }
    let found = Found::among(all(), Some(limit));
    step.cut = step.cut | parts_with(&found.tails, Material::of(step));
    for problem in found.problems {
        if !step.problems.contains(&problem) {
            step.problems.push(problem);
        }
    }
}

/// The parts in which texts stand that end like one of `tails`.
fn parts_with(tails: &HashSet<&str>, read: Material<'_>) -> CutParts {
    let is_cut = |text: &str| tails.contains(tail(text));
    let mut cut = CutParts::NONE;
    for message in read.input.unwrap_or_default() {
        // What the assistant or the author said before does not change what is asked, but what happened.
        let said = match message.role {
            Role::System | Role::Assistant => CutPart::Steps,
            _ => CutPart::Input,
        };
        for part in &message.parts {
            cut = cut
                | match part {
                    Part::ToolResult { text, .. } => CutParts::of(CutPart::Documents, is_cut(text)),
                    Part::Text { text } => CutParts::of(said, is_cut(text)),
                    _ => CutParts::NONE,
                };
        }
    }
    for part in read.output.unwrap_or_default().iter().flat_map(|message| &message.parts) {
        cut = cut
            | match part {
                Part::Text { text } | Part::ToolResult { text, .. } => CutParts::of(CutPart::Output, is_cut(text)),
                // Arguments that were cut are no JSON any more, and stay text.
                Part::ToolCall(call) => CutParts::of(CutPart::ToolCalls, call.arguments.as_str().is_some_and(is_cut)),
                _ => CutParts::NONE,
            };
    }
    let mut documents = read.documents.iter().filter_map(|document| document.text.as_deref());
    cut | CutParts::of(CutPart::Documents, documents.any(is_cut))
        | CutParts::of(CutPart::Steps, read.error.is_some_and(is_cut))
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
fn spoken(message: &Message) -> impl Iterator<Item = &str> + Clone {
    message.parts.iter().filter_map(|part| match part {
        Part::Text { text } | Part::ToolResult { text, .. } => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{CutPart, Dropped, Step};

    fn call(answer: &str) -> SpanBuilder {
        SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.prompt", "What is the warranty?")
            .with("gen_ai.completion", answer)
    }

    fn is_cut(step: &Step) -> bool {
        !step.cut.is_empty()
    }

    fn parts(span: SpanBuilder) -> Vec<CutPart> {
        span.step().cut.iter().collect()
    }

    fn codes(step: &Step) -> Vec<&str> {
        step.problems.iter().map(|problem| problem.code.as_str()).collect()
    }

    #[test]
    fn an_answer_that_ends_at_a_round_length_may_be_cut() {
        for length in [200, 1_000, 4_096] {
            let step = call(&"word ".repeat(1_000)[..length]).step();
            assert_eq!((is_cut(&step), codes(&step)), (true, vec!["text_cut"]), "{length}");
        }
        let step = call(&"word ".repeat(203)).step();
        assert_eq!((is_cut(&step), codes(&step)), (false, vec![]));
    }

    #[test]
    fn a_longer_text_beside_it_proves_that_there_was_no_such_limit() {
        let step = call(&"w".repeat(200)).with("gen_ai.tool.definitions", "d".repeat(700).as_str()).step();
        assert!(!is_cut(&step));
    }

    #[test]
    fn an_answer_that_ends_by_itself_is_whole_at_any_length() {
        let ended = |end: &str| {
            let text = "word ".repeat(200);
            format!("{}{end}", &text[..1_000 - end.len()])
        };
        for end in ["two years.", "is it?", "“two years.”", "**two years.**", "```", ".\n"] {
            let answer = ended(end);
            assert!(answer.len() == 1_000);
            let step = call(&answer).step();
            assert_eq!((is_cut(&step), codes(&step)), (false, vec![]), "{end}");
        }
        for end in ["word", "...", "…", "two (years)"] {
            assert!(is_cut(&call(&ended(end)).step()), "{end}");
        }
        let step = call(&format!("{{\"a\": \"{}\"}}", "w".repeat(190))).step();
        assert_eq!((is_cut(&step), codes(&step)), (false, vec![]));
    }

    #[test]
    fn a_text_that_ends_by_itself_is_cut_where_another_shows_the_limit() {
        let cut = "word ".repeat(200);
        let step = call(&format!("{}years.", &cut[..994])).with("app.dump", cut.as_str()).step();
        assert_eq!((is_cut(&step), codes(&step)), (true, vec!["text_cut", "text_cut"]));
    }

    #[test]
    fn limits_are_compared_in_the_unit_in_which_they_count() {
        let long = "字".repeat(1_000);
        let step = call(&"word ".repeat(200)).with("app.dump", long.as_str()).step();
        assert!(is_cut(&step), "both have 1,000 characters, though one has more bytes");
        let longer = "字".repeat(1_200);
        assert!(!is_cut(&call(&"word ".repeat(200)).with("app.dump", longer.as_str()).step()));
        let emoji = "🙂".repeat(150);
        assert!(is_cut(&call(&emoji).step()));
    }

    #[test]
    fn marks_are_read_in_any_case_and_very_many_cut_texts_are_counted() {
        assert!(is_cut(&call("Two yea [TRUNCATED]").step()));
        let mut many = call("Two years.");
        for place in 0..100 {
            many = many.with(&format!("app.dump.{place}"), "Two yea[truncated]");
        }
        let step = many.step();
        assert!(!is_cut(&step));
        assert_eq!(codes(&step).len(), super::MAX_NAMED + 1);
    }

    #[test]
    fn a_loss_elsewhere_is_named_and_does_not_hide_the_answer() {
        let step = call("Two years.").with("app.dump", "d".repeat(4_096).as_str()).step();
        assert_eq!((is_cut(&step), codes(&step)), (false, vec!["text_cut"]));
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
        assert_eq!((is_cut(&step), codes(&step)), (true, vec!["attributes_dropped"]));
        let whole = call("Two years.").dropped(Dropped { attributes: 19, ..Dropped::default() }).step();
        assert_eq!((is_cut(&whole), codes(&whole)), (false, vec!["attributes_dropped"]));
    }

    /// A call whose messages stand in JSON.
    fn json_call(input: &str, output: &str) -> SpanBuilder {
        let said =
            |role: &str, text: &str| format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#);
        SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.input.messages", said("user", input).as_str())
            .with("gen_ai.output.messages", said("assistant", output).as_str())
    }

    #[test]
    fn the_parts_are_told_apart_in_which_the_loss_may_be() {
        let cut = "word ".repeat(200);
        assert_eq!(parts(call(&cut)), [CutPart::Output]);
        let long = format!("{}two years.", "word ".repeat(100));
        let asked = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").with("gen_ai.prompt", cut.as_str());
        assert_eq!(parts(asked.with("gen_ai.completion", long.as_str())), [CutPart::Input]);
        let retrieval = SpanBuilder::new("retrieve")
            .with("openinference.span.kind", "RETRIEVER")
            .with("input.value", "Which?")
            .with("retrieval.documents.0.document.content", cut.as_str());
        assert_eq!(parts(retrieval), [CutPart::Documents]);
    }

    #[test]
    fn json_that_was_cut_takes_its_part_with_it() {
        let whole = json_call("Why?", "Because of the rain.").build();
        let cut_off = |key: &str| {
            let mut span = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat");
            for (name, value) in whole.attributes.iter().filter(|(name, _)| name.ends_with("messages")) {
                let text = value.as_str().unwrap_or_default();
                let end = if name == key { text.len() - 9 } else { text.len() };
                span = span.with(name, &text[..end]);
            }
            span
        };
        assert_eq!(parts(cut_off("gen_ai.input.messages")), [CutPart::Input, CutPart::Documents, CutPart::Steps]);
        let answer_gone = cut_off("gen_ai.output.messages");
        assert_eq!(parts(answer_gone), [CutPart::Output, CutPart::ToolCalls, CutPart::Steps]);
    }

    #[test]
    fn a_text_that_was_cut_before_it_became_json_is_found_by_its_length() {
        let cut = &"word ".repeat(200)[..1_000];
        let step = json_call("Why?", cut).step();
        assert_eq!((is_cut(&step), codes(&step)), (true, vec!["text_cut"]));
        assert!(!is_cut(&json_call(&"w".repeat(1_234), cut).step()), "the question is longer");
        assert!(!is_cut(&json_call("Why?", &cut[..950]).step()), "no usual length");
        let ended = format!("{}two.", &cut[..996]);
        assert!(!is_cut(&json_call("Why?", &ended).step()));
    }

    #[test]
    fn what_events_lack_is_named_and_may_be_the_answer() {
        let event = |name: &str| {
            let asked = call("Two years.").event(name, &[("gen_ai.event.content", r#"{"content":"Why?"}"#)]);
            asked.dropped_of_event(3).step()
        };
        let carries = event("gen_ai.user.message");
        assert_eq!((is_cut(&carries), codes(&carries)), (true, vec!["event_attributes_dropped"]));
        let other = event("cache.miss");
        assert_eq!((is_cut(&other), codes(&other)), (false, vec!["event_attributes_dropped"]));
        let links = call("Two years.").dropped(Dropped { links: 2, ..Dropped::default() }).step();
        assert_eq!((is_cut(&links), codes(&links)), (false, vec!["links_dropped"]));
    }
}
