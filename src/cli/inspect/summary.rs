//! The table of `judged inspect` for people, and what to do about what it shows.

use std::collections::BTreeMap;

use crate::cli::output::Table;
use crate::conventions::{COMPARED_ON, ContentSwitch, REGISTRIES, TABLE};
use crate::model::{ContentState, Message, Problem, Span, Step, StepKind};

/// Characters of a text that a row shows.
const EXCERPT: usize = 48;

/// One row for each step.
pub(super) fn table<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut table = Table::new(&["trace", "span", "kind", "convention", "model", "content", "tokens", "what"]);
    let mut rows = 0;
    for step in steps {
        rows += 1;
        table.row(row(step));
    }
    if rows == 0 { "no span in these files matters to an evaluation\n".to_owned() } else { table.render() }
}

fn row(step: &Step) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let tokens = match (step.usage.input_tokens, step.usage.output_tokens) {
        (None, None) => "-".to_owned(),
        (input, output) => format!("{}+{}", input.unwrap_or(0), output.unwrap_or(0)),
    };
    vec![
        step.trace_id.to_string()[..8].to_owned(),
        step.span_id.to_string()[..8].to_owned(),
        step.kind.as_str().to_owned(),
        or_dash(step.convention.as_deref()),
        or_dash(step.response_model.as_deref().or(step.request_model.as_deref())),
        state(step).to_owned(),
        tokens,
        what(step),
    ]
}

fn state(step: &Step) -> &'static str {
    match step.kind {
        _ if step.error.is_some() => "failed",
        StepKind::Generation if step.duplicate_of.is_some() => "duplicate",
        StepKind::Generation => step.content.as_str(),
        _ => "-",
    }
}

/// What a person wants to see first: the failure, the answer, the calls, the documents, or the name.
fn what(step: &Step) -> String {
    let calls = || {
        let names: Vec<&str> =
            step.output.iter().flatten().flat_map(Message::tool_calls).map(|call| call.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("calls {}", names.join(", ")))
    };
    let text = match step.kind {
        _ if step.error.is_some() => step.error.clone(),
        StepKind::Generation => step.output_text.clone().filter(|text| !text.is_empty()).or_else(calls),
        StepKind::Retrieval => Some(format!("{} documents", step.documents.len())),
        _ => step.entity_name.clone(),
    };
    excerpt(&text.unwrap_or_else(|| step.name.clone()))
}

fn excerpt(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What the steps amount to, and what to do about it; each with the span it was read from.
pub(super) fn summary(read: &[(&Step, &Span)], stream_problems: &[Problem]) -> String {
    let steps: Vec<&Step> = read.iter().map(|(step, _)| *step).collect();
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let traces: std::collections::HashSet<_> = steps.iter().map(|step| step.trace_id).collect();
    let of_kind = |kind: StepKind| steps.iter().filter(|step| step.kind == kind).count();
    let live: Vec<&&Step> = steps.iter().filter(|step| step.is_live_generation()).collect();
    say(String::new());
    say(format!(
        "{} spans in {} traces: {} generations ({} of them duplicates), {} retrievals, {} tools, {} agents, {} embeddings, {} plain",
        steps.len(),
        traces.len(),
        of_kind(StepKind::Generation),
        of_kind(StepKind::Generation) - live.len(),
        of_kind(StepKind::Retrieval),
        of_kind(StepKind::Tool),
        of_kind(StepKind::Agent),
        of_kind(StepKind::Embedding),
        of_kind(StepKind::Other),
    ));
    states(&live).into_iter().for_each(&mut say);
    not_recorded(read).into_iter().for_each(&mut say);
    problems(&steps, stream_problems).into_iter().for_each(&mut say);
    unmapped(&steps).into_iter().for_each(&mut say);
    text
}

/// The content states of the generations that did not fail, with the remedy for each that cannot be judged.
fn states(live: &[&&Step]) -> Vec<String> {
    let mut lines = Vec::new();
    if live.is_empty() {
        return lines;
    }
    let share = |count: usize| format!("{} of {} generations ({:.0} %)", count, live.len(), percent(count, live.len()));
    let failed = live.iter().filter(|step| step.error.is_some()).count();
    let in_state =
        |state: ContentState| live.iter().filter(|step| step.error.is_none() && step.content == state).count();
    let judgeable = in_state(ContentState::Captured) + in_state(ContentState::Empty);
    lines.push(format!("{} can be judged", share(judgeable)));
    let remedies = [
        (in_state(ContentState::Empty), "really answered nothing; they are judged as empty answers"),
        (failed, "failed; they are counted and not judged"),
        (in_state(ContentState::NotCaptured), "carry no answer"),
        (in_state(ContentState::Redacted), "were masked at the source (OPENINFERENCE_HIDE_OUTPUTS and the like)"),
        (in_state(ContentState::Reference), "keep their answer elsewhere and only refer to it"),
    ];
    lines.extend(
        remedies
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, remedy)| format!("{} {remedy}", share(count))),
    );
    lines
}

/// What to do about the generations that carry no answer, by instrumentation.
fn not_recorded(read: &[(&Step, &Span)]) -> Vec<String> {
    let bare = read.iter().filter(|(step, _)| {
        step.is_live_generation() && step.error.is_none() && step.content == ContentState::NotCaptured
    });
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for (step, span) in bare {
        *counted.entry(ContentSwitch::advice(span, step)).or_default() += 1;
    }
    counted.into_iter().map(|(advice, count)| format!("  {count}×: {advice}")).collect()
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

fn problems(steps: &[&Step], stream_problems: &[Problem]) -> Vec<String> {
    let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let all = steps.iter().flat_map(|step| &step.problems).chain(stream_problems);
    for problem in all {
        *counted.entry((problem.code.as_str(), &problem.detail)).or_default() += 1;
    }
    counted.into_iter().map(|((code, detail), count)| format!("problem {code} ({count}×): {detail}")).collect()
}

fn unmapped(steps: &[&Step]) -> Vec<String> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for name in steps.iter().flat_map(|step| &step.unmapped) {
        *counted.entry(name).or_default() += 1;
    }
    if counted.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = counted.into_iter().map(|(name, count)| format!("{name} ({count}×)")).collect();
    vec![format!("attributes that no convention explains: {}", names.join(", "))]
}

/// The instrumentations that are understood.
pub(super) fn conventions() -> String {
    let mut table = Table::new(&["convention", "versions", "reads"]);
    for family in TABLE {
        table.row(vec![family.name.to_owned(), family.versions.to_owned(), family.reads.to_owned()]);
    }
    let mut text = table.render();
    let registries: Vec<String> =
        REGISTRIES.iter().map(|registry| format!("{} {}", registry.name, registry.release)).collect();
    text.push_str(&format!("Attribute names compared on {COMPARED_ON} with {}.\n", registries.join(", ")));
    text.push_str(
        "Frameworks that use these: LangChain, LlamaIndex, CrewAI, DSPy, smolagents, Agno, OpenAI Agents and others\nspeak openinference or openllmetry; Semantic Kernel, Spring AI, MS Agent Framework and AI SDK 7 speak otel-genai.\n",
    );
    text
}
