//! The report as one self-contained HTML file: no script, no network, charts inside.

use std::collections::BTreeMap;

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::charts::{Bar, Course, Fell, Row, Watched, bars, evidence, forest, timeline};
use super::data::{ReportData, RubricReport, SeriesReport};
use super::drift::DriftReport;
use super::templating::{STYLE, environment};
use super::words;
use crate::statistics::{Estimate, Reason};

/// The charts of one rubric.
#[derive(Debug, Serialize)]
struct Charts {
    timeline_wide: String,
    timeline_narrow: String,
    evidence_wide: String,
    evidence_narrow: String,
    agreement: String,
    catches: String,
    distribution: String,
}

const WIDE: f64 = 1_000.0;
const NARROW: f64 = 330.0;

/// The whole file.
pub fn render(report: &ReportData) -> Result<String, minijinja::Error> {
    let context =
        context! { style => Value::from_safe_string(STYLE.to_owned()), live => false, ..body_context(report) };
    environment()?.get_template("report.html")?.render(context)
}

/// What `report_body.html` needs; pages that are served add `live`.
fn body_context(report: &ReportData) -> Value {
    let Body { report, charts } = body(report);
    context! { report => Value::from(Serde(report)), charts => Value::from(Serde(&charts)) }
}

/// The same as JSON, for pages that are rendered later.
pub(super) fn context_json(report: &ReportData) -> Result<String, serde_json::Error> {
    serde_json::to_string(&body(report))
}

/// The same from that JSON.
pub(super) fn kept_context(kept: &serde_json::Value) -> Value {
    Value::from(Serde(kept))
}

/// What the templates read.
#[derive(Serialize)]
struct Body<'a> {
    report: &'a ReportData,
    charts: BTreeMap<&'a str, Charts>,
}

fn body(report: &ReportData) -> Body<'_> {
    let charts = report.rubrics.iter().map(|rubric| (rubric.name.as_str(), charts(rubric, &report.drift))).collect();
    Body { report, charts }
}

fn charts(rubric: &RubricReport, drift: &DriftReport) -> Charts {
    let (evidence_wide, evidence_narrow) = evidence_charts(&rubric.name, drift);
    let Some(current) = rubric.current.and_then(|index| rubric.series.get(index)) else {
        let none = String::new;
        return Charts {
            timeline_wide: none(),
            timeline_narrow: none(),
            evidence_wide,
            evidence_narrow,
            agreement: none(),
            catches: none(),
            distribution: none(),
        };
    };
    let courses = courses(rubric, current);
    let courses: Vec<Course<'_>> = courses
        .iter()
        .map(|(name, series)| Course { name, timeline: &series.timeline, faint: series.baseline })
        .collect();
    let title = format!("{}: mean value over time", rubric.name);
    let levels: Vec<Bar<'_>> = current
        .distribution
        .iter()
        .rev()
        .map(|level| Bar { level: &level.level, meaning: &level.meaning, count: level.count, share: level.share })
        .collect();
    Charts {
        timeline_wide: timeline("chart wide", WIDE, &title, &courses),
        timeline_narrow: timeline("chart narrow", NARROW, &title, &courses),
        evidence_wide,
        evidence_narrow,
        agreement: forest("chart", NARROW, "Agreement, side by side", &agreement_rows(rubric, current)),
        catches: catches(current),
        distribution: if levels.is_empty() {
            String::new()
        } else {
            bars("chart", NARROW, "How often each level was given", &levels)
        },
    }
}

/// The evidence of the watch on agreement, wide and narrow; empty while nothing is watched.
fn evidence_charts(rubric: &str, drift: &DriftReport) -> (String, String) {
    let watch = drift.watching.iter().find(|watch| watch.rubric == rubric);
    let Some((watch, course)) = watch.and_then(|watch| Some((watch, watch.course.as_ref()?))) else {
        return (String::new(), String::new());
    };
    let Some(baseline_until) = watch.baseline_until else { return (String::new(), String::new()) };
    let falls: Vec<Fell> = drift.falls_of(rubric).collect();
    let watched = Watched { course, baseline_until, falls: &falls };
    let title = format!("{rubric}: evidence that agreement with people fell");
    (evidence("chart wide", WIDE, &title, &watched), evidence("chart narrow", NARROW, &title, &watched))
}

/// The series of the current judge, and the baseline's for comparison.
fn courses<'a>(rubric: &'a RubricReport, current: &SeriesReport) -> Vec<(String, &'a SeriesReport)> {
    let several_versions = rubric.series.iter().any(|series| series.version != current.version);
    let shown =
        rubric.series.iter().filter(|series| series.scored > 0 && (series.judge == current.judge || series.baseline));
    shown
        .map(|series| {
            let model = series.judge_model.as_deref().unwrap_or(&series.judge);
            let version = if several_versions { format!("v{} ", series.version) } else { String::new() };
            let name = format!("{version}{model}{}", words::revision(series.revisions));
            (name, series)
        })
        .collect()
}

fn agreement_rows<'a>(rubric: &'a RubricReport, current: &'a SeriesReport) -> Vec<Row<'a>> {
    let agreement = &current.agreement;
    let none = Estimate::Undefined(Reason::NoPairs);
    let own = match (&agreement.pass_fail, &agreement.on_scale) {
        (Some(pass_fail), _) => pass_fail.raw_agreement,
        (None, Some(on_scale)) => on_scale.raw_agreement,
        (None, None) => none,
    };
    vec![
        Row { name: "this judge and people", estimate: own, main: true },
        Row { name: "people among each other", estimate: rubric.humans.raw_agreement, main: false },
        Row { name: "the offline baseline, same items", estimate: agreement.baseline.raw_agreement, main: false },
        Row {
            name: "always the commonest answer",
            estimate: agreement.majority_class.as_ref().map_or(none, |majority| majority.share),
            main: false,
        },
    ]
}

fn catches(current: &SeriesReport) -> String {
    let Some(pass_fail) = &current.agreement.pass_fail else { return String::new() };
    let rows = [
        Row { name: "bad answers it catches", estimate: pass_fail.tnr, main: true },
        Row { name: "good answers it passes", estimate: pass_fail.tpr, main: true },
    ];
    forest("chart", NARROW, "What the judge catches", &rows)
}
