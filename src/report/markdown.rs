//! The report's Markdown twin, for pull requests and chats.

use std::fmt::Write as _;

use super::data::{AlertReport, ReportData, RubricReport, SeriesReport, Urgency, Verdict};
use super::drift::{Flag, Recovered, Watch};
use super::words::{
    MILLISECONDS, NUMBER, SHARE, SIGNED, code, count, date, dollars, in_words, number, number_estimate, of_scores,
    percent, percent_estimate, plural, revision, signed_estimate, time, told, why_of_changes,
};
use crate::drift::{Candidate, Dates};
use crate::statistics::ppi::Method;

/// The report as Markdown.
pub fn render(report: &ReportData) -> String {
    let mut text = String::from("# judged report\n\n");
    if let Some(note) = &report.simulation {
        line(&mut text, &format!("> **{}**", plain(note)));
    }
    if report.headline.is_empty() {
        line(&mut text, "**Nothing has been judged yet.**");
    } else {
        line(&mut text, &format!("**{}**", report.headline.join(" ")));
    }
    if let Some((from, until)) = report.period {
        line(
            &mut text,
            &format!(
                "Answers observed from {} to {}. Brackets hold 95 % intervals; where there is none, the reason stands instead.",
                time(from),
                time(until)
            ),
        );
    }
    alerts(&mut text, report);
    verdicts(&mut text, report);
    actions(&mut text, report);
    drift(&mut text, report);
    for rubric in &report.rubrics {
        self::rubric(&mut text, rubric);
    }
    accounts(&mut text, report);
    text
}

fn line(text: &mut String, paragraph: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "{paragraph}\n");
}

/// Text from outside inside Markdown: no markup, no new line, no table cell of its own.
fn plain(outside: &str) -> String {
    let mut safe = String::with_capacity(outside.len());
    for character in outside.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' => {
                safe.push('\\');
                safe.push(character);
            }
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    without_links(safe)
}

/// The same text, in which renderers find no bare address and nobody to notify.
fn without_links(text: String) -> String {
    /// Invisible, and of no width.
    const WORD_JOINER: &str = "\u{2060}";
    let mut text = text;
    for (links, apart) in [("@", ("@", "")), ("://", (":", "//")), ("www.", ("www", "."))] {
        if text.contains(links) {
            text = text.replace(links, &format!("{}{WORD_JOINER}{}", apart.0, apart.1));
        }
    }
    text
}

fn table(text: &mut String, headings: &[&str], rows: &[Vec<String>]) {
    let mut lines = vec![format!("| {} |", headings.join(" | ")), format!("|{}", " --- |".repeat(headings.len()))];
    lines.extend(rows.iter().map(|row| format!("| {} |", row.join(" | "))));
    line(text, &lines.join("\n"));
}

fn current(rubric: &RubricReport) -> Option<&SeriesReport> {
    rubric.current.and_then(|index| rubric.series.get(index))
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::DoNotTrust => "do not trust",
        Verdict::TooFewLabels => "too few labels",
        Verdict::NoScores => "no scores",
        Verdict::WithCare => "with care",
        Verdict::Trust => "trust",
    }
}

fn alerts(text: &mut String, report: &ReportData) {
    let of = |alert: &AlertReport| {
        let by = match &alert.alert.acknowledged_by {
            Some(by) => format!("{} looks after it", plain(by)),
            None => "nobody looks after it yet".to_owned(),
        };
        format!("- **Alert**: {} ({by})", plain(&alert.summary))
    };
    if !report.alerts.is_empty() {
        line(text, &report.alerts.iter().map(of).collect::<Vec<_>>().join("\n"));
    }
}

