//! From the turns of a conversation to what session rubrics judge.

use std::collections::HashSet;

use super::problems;
use crate::model::{CutPart, CutParts, Document, Subject, SubjectContent, SubjectId, SubjectKind, Turn};

/// The subject of a conversation, from the trace subjects of its turns; `None` without any.
///
/// Its scores are attached to the root of the latest turn.
pub fn session_subject(session_id: &str, turns: &[Subject]) -> Option<Subject> {
    let mut turns: Vec<&Subject> = turns.iter().filter(|turn| turn.kind == SubjectKind::Trace).collect();
    turns.sort_by_key(|turn| turn.start);
    let (first, last) = (turns.first()?, turns.last()?);
    let judgeable = turns.iter().any(|turn| turn.unjudgeable.is_none());
    Some(Subject {
        id: SubjectId::of_session(session_id),
        kind: SubjectKind::Session,
        trace_id: last.trace_id,
        span_id: last.span_id,
        session_id: Some(session_id.to_owned()),
        start: first.start,
        end: turns.iter().map(|turn| turn.end).max().unwrap_or(last.end),
        response_id: None,
        model: last.model.clone(),
        operation: None,
        unjudgeable: if judgeable { None } else { last.unjudgeable.clone() },
        segments: last.segments.clone(),
        release: last.release.clone(),
        content: SubjectContent {
            system: turns.iter().find_map(|turn| turn.content.system.clone()),
            input: first.content.input.clone(),
            output: last.content.output.clone(),
            documents: distinct_documents(&turns),
            tools: last.content.tools.clone(),
            tool_calls: turns.iter().flat_map(|turn| turn.content.tool_calls.clone()).collect(),
            turns: turns
                .iter()
                .map(|turn| Turn { input: turn.content.input.clone(), output: turn.content.output.clone() })
                .collect(),
            ..SubjectContent::default()
        },
        cut: session_cut(&turns),
        judged_span: last.judged_span.clone(),
        problems: problems::of_session(&turns),
    })
}

/// What was cut of a conversation: its question is the first turn's, its answer the last turn's.
fn session_cut(turns: &[&Subject]) -> CutParts {
    let any = |part: CutPart| turns.iter().any(|turn| turn.cut.contains(part));
    let at = |turn: Option<&&Subject>, part: CutPart| turn.is_some_and(|turn| turn.cut.contains(part));
    CutParts::of(CutPart::Input, at(turns.first(), CutPart::Input))
        | CutParts::of(CutPart::Output, at(turns.last(), CutPart::Output))
        | CutParts::of(CutPart::Documents, any(CutPart::Documents))
        | CutParts::of(CutPart::ToolCalls, any(CutPart::ToolCalls))
        | CutParts::of(CutPart::Turns, any(CutPart::Input) || any(CutPart::Output))
}

fn distinct_documents(turns: &[&Subject]) -> Vec<Document> {
    let mut seen = HashSet::new();
    let all = turns.iter().flat_map(|turn| &turn.content.documents);
    all.filter(|document| seen.insert((&document.id, &document.text))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SegmentConfig;
    use crate::conventions::testing::SpanBuilder;
    use crate::pipeline::assembly::subjects::subjects;
    use crate::pipeline::assembly::trace::assemble;

    #[test]
    fn a_session_is_its_turns_in_order_of_time() {
        let turn = |trace: u8, start: u64| {
            let call = SpanBuilder::new("chat").id(1).with("gen_ai.operation.name", "chat");
            let answered = call
                .with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Two."}]}]"#)
                .resource("service.name", &format!("shop-{trace}"));
            let spans = vec![answered.trace(trace).times(start, start + 5).build()];
            subjects(&assemble(spans, Vec::new()), &SegmentConfig::default()).pop().unwrap()
        };
        let session = session_subject("s1", &[turn(2, 200), turn(1, 100)]).unwrap();
        assert_eq!(session.content.turns.len(), 2);
        assert_eq!((session.start, session.end), (100, 205));
        let judged_span = session.judged_span.unwrap();
        assert_eq!((judged_span.end, judged_span.resource.attributes.str("service.name")), (205, Some("shop-2")));
        assert!(session_subject("s1", &[]).is_none());
    }
}
