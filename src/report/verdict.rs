//! Whether the scores of a rubric may be believed, in words, and why.
//!
//! Bad news needs fewer labels than good news: an upper limit below the bar speaks at once, while trust waits until there
//! are enough labels for honest intervals.

use super::data::{AgreementReport, HumanReport, PassFailAgreement, SeriesReport, Verdict, VerdictReport};
use super::drift::Flag;
use super::words::{count, percent, percent_estimate, plural};
use crate::agreement::intervals::{MIN_MINORITY, MIN_PAIRS};
use crate::drift::Kind;
use crate::model::Moment;
use crate::statistics::Estimate;

/// A judge must catch more than half of the bad answers, and pass more than half of the good ones: below, a coin does better.
const COIN: f64 = 0.5;
/// Kappa's lower limit from which agreement is more than a little above chance.
const ABOVE_CHANCE: f64 = 0.2;
/// The share of failed evaluations from which the scored ones may be a selection.
const MANY_FAILURES: f64 = 0.2;
/// Bad answers that must have been labelled before a judge is said to miss them.
const MIN_BAD: u64 = 5;

fn low(estimate: &Estimate) -> Option<f64> {
    estimate.interval().map(|interval| interval.low)
}

fn high(estimate: &Estimate) -> Option<f64> {
    estimate.interval().map(|interval| interval.high)
}

/// `misses 4 of 10 bad answers`, from an estimate of what it catches.
fn misses(pass_fail: &PassFailAgreement) -> String {
    format!(
        "it misses {} of {} bad answers that were labelled (catches {})",
        count(pass_fail.missed as i64),
        count(pass_fail.bad as i64),
        percent_estimate(&pass_fail.tnr)
    )
}

fn raises(pass_fail: &PassFailAgreement) -> String {
    format!(
        "it fails {} of {} good answers that were labelled (passes {})",
        count(pass_fail.false_alarms as i64),
        count(pass_fail.good as i64),
        percent_estimate(&pass_fail.tpr)
    )
}

/// A judge that is right less often than one that always says the commoner verdict, with what its rarer verdicts are worth.
fn no_better_than_always_the_same(pass_fail: &PassFailAgreement) -> Option<String> {
    let PassFailAgreement { good, bad, missed, false_alarms, .. } = *pass_fail;
    // What it gains where people say the rarer verdict, and loses where they say the commoner one.
    let (always, gained, lost, said, wrong) = if good >= bad {
        ("pass", bad.saturating_sub(missed), false_alarms, "fails", "good")
    } else {
        ("fail", good.saturating_sub(false_alarms), missed, "passes", "bad")
    };
    (gained <= lost && lost > 0).then(|| {
        format!(
            "of {} that it {said} {} {wrong}: always saying {always} would agree with people at least as often",
            plural(gained + lost, "labelled answer", "labelled answers"),
            count(lost as i64) + if lost == 1 { " is" } else { " are" }
        )
    })
}

/// The verdict on a rubric whose current series is `series`.
pub(super) fn verdict(series: Option<&SeriesReport>, humans: &HumanReport, flags: &[&Flag]) -> VerdictReport {
    let Some(series) = series.filter(|series| series.scored > 0) else {
        return plain(Verdict::NoScores, "Nothing has been scored yet", Vec::new());
    };
    let agreement = &series.agreement;
    let mut against = flagged(flags);
    against.extend(evidence_against(agreement));
    if !against.is_empty() {
        let needed = needed(agreement);
        return VerdictReport {
            labels_needed: needed,
            ..plain(Verdict::DoNotTrust, "Do not rely on these scores", against)
        };
    }
    if let Some(needed) = needed(agreement) {
        return too_few(series, needed);
    }
    let limits = limits(series, humans);
    if limits.is_empty() {
        plain(Verdict::Trust, "The scores can be relied on", support(agreement))
    } else {
        plain(Verdict::WithCare, "Usable, within limits", limits)
    }
}

