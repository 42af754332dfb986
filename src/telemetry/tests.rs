//! The page of metrics is what the list says.

use super::metric::{Description, Kind, Label};
use super::metric_list;
use crate::model::{Named as _, ProblemCode};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");

/// Everything on the page before the rows of the table.
const HEAD: &str = "\
<!-- Written from src/telemetry/metric_list.rs. After a change there: UPDATE_DOCS=1 cargo test --lib docs_page -->

# Metrics

`judged run` serves these at `/metrics` on its web address, in Prometheus' text format, and exports them over OTLP where
`telemetry.otlp_endpoint` is set. The dashboard in `deploy/grafana` and the alert rules in `deploy/prometheus` use them.

In Prometheus' format dots become underscores, a counter ends in `_total`, and a unit is appended: `_seconds` for `s`, `_ratio`
for `1`, nothing for a unit in braces. A histogram comes as `_bucket`, `_sum` and `_count`. Values in parentheses are all that a
label can have; other labels carry the names that your configuration and rubrics use.

| Metric | In Prometheus | Kind | Unit | Labels | Meaning |
|---|---|---|---|---|---|
";

/// A metric's name in Prometheus, without the parts of a histogram.
pub(crate) fn prometheus_name(metric: &Description) -> String {
    let name = metric.name.replace('.', "_");
    match (metric.kind, metric.unit) {
        (Kind::Counter, _) => format!("{name}_total"),
        (_, "s") => format!("{name}_seconds"),
        (_, "1") => format!("{name}_ratio"),
        _ => name,
    }
}

fn label(label: &Label) -> String {
    match label.values {
        [] => format!("`{}`", label.name),
        values => format!("`{}` ({})", label.name, values.join(", ")),
    }
}

fn row(metric: &Description) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let labels = metric.labels.iter().map(label).collect::<Vec<_>>().join(", ");
    let labels = if labels.is_empty() { "–" } else { &labels };
    format!(
        "| `{}` | `{}` | {kind} | `{}` | {labels} | {} |\n",
        metric.name,
        prometheus_name(metric),
        metric.unit,
        metric.help
    )
}

#[test]
fn docs_page_of_metrics_is_what_the_list_says() {
    let page: String = std::iter::once(HEAD.to_owned()).chain(metric_list::ALL.iter().map(row)).collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == page, "docs/metrics.md is out of date; run UPDATE_DOCS=1 cargo test --lib docs_page");
}

#[test]
fn every_problem_has_its_series() {
    let codes = metric_list::PROBLEMS.description.labels[0].values;
    assert_eq!(codes, ProblemCode::NAMES);
}

#[test]
fn every_histogram_has_ascending_buckets_and_nothing_else_has_any() {
    for metric in metric_list::ALL {
        assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{}", metric.name);
        assert!(metric.buckets.is_sorted_by(|a, b| a < b), "{}", metric.name);
    }
}
