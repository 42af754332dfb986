//! `judged evaluations`: which answers were judged how, and why.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::arguments::TimeArg;
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table, minute};
use crate::config::Config;
use crate::model::{Named as _, Outcome, TraceId};
use crate::store::{EvaluationFilter, EvaluationOrder, EvaluationPage, EvaluationSummary};

/// Characters of a question and of a reason in the table.
const SHORT: usize = 60;

/// Lists evaluations: which answers were judged how, and why.
///
/// The same as the page and `/api/evaluations`: `judged evaluations --since 1h --sort value` has the worst answers of the
/// last hour first.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only answers observed since: `1h`, `7d`, `2026-01-31`, `2026-01-31T12:00:00Z`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// Only answers observed before, in the same forms.
    #[arg(long)]
    until: Option<TimeArg>,
    /// In which order: `time` (latest first), `value` (lowest first), `value_desc`.
    #[arg(long, default_value = "time", value_parser = order)]
    sort: EvaluationOrder,
    /// Only this rubric.
    #[arg(long)]
    rubric: Option<String>,
    /// Only this version of it.
    #[arg(long)]
    version: Option<u32>,
    /// Only this judge.
    #[arg(long)]
    judge: Option<String>,
    /// Only this outcome: `scored`, `failed`, …
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only this label: `fail`, …
    #[arg(long)]
    label: Option<String>,
    /// Only values below this.
    #[arg(long)]
    value_below: Option<f64>,
    /// Only this segment: `environment=production`.
    #[arg(long, value_parser = segment)]
    segment: Option<(String, String)>,
    /// Only answers of this `service.version`.
    #[arg(long)]
    service_version: Option<String>,
    /// Only answers of this version of the application's prompt.
    #[arg(long)]
    prompt_version: Option<String>,
    /// Only where the judge's reason contains this text.
    #[arg(long)]
    text: Option<String>,
    /// Only this trace.
    #[arg(long)]
    trace: Option<TraceId>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn order(text: &str) -> Result<EvaluationOrder, String> {
    EvaluationOrder::parse(text).ok_or_else(|| format!("expected one of {}", EvaluationOrder::NAMES.join(", ")))
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| format!("expected one of {}", Outcome::NAMES.join(", ")))
}

fn segment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Args {
    fn filter(&self, now_ms: i64) -> EvaluationFilter {
        EvaluationFilter {
            rubric: self.rubric.clone(),
            version: self.version,
            judge: self.judge.clone(),
            outcome: self.outcome,
            value_below: self.value_below,
            value_from: None,
            label: self.label.clone(),
            documents_below: None,
            segment: self.segment.clone(),
            service_version: self.service_version.clone(),
            prompt_version: self.prompt_version.clone(),
            text: self.text.clone(),
            trace: self.trace,
            since_ms: self.since.map(|since| since.ms(now_ms)),
            until_ms: self.until.map(|until| until.ms(now_ms)),
            order: self.sort,
        }
    }
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let filter = args.filter(store.now_ms());
    let page = store.evaluation_page(&filter, None, args.limit.max(1), Duration::MAX).await;
    store.close().await;
    let page = page?;
    match args.format {
        Format::Json => output.json(JsonFormat::Evaluations, &document(&page, config))?,
        Format::Table if page.evaluations.is_empty() => output.say("No evaluation passes this filter.")?,
        Format::Table => output.text(&table(&page))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn document(page: &EvaluationPage, config: &Config) -> serde_json::Value {
    let link = config.web.trace_link.as_ref();
    let evaluations = page.evaluations.iter().map(|one| {
        let mut value = json!(one);
        value["trace_url"] = json!(link.map(|link| link.address(one.trace_id, one.span_id)));
        value
    });
    json!({ "evaluations": evaluations.collect::<Vec<_>>() })
}

fn table(page: &EvaluationPage) -> String {
    let mut table = Table::new(&["observed (UTC)", "rubric", "verdict", "value", "question", "why", "trace"]);
    for one in &page.evaluations {
        let value = one.value.map(|value| format!("{value:.2}"));
        table.row(vec![
            minute(one.observed_at_ms),
            format!("{} v{}", one.rubric, one.version),
            verdict(one),
            value.unwrap_or_default(),
            short(one.question.as_deref().unwrap_or_default()),
            short(one.rationale.as_deref().or(one.reason.as_deref()).unwrap_or_default()),
            one.trace_id.to_string(),
        ]);
    }
    table.render()
}

/// The label where there is one; a number that says the same is not said again.
fn verdict(one: &EvaluationSummary) -> String {
    match (one.outcome, &one.label, one.score) {
        (Outcome::Scored, Some(label), Some(score)) if one.value != Some(score) => format!("{score} {label}"),
        (Outcome::Scored, Some(label), _) => label.clone(),
        (Outcome::Scored, None, Some(score)) => score.to_string(),
        _ => one.outcome.as_str().replace('_', " "),
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHORT) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::databases::{Database, START_MS};
    use crate::testing::evaluated::ten_days;
    use crate::testing::on_both_databases;

    fn page_of(database: &Database, filter: EvaluationFilter) -> impl Future<Output = Vec<EvaluationSummary>> {
        let store = database.store.clone();
        async move { store.evaluation_page(&filter, None, 30, Duration::MAX).await.unwrap().evaluations }
    }

    on_both_databases! {
        the_lowest_values_of_a_time_come_first_with_their_question(database) {
            ten_days(&database).await;
            let since_ms = START_MS + 8 * 86_400_000;
            let of = |order| EvaluationFilter { since_ms: Some(since_ms), order, ..EvaluationFilter::default() };
            let worst = page_of(&database, of(EvaluationOrder::Value)).await;
            assert!(!worst.is_empty() && worst.iter().all(|one| one.observed_at_ms >= since_ms && one.question.is_some()));
            let values: Vec<f64> = worst.iter().filter_map(|one| one.value).collect();
            assert!(values.len() == worst.len() && values.is_sorted(), "{values:?}");
            let best = page_of(&database, of(EvaluationOrder::ValueDescending)).await;
            assert!(best[0].value >= worst.last().unwrap().value);
            let until = EvaluationFilter { until_ms: Some(since_ms), ..EvaluationFilter::default() };
            assert!(page_of(&database, until).await.iter().all(|one| one.observed_at_ms < since_ms));
            let text = table(&EvaluationPage { evaluations: worst, next: None, searched: None });
            assert!(text.contains("question") && text.lines().count() > 1, "{text}");
        }
    }
}