fn verdicts(text: &mut String, report: &ReportData) {
    let rows: Vec<Vec<String>> = report
        .rubrics
        .iter()
        .map(|rubric| {
            let pass_fail = current(rubric).and_then(|series| series.agreement.pass_fail);
            let of = |pick: fn(&super::PassFailAgreement) -> &crate::statistics::Estimate| {
                pass_fail.as_ref().map_or_else(|| "–".to_owned(), |rates| percent_estimate(pick(rates)))
            };
            vec![
                plain(&rubric.name),
                verdict_word(rubric.verdict.verdict).to_owned(),
                of(|rates| &rates.raw_agreement),
                of(|rates| &rates.tnr),
                current(rubric).map_or_else(|| "–".to_owned(), |series| of_scores(&series.mean_value, NUMBER)),
                of_scores(&rubric.change.difference, SIGNED),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table(
            text,
            &["rubric", "verdict", "agrees with people", "bad answers caught", "mean value", "moved lately"],
            &rows,
        );
    }
}

fn actions(text: &mut String, report: &ReportData) {
    if report.actions.is_empty() {
        return;
    }
    line(text, "## What to do next");
    let items: Vec<String> = report
        .actions
        .iter()
        .map(|action| {
            let urgency = if action.urgency == Urgency::Now { "**now**" } else { "soon" };
            format!("- {urgency}: {}", plain(&action.text))
        })
        .collect();
    line(text, &items.join("\n"));
}

/// A name of the drift format as text.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => plain(&code(&text)),
        Ok(other) => plain(&other.to_string()),
        Err(_) => String::new(),
    }
}

/// The segments that see the same fall.
fn seen_in(also: &[crate::drift::Flag]) -> String {
    let segments: Vec<String> = also
        .iter()
        .filter_map(|flag| Some(format!("{} {}", plain(flag.segment.as_deref()?), signed_estimate(&flag.effect))))
        .collect();
    if segments.is_empty() { String::new() } else { format!(". Seen in: {}", segments.join(", ")) }
}

/// Where the evidence stands, and where it was highest.
fn evidence(watch: &Watch) -> String {
    let Some(course) = &watch.course else { return String::new() };
    let (Some(latest), Some(highest)) = (course.latest(), course.highest()) else { return String::new() };
    let when = date(highest.time);
    format!(
        "; evidence of a fall {} against a threshold of {}, highest {} on {when}",
        scientific(latest),
        number(course.threshold),
        scientific(highest.statistic)
    )
}

/// Evidence grows beyond what digits can show.
fn scientific(statistic: f64) -> String {
    if statistic < 1e6 { number(statistic) } else { format!("{statistic:.0e}") }
}

/// ` (between 3 and 9 Mar)`, where dates are known.
fn between(range: Option<&Dates>) -> String {
    range.map_or_else(String::new, |Dates { from, until }| format!(" (between {} and {})", date(*from), date(*until)))
}

/// What speaks for a cause.
fn cause(one: &Candidate) -> String {
    let change = told(&one.change, SIGNED, why_of_changes);
    format!("  - {}, {}: {change}; {}", name(&one.cause), one.standing.as_str(), plain(&one.why))
}

fn drift(text: &mut String, report: &ReportData) {
    line(text, "## What moved");
    if report.drift.flags.is_empty() {
        line(text, "No drift is flagged.");
    }
    for Flag { rubric, flag, also, .. } in &report.drift.flags {
        let of = |part: &Option<String>| part.as_deref().map(|part| format!(" of {}", plain(part))).unwrap_or_default();
        line(
            text,
            &format!(
                "- **{}**{}{} since {}{}: {}; {}. {}{}",
                name(&flag.kind),
                of(rubric),
                of(&flag.segment),
                name(&flag.since),
                between(flag.since_range.as_ref()),
                signed_estimate(&flag.effect),
                if flag.pending { "cause not known yet".to_owned() } else { name(&flag.attribution) },
                plain(&flag.advice),
                seen_in(also)
            ),
        );
        let causes: Vec<String> = flag.candidates.iter().map(cause).collect();
        if !causes.is_empty() {
            line(text, &causes.join("\n"));
        }
    }
    for Recovered { flag: Flag { rubric, flag, also, .. }, recovery } in &report.drift.recovered {
        let of = |part: &Option<String>| part.as_deref().map(|part| format!(" of {}", plain(part))).unwrap_or_default();
        line(
            text,
            &format!(
                "- {}{}{} moved by {} on {} ({}), **back since {}**{}",
                name(&flag.kind),
                of(rubric),
                of(&flag.segment),
                signed_estimate(&flag.effect),
                date(flag.since),
                name(&flag.attribution),
                date(recovery.since),
                seen_in(also)
            ),
        );
    }
    let watching: Vec<String> = report
        .drift
        .watching
        .iter()
        .map(|watch| {
            let state = if watch.can_see() {
                format!("{} labels, watched", count(watch.labels as i64))
            } else {
                let (labels, needed) = (count(watch.labels as i64), count(watch.needed as i64));
                format!("{labels} of {needed} labels: not watched yet")
            };
            format!("- {}: {state}{}", plain(&watch.rubric), evidence(watch))
        })
        .collect();
    if !watching.is_empty() {
        line(text, &watching.join("\n"));
    }
}