fn plain(verdict: Verdict, headline: &str, reasons: Vec<String>) -> VerdictReport {
    VerdictReport { verdict, headline: headline.to_owned(), reasons, labels_needed: None }
}

fn flagged(flags: &[&Flag]) -> Vec<String> {
    let moved = flags.iter().map(|flag| &flag.flag).filter(|flag| matches!(flag.kind, Kind::Agreement | Kind::Judge));
    let day = |time: Moment| -> String { time.to_string().chars().take("2026-01-31".len()).collect() };
    moved
        .map(|flag| {
            let what =
                if flag.kind == Kind::Judge { "the judge's verdicts on known items" } else { "agreement with people" };
            format!("{what} moved on {}: {}", day(flag.since), flag.advice)
        })
        .collect()
}

/// What already speaks against the judge, whatever more labels may bring.
fn evidence_against(agreement: &AgreementReport) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(pass_fail) = &agreement.pass_fail {
        if pass_fail.bad >= MIN_BAD && high(&pass_fail.tnr).is_some_and(|high| high < COIN) {
            reasons.push(misses(pass_fail));
        }
        if pass_fail.good >= MIN_BAD && high(&pass_fail.tpr).is_some_and(|high| high < COIN) {
            reasons.push(raises(pass_fail));
        }
        if low(&pass_fail.cohen_kappa).is_some_and(|low| low <= 0.0) {
            reasons.push("its agreement with people cannot be told from chance".to_owned());
        }
    }
    if high(&agreement.baseline.advantage).is_some_and(|high| high < 0.0) {
        reasons.push("the offline baseline agrees with people more often than this judge does".to_owned());
    }
    reasons
}

/// How many more labels a verdict takes; none when there are enough.
fn needed(agreement: &AgreementReport) -> Option<u64> {
    let missing = (MIN_PAIRS as u64).saturating_sub(agreement.items);
    let Some(pass_fail) = &agreement.pass_fail else { return (missing > 0).then_some(missing) };
    let rarer = pass_fail.bad.min(pass_fail.good);
    let missing_rare = (MIN_MINORITY as u64).saturating_sub(rarer);
    if missing_rare == 0 {
        return (missing > 0).then_some(missing);
    }
    // At the rate seen so far; one in twenty where the rarer kind was not seen.
    let rate = if rarer > 0 { rarer as f64 / agreement.items as f64 } else { 0.05 };
    Some(missing.max((missing_rare as f64 / rate).ceil() as u64))
}

/// What a verdict takes and what there is: `drawn` labels, so many of them bad and good answers.
fn shortage(drawn: u64, kinds: Option<(u64, u64)>) -> String {
    let takes = |of_each: &str| format!("a verdict takes {MIN_PAIRS} drawn labels{of_each}");
    let there = plural(drawn, "label", "labels");
    match kinds {
        None => format!("{}: there are {}", takes(""), count(drawn as i64)),
        Some(_) if drawn == 0 => {
            format!("{}, and where one answer in twenty is bad that is 200: there is none", takes(&of_each()))
        }
        Some((bad, good)) => format!(
            "{}: there are {there}, of {} and {}",
            takes(&of_each()),
            plural(bad, "bad answer", "bad answers"),
            plural(good, "good one", "good ones")
        ),
    }
}

fn of_each() -> String {
    format!(" with at least {MIN_MINORITY} bad and {MIN_MINORITY} good answers among them")
}

fn too_few(series: &SeriesReport, needed: u64) -> VerdictReport {
    let agreement = &series.agreement;
    let kinds = agreement.pass_fail.map(|pass_fail| (pass_fail.bad, pass_fail.good));
    let mut reasons = vec![shortage(agreement.items, kinds)];
    if let Some(unknown) = &series.agreement_unknown {
        reasons.push(format!(
            "{} chosen in a way nobody recorded: shown below, but no basis for a verdict",
            plural(unknown.items, "label was", "labels were")
        ));
    }
    VerdictReport {
        labels_needed: Some(needed),
        ..plain(
            Verdict::TooFewLabels,
            &format!("Nobody can say yet: about {} missing", plural(needed, "label is", "labels are")),
            reasons,
        )
    }
}

