//! What SDKs, Collectors and people do to traces on their way: the judged text is the same afterwards, or the subject says
//! that something is missing, or it is not judged.
//!
//! The recordings of the demo are changed in every way; `JUDGED_TEST_CAPTURES=DIR` changes those of a folder (`X.jsonl`, with
//! `X.logs.jsonl` beside it) instead, and `JUDGED_TEST_MUTATIONS=57000` makes so many spans of nonsense of them.

mod captures;
mod changes;
mod mutations;

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::model::{CutPart, ProblemCode, Subject, SubjectContent, SubjectId, SubjectKind, SubjectProblem};
use captures::Read;
use changes::{Change, Effect};

/// The seed of everything that is drawn here.
const SEED: u64 = 14;

#[test]
fn what_is_judged_is_complete_or_says_that_it_is_not() {
    // One example of each kind, and how many there are.
    let mut violations: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut judged = 0;
    for capture in captures::all() {
        let before = capture.read();
        judged += before.subjects.values().filter(|subject| subject.unjudgeable.is_none()).count();
        for (number, change) in changes::all(&capture).into_iter().enumerate() {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED + number as u64);
            let after = change.apply(&capture, &mut rng).read();
            for violation in violations_of(&before, &after, &change) {
                let kind = format!("{} {change:?} {}", capture.name, violation.field);
                violations.entry(kind).or_insert((0, violation.text)).0 += 1;
            }
        }
    }
    assert!(judged > 0, "no capture holds anything to judge");
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn nonsense_is_read_without_a_panic() {
    let number = std::env::var("JUDGED_TEST_MUTATIONS").map_or(1_000, |number| number.parse().unwrap());
    let captures = captures::all();
    for seed in 0..number {
        // A panic names the seed, which makes the same span again.
        let context = Named(seed);
        mutations::nonsense(&captures, seed).read();
        std::mem::forget(context);
    }
}

/// Prints its number when it is dropped, which only a panic does.
struct Named(u64);

impl Drop for Named {
    #[allow(clippy::print_stderr, reason = "what a failing test prints is read")]
    fn drop(&mut self) {
        eprintln!("nonsense of seed {}", self.0);
    }
}

/// What is judged after a change although it is neither the same nor says that something is missing.
struct Violation {
    field: &'static str,
    text: String,
}

fn violations_of(before: &Read, after: &Read, change: &Change) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, subject) in &after.subjects {
        let violation = match before.subjects.get(id) {
            // Where the outermost span is lost, the question and the answer are those of the next one.
            Some(original) if change.effect() == Effect::SpansLost && original.span_id != subject.span_id => {
                unknown_answer(before, subject)
            }
            Some(original) => difference(original, subject, change.effect()),
            None if change.effect().keeps_all() => Some(("subject", "was not there".to_owned())),
            // What was a duplicate, or no root, is judged where its better half is gone; it says what was said before.
            None => unknown_answer(before, subject),
        };
        let of_subject = |text| format!("{} {}: {text}", subject.kind.as_str(), subject.span_id);
        found.extend(violation.map(|(field, text)| Violation { field, text: of_subject(text) }));
    }
    if change.effect().keeps_all() {
        let lost = before.subjects.keys().filter(|id| !after.subjects.contains_key(id));
        found.extend(lost.map(|id: &SubjectId| Violation { field: "subject", text: format!("{id:?} is lost") }));
    }
    found
}

