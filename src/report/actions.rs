//! What to do next, most urgent first.

use super::data::{Action, ContentReport, JudgeReport, LabelProgress, RubricReport, Urgency, Verdict};
use super::words::{code, count, percent, plural};
use crate::model::SubjectKind;
use crate::store::Ledger;

/// The share of failures from which a judge needs attention.
const FAILING: f64 = 0.05;
/// The share of subjects without content from which producers need attention.
const WITHOUT_CONTENT: f64 = 0.02;

pub(super) fn actions(
    rubrics: &[RubricReport],
    labels: &LabelProgress,
    contents: &[ContentReport],
    judges: &[JudgeReport],
    ledger: &Ledger,
) -> Vec<Action> {
    let mut actions = Vec::new();
    if !ledger.balanced {
        let text = "The ledger does not balance: some decision was not recorded. Please report this with the output of `judged ledger --format json`.";
        actions.push(now(text, Some("/ledger")));
    }
    for rubric in rubrics {
        actions.extend(of_rubric(rubric));
    }
    actions.extend(
        contents.iter().filter(|content| content.kind == SubjectKind::Generation.as_str()).filter_map(of_content),
    );
    actions.extend(judges.iter().filter_map(of_judge));
    for (sink, account) in ledger.deliveries.iter().filter(|(_, account)| account.given_up > 0) {
        let text = format!(
            "The sink {sink} refused {} for good: `judged doctor` says what it answers.",
            plural(account.given_up.max(0) as u64, "score", "scores")
        );
        actions.push(now(&text, Some("/ledger")));
    }
    if labels.labels > 0 && labels.annotators.len() < 2 {
        let text = "Let a second person label some of the same answers: until then nobody knows how far people agree with each other, which is the most a judge can reach.";
        actions.push(soon(text, Some("/label")));
    }
    // Stable: within an urgency, in the order above.
    actions.sort_by_key(|action| action.urgency);
    actions
}

/// The answer of the first screen: which rubrics can be relied on, which not, and which nobody can judge yet.
pub(super) fn headline(rubrics: &[RubricReport]) -> Vec<String> {
    let named = |verdict: Verdict| {
        let names: Vec<&str> = rubrics
            .iter()
            .filter(|rubric| rubric.verdict.verdict == verdict)
            .map(|rubric| rubric.name.as_str())
            .collect();
        list(&names)
    };
    let sentences = [
        (Verdict::DoNotTrust, "Do not rely on ", "."),
        (Verdict::Trust, "You can rely on ", "."),
        (Verdict::WithCare, "Read ", " with care."),
        (Verdict::TooFewLabels, "Too few labels to judge ", "."),
        (Verdict::NoScores, "Nothing has been scored for ", "."),
    ];
    let spoken = sentences
        .into_iter()
        .filter_map(|(verdict, before, after)| Some(format!("{before}{}{after}", named(verdict)?)));
    spoken.collect()
}

/// `a, b and c`.
fn list(names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some((*one).to_owned()),
        [most @ .., last] => Some(format!("{} and {last}", most.join(", "))),
    }
}

fn now(text: &str, link: Option<&str>) -> Action {
    Action { urgency: Urgency::Now, text: text.to_owned(), link: link.map(str::to_owned) }
}

fn soon(text: &str, link: Option<&str>) -> Action {
    Action { urgency: Urgency::Soon, text: text.to_owned(), link: link.map(str::to_owned) }
}

fn of_rubric(rubric: &RubricReport) -> Option<Action> {
    let label_page = format!("/label?rubric={}", rubric.name);
    match (rubric.verdict.verdict, rubric.verdict.labels_needed) {
        (Verdict::DoNotTrust, _) => {
            let text = format!(
                "{}: take no decisions on these scores. Read the disagreements, then change the rubric or the judge and compare before promoting.",
                rubric.name
            );
            Some(now(&text, Some(&format!("/report#{}", rubric.name))))
        }
        (Verdict::TooFewLabels, Some(needed)) => {
            let text = format!(
                "Label about {} more for {}; a person does 60 in half an hour.",
                plural(needed, "answer", "answers"),
                rubric.name
            );
            Some(soon(&text, Some(&label_page)))
        }
        (Verdict::WithCare, _) => {
            let text = format!("{}: read the disagreements; more labels narrow the limits.", rubric.name);
            Some(soon(&text, Some(&label_page)))
        }
        _ => None,
    }
}

fn of_content(content: &ContentReport) -> Option<Action> {
    let missing = content.unjudgeable.get("not_captured").copied().unwrap_or(0);
    let share = missing as f64 / content.subjects.max(1) as f64;
    (share > WITHOUT_CONTENT).then(|| {
        let text = format!(
            "{} of your generations ({} of {}) carry no content and cannot be judged: let the instrumentation record it, for OpenTelemetry's own by OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY.",
            percent(share),
            count(missing as i64),
            count(content.subjects as i64)
        );
        now(&text, None)
    })
}

fn of_judge(judge: &JudgeReport) -> Option<Action> {
    let number = |outcome: &str| judge.outcomes.get(outcome).copied().unwrap_or(0);
    let all: u64 = judge.outcomes.values().sum();
    let share = number("failed") as f64 / all.max(1) as f64;
    (share > FAILING).then(|| {
        let text = format!(
            "The judge {} failed on {} of {} evaluations ({}): look at the reasons.",
            code(&judge.judge),
            count(number("failed") as i64),
            count(all as i64),
            percent(share)
        );
        now(&text, Some("/evaluations?outcome=failed"))
    })
}