fn rubric(text: &mut String, rubric: &RubricReport) {
    line(text, &format!("## {}", plain(&rubric.name)));
    if let Some(description) = &rubric.description {
        line(text, &format!("*{}*", plain(description)));
    }
    line(text, &format!("**{}.**", rubric.verdict.headline));
    let reasons: Vec<String> = rubric.verdict.reasons.iter().map(|reason| format!("- {}", plain(reason))).collect();
    if !reasons.is_empty() {
        line(text, &reasons.join("\n"));
    }
    let Some(series) = current(rubric) else { return };
    table(text, &["", ""], &figures(rubric, series));
    if !series.segments.is_empty() {
        let rows: Vec<Vec<String>> = series
            .segments
            .iter()
            .map(|segment| {
                let value = segment
                    .value
                    .as_deref()
                    .map_or_else(|| plural(segment.pooled, "small value", "small values, pooled"), plain);
                let pooled = if segment.agreement_pooled { "the whole: " } else { "" };
                vec![
                    format!("{}: {value}", plain(&segment.name)),
                    count(segment.scored as i64),
                    of_scores(&segment.mean_value, NUMBER),
                    of_scores(&segment.pass_rate, SHARE),
                    format!("{pooled}{}", percent_estimate(&segment.agreement)),
                ]
            })
            .collect();
        table(text, &["segment", "scores", "mean value", "passes", "agrees with people"], &rows);
    }
    let disagreements: Vec<String> = rubric
        .disagreements
        .iter()
        .map(|item| {
            format!(
                "- {}: people {}, judge {} (trace `{}`, span `{}`){}",
                time(item.observed_at),
                plain(&item.human),
                plain(&item.judge),
                item.trace_id,
                item.span_id,
                item.rationale.as_deref().map(|rationale| format!(": {}", plain(rationale))).unwrap_or_default()
            )
        })
        .collect();
    if !disagreements.is_empty() {
        line(text, "### Where judge and people differ most");
        line(text, &disagreements.join("\n"));
    }
}

fn figures(rubric: &RubricReport, series: &SeriesReport) -> Vec<Vec<String>> {
    let agreement = &series.agreement;
    let mut rows: Vec<(String, String)> = vec![
        ("series".into(), series_name(series)),
        (
            "scores".into(),
            format!("{}, worth {:.0} equally weighted ones", count(series.scored as i64), series.effective),
        ),
        ("mean value".into(), of_scores(&series.mean_value, NUMBER)),
        ("the judge passes".into(), of_scores(&series.pass_rate, SHARE)),
        (
            match series.quality.method {
                Method::PredictionPowered => "answers that are good (PPI++)".into(),
                Method::LabelsOnly => "answers that are good (labels alone)".into(),
            },
            percent_estimate(&series.quality.rate),
        ),
    ];
    if series.noise.items > 0 {
        let asked = count(series.noise.items as i64);
        rows.push((
            format!("asked again, says something else (of {asked})"),
            percent_estimate(&series.noise.flip_rate),
        ));
        rows.push(("ICC of one score".into(), number_estimate(&series.noise.icc)));
    }
    rows.push(("items with both verdicts".into(), count(agreement.items as i64)));
    if let Some(rates) = &agreement.pass_fail {
        rows.push(("agrees with people".into(), percent_estimate(&rates.raw_agreement)));
        rows.push((
            format!("bad answers caught ({} of {} missed)", rates.missed, rates.bad),
            percent_estimate(&rates.tnr),
        ));
        rows.push((
            format!("good answers passed ({} of {} failed)", rates.false_alarms, rates.good),
            percent_estimate(&rates.tpr),
        ));
        rows.push(("Cohen's kappa".into(), number_estimate(&rates.cohen_kappa)));
        rows.push(("Gwet's AC1".into(), number_estimate(&rates.gwet_ac1)));
    }
    if let Some(on_scale) = &agreement.on_scale {
        rows.push(("same level".into(), percent_estimate(&on_scale.raw_agreement)));
        rows.push(("weighted kappa".into(), number_estimate(&on_scale.kappa)));
        rows.push(("Krippendorff's alpha".into(), number_estimate(&on_scale.krippendorff_alpha)));
        rows.push(("judge minus people".into(), signed_estimate(&on_scale.bias)));
        rows.push(("mean distance".into(), number_estimate(&on_scale.mae)));
    }
    if let Some(calibration) = &agreement.calibration {
        rows.push(("probabilities: Brier score".into(), number_estimate(&calibration.brier)));
        rows.push((
            format!("probabilities: calibration error ({:.3} if they were right)", calibration.ece_if_right),
            number_estimate(&calibration.ece),
        ));
        rows.push(("probabilities: area under the curve".into(), number_estimate(&calibration.auc)));
    }
    rows.push(("people among each other".into(), percent_estimate(&rubric.humans.raw_agreement)));
    rows.push(("the baseline on the same items".into(), percent_estimate(&agreement.baseline.raw_agreement)));
    rows.push(("advantage over the baseline".into(), signed_estimate(&agreement.baseline.advantage)));
    if let Some(majority) = &agreement.majority_class {
        rows.push((format!("always saying {}", plain(&majority.label)), percent_estimate(&majority.share)));
    }
    if let Some(unknown) = &series.agreement_unknown {
        rows.push(("items of unknown selection, kept apart".into(), count(unknown.items as i64)));
    }
    rows.into_iter().map(|(name, value)| vec![name, value]).collect()
}

