//! What the simulation says of itself, and what its report found beside the truth.

use std::path::Path;

use super::Scenario;
use crate::calibration::drift::{Attribution, Flag, Kind};
use crate::calibration::report::words::{code, signed_estimate};
use crate::calibration::report::{Moment, ReportData};

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
pub(super) fn opening(scenario: Scenario, seed: u64, out: &Path) {
    println!("judged demo: a SIMULATION of twelve weeks on bundled answers (seed {seed})\n");
    println!("  verdicts  made up, through the real store, drift detection and report; 50 labels a week");
    println!("  truth     {}", story(scenario));
    println!("  files     {}\n", out.display());
}

/// What the report found, and where the truth was.
pub(super) fn result(scenario: Scenario, report: &ReportData, changed_at_ms: i64, out: &Path) {
    let truth = scenario.truth();
    if truth.is_some() {
        println!("  changed   {}", day(&serde_json::json!(Moment(changed_at_ms))));
    }
    let flags: Vec<&Flag> = report.drift.flags.iter().map(|flag| &flag.flag).collect();
    let whole = flags.iter().find(|flag| flag.kind == Kind::Agreement && flag.segment.is_none());
    let over = report.drift.recovered.iter();
    let over: Vec<_> =
        over.filter(|one| one.flag.flag.kind == Kind::Agreement && one.flag.flag.segment.is_none()).collect();
    for one in &over {
        found(&one.flag.flag, truth);
        println!("  back      since {}, shown on {}", day(&one.recovery.since), day(&one.recovery.detected_at));
    }
    match (whole, truth) {
        (None, _) if !over.is_empty() => println!("  now       no fall of agreement is flagged"),
        (Some(flag), _) => {
            found(flag, truth);
            println!("  advice    {}", flag.advice);
        }
        (None, Some(_)) => println!("  found     no fall of agreement: twelve weeks were too few with this seed"),
        (None, None) => println!("  found     no fall of agreement, which is right"),
    }
    for flag in flags.iter().filter(|flag| whole != Some(flag)) {
        let segment = flag.segment.as_deref().map(|segment| format!(" ({segment})")).unwrap_or_default();
        println!("  also      {}{segment}: {}", code(&name(&flag.kind)), code(&name(&flag.attribution)));
    }
    println!("  ledger    {}", if report.ledger.balanced { "both accounts balance" } else { "DOES NOT BALANCE" });
    println!("  report    file://{}", out.join("report.html").display());
}

/// When a fall of agreement was found, and whether its cause is the true one.
fn found(flag: &Flag, truth: Option<Attribution>) {
    println!(
        "  found     {}, said to be since {}: agreement {}, {} labels after it fell",
        day(&flag.detected_at),
        day(&flag.since),
        signed_estimate(&flag.effect),
        flag.labels_to_detection
    );
    let right = if truth == Some(flag.attribution) { "which is right" } else { "which is NOT what happened" };
    println!("  cause     {}, {right}", code(&name(&flag.attribution)));
}

/// A name of the drift format.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::new(),
    }
}

/// The day of a moment in the drift format.
fn day(time: &serde_json::Value) -> String {
    time.as_str().map_or_else(String::new, |text| text.chars().take(10).collect())
}
