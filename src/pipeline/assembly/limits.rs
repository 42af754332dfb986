//! One limit on the length of texts for the spans of a trace: where some show it, others may have met it unseen.

use crate::conventions::{LengthLimit, length_limit, mark_cut_by, passes_limit};
use crate::model::{CutPart, LogRecord, ProblemCode, Span, Step, Value};

/// Limits of one trace that are followed: a Collector's, an SDK's and an instrumentation's.
const MAX_LIMITS: usize = 4;

/// Limits and services of one trace for which a longer text is looked for; each look reads the whole trace.
const MAX_LOOKS: usize = 16;

/// What a step was read from.
#[derive(Clone, Copy)]
struct Records<'a> {
    span: &'a Span,
    logs: &'a [LogRecord],
}

/// Marks texts that end just where others of the trace were cut, and takes the mark from documents where a longer text of
/// the same service shows that there was no limit: applications retrieve pieces of round lengths. `spans` and `logs` are
/// what the steps were read from, index by index.
pub(super) fn compare(steps: &mut [Step], spans: &[Span], logs: &[Vec<LogRecord>]) {
    let was_cut = |step: &Step| step.problems.iter().any(|problem| problem.code == ProblemCode::TextCut);
    let shown: Vec<usize> = (0..steps.len()).filter(|at| was_cut(&steps[*at])).collect();
    if shown.is_empty() {
        return;
    }
    let records: Vec<Records<'_>> = spans.iter().zip(logs).map(|(span, logs)| Records { span, logs }).collect();
    let mut limits: Vec<LengthLimit> = Vec::new();
    let mut passed = Passed { records: &records, known: Vec::new() };
    for at in shown {
        let Some(limit) = length_limit(records[at].span, records[at].logs) else { continue };
        if steps[at].cut.contains(CutPart::Documents) && passed.by_service_of(at, limit) {
            steps[at].cut = steps[at].cut.without(CutPart::Documents);
        } else if limits.len() < MAX_LIMITS && !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    for limit in limits {
        for (step, record) in steps.iter_mut().zip(&records) {
            mark_cut_by(limit, step, record.span, record.logs);
        }
    }
}

/// Which limits a longer text of a service disproves, each looked for once.
struct Passed<'a> {
    records: &'a [Records<'a>],
    known: Vec<(LengthLimit, Option<&'a Value>, bool)>,
}

impl Passed<'_> {
    /// Whether the service of the span at `at` has a longer text than `limit` somewhere in the trace.
    fn by_service_of(&mut self, at: usize, limit: LengthLimit) -> bool {
        let own = service(&self.records[at]);
        if let Some((.., is_passed)) = self.known.iter().find(|(of, by, _)| *of == limit && *by == own) {
            return *is_passed;
        }
        if self.known.len() == MAX_LOOKS {
            return false;
        }
        let mut same = self.records.iter().filter(|record| service(record) == own);
        let is_passed = same.any(|record| passes_limit(record.span, record.logs, limit));
        self.known.push((limit, own, is_passed));
        is_passed
    }
}

fn service<'a>(records: &Records<'a>) -> Option<&'a Value> {
    records.span.resource.attributes.get("service.name")
}

#[cfg(test)]
mod tests {
    use super::super::trace::assemble;
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{CutPart, Step};

    fn call(id: u16, answer: &str) -> SpanBuilder {
        SpanBuilder::new("chat")
            .id(id)
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.prompt", "Why?")
            .with("gen_ai.completion", answer)
    }

    fn retrieval(text: &str) -> SpanBuilder {
        SpanBuilder::new("retrieve")
            .id(9)
            .with("openinference.span.kind", "RETRIEVER")
            .with("retrieval.documents.0.document.content", text)
    }

    fn cut(spans: Vec<SpanBuilder>, part: CutPart) -> Vec<bool> {
        let steps: Vec<Step> = assemble(spans.into_iter().map(SpanBuilder::build).collect(), Vec::new()).steps;
        steps.iter().map(|step| step.cut.contains(part)).collect()
    }

    #[test]
    fn an_answer_that_ends_by_itself_just_where_another_was_cut_was_cut_too() {
        let text = "word ".repeat(200);
        let ended = format!("{}done.", &text[..995]);
        assert_eq!(cut(vec![call(1, &text), call(2, &ended)], CutPart::Output), [true, true]);
        assert_eq!(cut(vec![call(1, &ended), call(2, &ended)], CutPart::Output), [false, false]);
        let longer = format!("{text} and on");
        assert_eq!(cut(vec![call(1, &text), call(2, &longer)], CutPart::Output), [true, false]);
    }

    #[test]
    fn pieces_of_a_round_length_are_whole_where_the_same_service_records_longer_texts() {
        let piece = "word ".repeat(200);
        assert_eq!(cut(vec![retrieval(&piece)], CutPart::Documents), [true]);
        let prompt = format!("Answer from: {piece}");
        let asked =
            SpanBuilder::new("chat").id(1).with("gen_ai.operation.name", "chat").with("gen_ai.prompt", prompt.as_str());
        assert_eq!(cut(vec![retrieval(&piece), asked], CutPart::Documents), [false, false]);
    }
}