/// What keeps a judge with enough labels from being trusted without reserve.
fn limits(series: &SeriesReport, humans: &HumanReport) -> Vec<String> {
    let agreement = &series.agreement;
    let mut limits = Vec::new();
    match &agreement.pass_fail {
        Some(pass_fail) => {
            if !low(&pass_fail.tnr).is_some_and(|low| low >= COIN) {
                limits.push(misses(pass_fail));
            }
            if !low(&pass_fail.tpr).is_some_and(|low| low >= COIN) {
                limits.push(raises(pass_fail));
            }
            limits.extend(no_better_than_always_the_same(pass_fail));
            if !low(&pass_fail.cohen_kappa).is_some_and(|low| low >= ABOVE_CHANCE) {
                limits.push(format!(
                    "agreement is little above chance: kappa {}",
                    super::words::number_estimate(&pass_fail.cohen_kappa)
                ));
            }
            if let (Some(own), Some(ceiling)) = (high(&pass_fail.raw_agreement), low(&humans.raw_agreement))
                && own < ceiling
            {
                limits.push(format!(
                    "people agree with each other more often: {}",
                    percent_estimate(&humans.raw_agreement)
                ));
            }
        }
        None => limits.push("the scale declares no threshold, so nothing can be said of bad answers missed".to_owned()),
    }
    let baseline = &agreement.baseline;
    if baseline.items > 0 && !low(&baseline.advantage).is_some_and(|low| low > 0.0) {
        limits.push("it is not shown to agree with people more often than the offline baseline".to_owned());
    }
    let failed = series.outcomes.get("failed").copied().unwrap_or(0);
    let share = failed as f64 / (failed + series.scored) as f64;
    if share > MANY_FAILURES {
        limits
            .push(format!("{} of the judge's attempts failed, so the scored ones may be a selection", percent(share)));
    }
    limits
}

fn support(agreement: &AgreementReport) -> Vec<String> {
    let Some(pass_fail) = &agreement.pass_fail else { return Vec::new() };
    vec![
        format!("it agrees with people on {} of answers", percent_estimate(&pass_fail.raw_agreement)),
        format!("it catches {} of bad answers", percent_estimate(&pass_fail.tnr)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_fails_more_good_answers_than_bad_ones_is_held_against_always_saying_pass() {
        let known = Estimate::Bare(0.8, crate::statistics::Reason::Thin);
        let of = |good, bad, missed, false_alarms| PassFailAgreement {
            raw_agreement: known,
            tpr: known,
            tnr: known,
            cohen_kappa: known,
            gwet_ac1: known,
            good,
            bad,
            missed,
            false_alarms,
        };
        let said = no_better_than_always_the_same(&of(180, 20, 4, 36)).unwrap();
        assert_eq!(
            said,
            "of 52 labelled answers that it fails 36 are good: always saying pass would agree with people at least as often"
        );
        assert_eq!(no_better_than_always_the_same(&of(180, 20, 4, 10)), None);
        let said = no_better_than_always_the_same(&of(20, 180, 36, 4)).unwrap();
        assert!(said.contains("passes 36 are bad") && said.contains("always saying fail"), "{said}");
    }

    #[test]
    fn one_sentence_says_what_a_verdict_takes_and_what_there_is() {
        insta::assert_snapshot!(
            [shortage(0, Some((0, 0))), shortage(13, Some((2, 11))), shortage(107, Some((7, 100))), shortage(13, None)].join("\n"),
            @r"
        a verdict takes 100 drawn labels with at least 10 bad and 10 good answers among them, and where one answer in twenty is bad that is 200: there is none
        a verdict takes 100 drawn labels with at least 10 bad and 10 good answers among them: there are 13 labels, of 2 bad answers and 11 good ones
        a verdict takes 100 drawn labels with at least 10 bad and 10 good answers among them: there are 107 labels, of 7 bad answers and 100 good ones
        a verdict takes 100 drawn labels: there are 13
        "
        );
    }
}
