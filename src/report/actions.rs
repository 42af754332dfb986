//! What to do next, most urgent first.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Action, ContentReport, JudgeReport, LabelProgress, Moment, RubricReport, Urgency, Verdict};
use super::drift::Flag;
use super::traffic::Traffic;
use super::words::{code, count, date, percent, plural, signed, signed_estimate, time};
use crate::cells::OTHER_MODELS;
use crate::conventions::ContentSwitch;
use crate::drift::Kind;
use crate::model::{Named as _, ProblemCode, SubjectKind};
use crate::store::{CellsBuilt, Ledger, ProblemCount};

/// The share of failures from which a judge needs attention.
const FAILING: f64 = 0.05;
/// The share of subjects without content from which producers need attention.
const WITHOUT_CONTENT: f64 = 0.02;
/// Services that an action names.
const SERVICES: usize = 5;
/// Reasons for failures that an action names.
const REASONS: usize = 3;

/// What to know of the sums that the numbers of the traffic are made of.
pub(super) fn of_sums(traffic: &Traffic, sums: CellsBuilt, set_aside: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    let going_on = |from: &str| {
        format!("{from}: numbers of the traffic are of the rest. A running judged goes on with it by itself.")
    };
    let text = match sums {
        CellsBuilt::Complete => None,
        CellsBuilt::Since(i64::MAX) => Some(going_on("None of the scores are summed up yet")),
        CellsBuilt::Since(ms) => {
            Some(going_on(&format!("Scores planned before {} are still being summed up", Moment(ms))))
        }
        CellsBuilt::Foreign => Some(
            "A newer release of judged keeps the sums of scores, which this one does not read: there are no numbers of the traffic. \
             Make reports with the newer one; `judged calibration rebuild --newer-is-gone` after going back for good."
                .to_owned(),
        ),
    };
    actions.extend(text.map(|text| soon(&text, None)));
    if set_aside > 0 {
        let text = format!(
            "{set_aside} evaluations cannot be read and are missing among the numbers of the traffic; the log of the workers names \
             them. `judged calibration rebuild` tries them again."
        );
        actions.push(now(&text, None));
    }
    for judge in traffic.pooled_judges() {
        let text = format!(
            "The judge {judge} answered under more model names than are told apart; those that came last are pooled as {OTHER_MODELS}. \
             Have its endpoint report stable names."
        );
        actions.push(soon(&text, None));
    }
    for name in traffic.pooled_segments() {
        let text = format!(
            "The segment {name} has more values than are told apart; those that came last are pooled. Leave it out of [segments], or name an \
             attribute with fewer values."
        );
        actions.push(soon(&text, None));
    }
    actions
}

pub(super) fn actions(
    rubrics: &[RubricReport],
    labels: &LabelProgress,
    (contents, problems): (Vec<ContentReport>, &[ProblemCount]),
    judges: &[JudgeReport],
    ledger: &Ledger,
) -> Vec<Action> {
    let mut actions = Vec::new();
    if !ledger.balanced {
        let text = "The ledger does not balance: some decision was not recorded. Please report this with the output of `judged ledger --format json`.";
        actions.push(now(text, Some("/ledger")));
    }
    if let Some(damage) = ledger.damage() {
        actions.push(now(&format!("{damage}. Please report this."), Some("/ledger")));
    }
    for rubric in rubrics.iter().filter(|rubric| rubric.enabled) {
        actions.extend(of_rubric(rubric));
    }
    actions.extend(
        contents
            .iter()
            .filter(|content| content.kind == SubjectKind::Generation.as_str())
            .filter_map(|content| of_content(content, problems)),
    );
    actions.extend(of_limits(problems));
    actions.extend(judges.iter().filter_map(of_judge));
    for (sink, account) in ledger.deliveries.iter().filter(|(_, account)| account.given_up > 0) {
        let text = format!(
            "The sink {sink} refused {} for good: `judged doctor` says what it answers.",
            plural(account.given_up.max(0) as u64, "score", "scores")
        );
        actions.push(now(&text, Some("/ledger")));
    }
    if labels.labels > 0 && labels.annotators.len() < 2 {
        let text = "Let a second person label some of the same answers: until then nobody knows how far people agree with each other, and so what agreement with one of them is worth.";
        actions.push(soon(text, Some("/label")));
    }
    actions
}

/// Flags of answers that moved: what speaks against a judge is in the verdict on its rubric.
fn of_answers<'a>(rubrics: &'a [RubricReport], flags: &'a [Flag]) -> impl Iterator<Item = (&'a str, &'a Flag)> {
    let is_enabled = |name: &str| rubrics.iter().any(|rubric| rubric.enabled && rubric.name == name);
    let of_whole = flags.iter().filter(|flag| flag.flag.kind == Kind::Quality && flag.flag.segment.is_none());
    of_whole.filter_map(move |flag| Some((flag.rubric.as_deref().filter(|name| is_enabled(name))?, flag)))
}