/// A field, and what is wrong with it.
type Wrong = (&'static str, String);

fn unknown_answer(before: &Read, subject: &Subject) -> Option<Wrong> {
    let answer = subject.content.output.as_deref().filter(|answer| !answer.is_empty())?;
    let declared = subject.unjudgeable.is_some() || !subject.problems.is_empty();
    (!declared && !before.answers.contains(answer)).then(|| ("output", format!("nobody gave it: {}", brief(answer))))
}

fn difference(before: &Subject, after: &Subject, effect: Effect) -> Option<Wrong> {
    if effect.keeps_all() {
        let is_unordered = |found: &SubjectProblem| found.problem.code == ProblemCode::MessageOrder;
        if effect == Effect::Order && after.problems.iter().any(is_unordered) {
            return None;
        }
        let differs = before.unjudgeable != after.unjudgeable || before.content != after.content;
        return differs.then(|| {
            let fields = texts(before).into_iter().zip(texts(after)).find(|((_, one), (_, two))| one != two);
            let (one, two) = fields.unwrap_or_default();
            (
                one.0,
                format!("{:?} {} became {:?} {}", before.unjudgeable, brief(&one.1), after.unjudgeable, brief(&two.1)),
            )
        });
    }
    let known: BTreeSet<_> = before.problems.iter().map(|found| (&found.problem.code, &found.problem.detail)).collect();
    let is_new = |found: &SubjectProblem| !known.contains(&(&found.problem.code, &found.problem.detail));
    if after.unjudgeable.is_some() || after.problems.iter().any(is_new) {
        return None;
    }
    let is_cut = |name: &str| name == "documents" && after.cut.contains(CutPart::Documents);
    if let Some(reason) = &before.unjudgeable {
        let answer = brief(after.content.output.as_deref().unwrap_or_default());
        return Some(("unjudgeable", format!("was {reason} and is judged: {answer}")));
    }
    let is_trace = before.kind == SubjectKind::Trace;
    let same = |name: &str, one: &str, two: &str| match effect {
        _ if one == two || is_cut(name) => true,
        // A rubric that needs what is gone is not applied.
        _ if two.is_empty() => true,
        // Where the outermost span says no question, it is the first prompt of a model, which holds it.
        Effect::Loss | Effect::Masked if is_trace && name == "input" && two.contains(one) => true,
        // Marks and digests say by themselves that something was redacted.
        Effect::Masked => two.contains("****") || SHOWN_WITH_MARKS.contains(&name),
        // A trace's instructions are those of its first model call that did arrive.
        Effect::SpansLost => !OWN.contains(&name) || (is_trace && name == "system"),
        Effect::None | Effect::Order | Effect::Loss => false,
    };
    let pairs = texts(before).into_iter().zip(texts(after));
    let differing = pairs.into_iter().find(|((name, one), (_, two))| !same(name, one, two));
    differing.map(|((name, one), (_, two))| (name, format!("was {} and is {}", brief(&one), brief(&two))))
}

/// What a judge sees next to the question and the answer.
const SHOWN_WITH_MARKS: [&str; 2] = ["messages", "tool_calls"];

/// What a generation says by itself; the rest comes from other spans, of which nobody knows that they are lost.
const OWN: [&str; 4] = ["system", "input", "messages", "output"];

/// The texts of a subject by the names that rubrics know them by.
fn texts(subject: &Subject) -> Vec<(&'static str, String)> {
    let SubjectContent { system, input, messages, output, documents, tool_calls, .. } = &subject.content;
    let list = |is_empty: bool, text: String| if is_empty { String::new() } else { text };
    let mut found = vec![
        ("system", system.clone().unwrap_or_default()),
        ("input", input.clone().unwrap_or_default()),
        ("output", output.clone().unwrap_or_default()),
    ];
    if subject.kind == SubjectKind::Generation {
        found.push(("messages", list(messages.is_empty(), format!("{messages:?}"))));
        found.push(("tool_calls", list(tool_calls.is_empty(), format!("{tool_calls:?}"))));
    }
    let told: BTreeMap<_, _> = documents
        .iter()
        .filter(|document| document.text.is_some())
        .map(|document| (&document.id, &document.text))
        .collect();
    found.push(("documents", list(told.is_empty(), format!("{told:?}"))));
    found
}

fn brief(text: &str) -> String {
    let tail: String = text.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
    let head: String = text.chars().take(60).collect();
    format!("{} bytes {head:?}…{tail:?}", text.len())
}