fn series_name(series: &SeriesReport) -> String {
    let model = series.judge_model.as_deref().map(|model| format!(", {}", plain(model))).unwrap_or_default();
    let period = match (series.from, series.until) {
        (Some(from), Some(until)) => format!(", {} to {}", date(from), date(until)),
        _ => String::new(),
    };
    let revision = revision(series.revisions);
    format!("v{} by {}{model}{revision}{period}", series.version, plain(&series.judge))
}

fn accounts(text: &mut String, report: &ReportData) {
    line(text, "## Accounts");
    let streams: Vec<String> =
        report.labels.streams.iter().map(|(stream, number)| format!("{} {stream}", count(*number as i64))).collect();
    line(text, &format!("{}: {}.", plural(report.labels.labels, "label", "labels"), streams.join(", ")));
    for content in &report.content {
        let missing: Vec<String> = content
            .unjudgeable
            .iter()
            .map(|(reason, number)| {
                format!(
                    "{} {} ({})",
                    count(*number as i64),
                    code(reason),
                    percent(*number as f64 / content.subjects as f64)
                )
            })
            .collect();
        let not_judged =
            if missing.is_empty() { String::new() } else { format!("; not judged: {}", missing.join(", ")) };
        line(text, &format!("{} {}s kept{not_judged}.", count(content.subjects as i64), content.kind));
    }
    let judges: Vec<Vec<String>> = report
        .judges
        .iter()
        .map(|judge| {
            let outcomes: Vec<String> = judge
                .outcomes
                .iter()
                .map(|(outcome, number)| format!("{} {}", code(outcome), count(*number as i64)))
                .collect();
            vec![
                format!("{} {}", plain(&judge.judge), plain(judge.judge_model.as_deref().unwrap_or_default())),
                outcomes.join(", "),
                if judge.priced > 0 { dollars(judge.cost_usd) } else { "no price known".to_owned() },
                in_words(&judge.latency_median_ms, MILLISECONDS),
                in_words(&judge.latency_p95_ms, MILLISECONDS),
            ]
        })
        .collect();
    if !judges.is_empty() {
        table(text, &["judge", "outcomes", "cost", "half faster than", "95 % faster than"], &judges);
    }
    for judge in &report.judges {
        for failure in &judge.failures {
            let of = format!("{}: {}, {}", plain(&judge.judge), code(&failure.reason), percent(failure.share));
            line(
                text,
                &format!(
                    "Failed by {of} of what it was asked ({}). To do: {}.",
                    count(failure.count as i64),
                    failure.remedy
                ),
            );
        }
    }
    let ledger =
        if report.ledger.balanced { "The accounts of the ledger balance." } else { "**The ledger does not balance.**" };
    line(text, ledger);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_brings_no_markup() {
        assert_eq!(plain("a|b\n# [x](y) <i>"), "a\\|b \\# \\[x\\](y) \\<i\\>");
        for link in ["https://x.example", "www.x.example", "ask @team"] {
            assert!(!plain(link).contains(link), "{link}");
            assert_eq!(plain(link).replace('\u{2060}', ""), link);
        }
    }
}