/// What to do about answers that moved.
pub(super) fn moved(rubrics: &[RubricReport], flags: &[Flag]) -> Vec<Action> {
    let action = |(rubric, flag): (&str, &Flag)| {
        let Flag { flag, .. } = flag;
        let text = format!(
            "{rubric}: the answers' mean value moved by {} since {}. {}",
            signed_estimate(&flag.effect),
            time(flag.since),
            flag.advice
        );
        now(&text, Some("/report#drift"))
    };
    of_answers(rubrics, flags).map(action).collect()
}

/// The answer of the first screen: which rubrics can be relied on, which not, which nobody can judge yet, and whether the
/// answers moved.
pub(super) fn headline(rubrics: &[RubricReport], flags: &[Flag]) -> Vec<String> {
    let named = |verdict: Verdict| {
        let names: Vec<&str> = rubrics
            .iter()
            .filter(|rubric| rubric.enabled && rubric.verdict.verdict == verdict)
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
    let moved = of_answers(rubrics, flags).map(|(rubric, flag)| {
        let by = flag.flag.effect.value().map(|by| format!(" by {}", signed(by))).unwrap_or_default();
        format!("The answers that {rubric} judges moved{by} on {}.", date(flag.flag.since))
    });
    moved.chain(spoken).collect()
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
    if let Some(new) = &rubric.new_series {
        return Some(now(&format!("{}: {}", rubric.name, new.text), Some(&format!("/report#{}", rubric.name))));
    }
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

fn of_content(content: &ContentReport, problems: &[ProblemCount]) -> Option<Action> {
    let missing = content.unjudgeable.get("not_captured").copied().unwrap_or(0);
    let share = missing as f64 / content.subjects.max(1) as f64;
    (share > WITHOUT_CONTENT).then(|| {
        let text = format!(
            "{} of your generations ({} of {} in the last hour of data) carry no content and cannot be judged. {}",
            percent(share),
            count(missing as i64),
            count(content.subjects as i64),
            switches(problems)
        );
        now(&text, Some("/ledger"))
    })
}

/// What to set in which service, most generations first.
fn switches(problems: &[ProblemCount]) -> String {
    let mut places = problems.iter().filter(|counted| counted.code == ProblemCode::NotCaptured.as_str());
    let named: Vec<String> = places
        .by_ref()
        .take(SERVICES)
        .map(|counted| {
            let service = if counted.service.is_empty() { "a service without a name" } else { &counted.service };
            let switch = ContentSwitch::named(&counted.instrumentation);
            let set = switch.set.replace('`', "");
            format!("In {service} ({}, {}) set {set}.", switch.instrumentation, count(counted.subjects))
        })
        .collect();
    match (named.is_empty(), places.count()) {
        (true, _) => format!("Let the instrumentation record it: {}.", ContentSwitch::named("").set.replace('`', "")),
        (false, 0) => named.join(" "),
        (false, more) => format!("{} {more} more are in the ledger.", named.join(" ")),
    }
}

/// What to raise where texts are cut by limits.
fn of_limits(problems: &[ProblemCount]) -> Option<Action> {
    let by_limits = |counted: &&ProblemCount| {
        ProblemCode::parse(&counted.code).is_some_and(ProblemCode::is_of_a_limit) && !counted.service.is_empty()
    };
    let mut services: BTreeMap<&str, (i64, BTreeSet<&str>)> = BTreeMap::new();
    for counted in problems.iter().filter(by_limits) {
        let (subjects, remedies) = services.entry(&counted.service).or_default();
        *subjects += counted.subjects;
        remedies.extend(ProblemCode::parse(&counted.code).and_then(ProblemCode::remedy));
    }
    let mut services: Vec<_> = services.into_iter().collect();
    services.sort_by_key(|(_, (subjects, _))| -subjects);
    let named: Vec<String> = services
        .iter()
        .take(SERVICES)
        .map(|(service, (subjects, remedies))| {
            let remedies: Vec<String> = remedies.iter().map(|remedy| remedy.replace('`', "")).collect();
            format!("in {service} ({}×) {}", count(*subjects), remedies.join(" and "))
        })
        .collect();
    (!named.is_empty()).then(|| {
        let text = format!("Content is cut by limits, and what is cut is not judged: {}.", named.join("; "));
        soon(&text, Some("/ledger"))
    })
}

fn of_judge(judge: &JudgeReport) -> Option<Action> {
    let number = |outcome: &str| judge.outcomes.get(outcome).copied().unwrap_or(0);
    let all: u64 = judge.outcomes.values().sum();
    let failed = number("failed");
    let share = failed as f64 / all.max(1) as f64;
    (failed > 0).then(|| {
        let reasons: Vec<String> = judge
            .failures
            .iter()
            .take(REASONS)
            .map(|failure| format!("{} ({}×): {}", code(&failure.reason), count(failure.count as i64), failure.remedy))
            .collect();
        let text = format!(
            "The judge {}{} failed on {} of {} evaluations ({}). {}. Once that is mended, judged backfill --failed --rubric NAME has \
             them judged again.",
            judge.judge,
            judge.judge_model.as_deref().map(|model| format!(" ({model})")).unwrap_or_default(),
            count(failed as i64),
            count(all as i64),
            percent(share),
            reasons.join("; ")
        );
        let urgent = if share > FAILING { now } else { soon };
        urgent(&text, Some("/evaluations?outcome=failed"))
    })
}
