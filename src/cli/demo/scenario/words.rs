//! What the simulation says of itself, and what its report found beside the truth.

use std::path::Path;

use super::super::summary::balance;
use super::choice::Scenario;
use crate::drift::{Attribution, Flag, Kind};
use crate::report::words::{code, signed_estimate};
use crate::report::{Moment, ReportData};

/// What happened, in a few words.
fn story(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::JudgeDrift => {
            "the provider replaces the judge's model and keeps its name: agreement falls from 90 % to 60 %"
        }
        Scenario::JudgeRepaired => {
            "the provider replaces the judge's model and keeps its name: agreement falls from 90 % to 60 %; two weeks later \
             somebody puts the model back"
        }
        Scenario::InputShift => {
            "questions about contracts, of which the judge gets 65 % right, grow from 20 % to 80 % of the traffic; \
             within each kind of question nothing moves"
        }
        Scenario::RaterDrift => "people change their minds about a third of the answers; the judge stands still",
        Scenario::ReleaseWorse | Scenario::ReleaseBetter | Scenario::MixOnly => {
            scenario.releases().map_or("", |releases| releases.story)
        }
        Scenario::Healthy => "nothing moves: judge and people agree on 90 % throughout",
    }
}

/// The mark that the report bears.
pub(super) fn note(scenario: Scenario, seed: u64) -> String {
    format!(
        "This is a simulation (seed {seed}): the answers are bundled examples, and what judge and people say of them is \
         made up. Its truth: {}.",
        story(scenario)
    )
}

/// What is about to happen.
pub(super) fn opening(scenario: Scenario, seed: u64, out: &Path) -> String {
    [
        format!("judged demo: a SIMULATION of twelve weeks on bundled answers (seed {seed})\n"),
        "  verdicts  made up, through the real store, drift detection and report; 50 labels a week".to_owned(),
        format!("  truth     {}", story(scenario)),
        format!("  files     {}\n", out.display()),
    ]
    .join("\n")
}

/// What the report found, and where the truth was.
pub(super) fn result(scenario: Scenario, report: &ReportData, changed_at_ms: i64, out: &Path) -> String {
    let truth = scenario.truth();
    let mut lines = Vec::new();
    if truth.is_some() {
        lines.push(format!("  changed   {}", day(Moment(changed_at_ms))));
    }
    let flags: Vec<&Flag> = report.drift.flags.iter().map(|flag| &flag.flag).collect();
    let whole = flags.iter().find(|flag| of_all_answers(flag));
    let over: Vec<_> = report.drift.recovered.iter().filter(|one| of_all_answers(&one.flag.flag)).collect();
    for one in &over {
        let (since, shown) = (day(one.recovery.since), day(one.recovery.detected_at));
        lines.extend(found(&one.flag.flag, truth));
        lines.push(format!("  back      since {since}, shown on {shown}"));
    }
    match (whole, truth) {
        (None, _) if !over.is_empty() => lines.push("  now       no fall of agreement is flagged".to_owned()),
        (Some(flag), _) => {
            lines.extend(found(flag, truth));
            lines.push(format!("  advice    {}", flag.advice));
        }
        (None, Some(_)) => {
            lines.push("  found     no fall of agreement: twelve weeks were too few with this seed".to_owned());
        }
        (None, None) => lines.push("  found     no fall of agreement, which is right".to_owned()),
    }
    for flag in flags.iter().filter(|flag| whole != Some(flag)) {
        let segment = flag.segment.as_deref().map(|segment| format!(" ({segment})")).unwrap_or_default();
        lines.push(format!("  also      {}{segment}: {}", code(&name(&flag.kind)), code(&name(&flag.attribution))));
    }
    lines.push(format!("  ledger    {}", balance(&report.ledger)));
    lines.push(format!("  report    file://{}", out.join("report.html").display()));
    lines.join("\n")
}

/// Agreement, and not that of a segment.
fn of_all_answers(flag: &Flag) -> bool {
    flag.kind == Kind::Agreement && flag.segment.is_none()
}

/// When a fall of agreement was found, and whether its cause is the true one.
fn found(flag: &Flag, truth: Option<Attribution>) -> [String; 2] {
    let right = if truth == Some(flag.attribution) { "which is right" } else { "which is NOT what happened" };
    [
        format!(
            "  found     {}, said to be since {}: agreement {}, {} labels after it fell",
            day(flag.detected_at),
            day(flag.since),
            signed_estimate(&flag.effect),
            flag.labels_to_detection
        ),
        format!("  cause     {}, {right}", code(&name(&flag.attribution))),
    ]
}

/// A name of the drift format.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::new(),
    }
}

fn day(time: Moment) -> String {
    time.to_string().chars().take("2026-01-31".len()).collect()
}
