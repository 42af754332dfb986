//! `judged judges`: how every judge fares, over all workers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table};
use crate::agreement::{Noise, Repeated};
use crate::config::Config;
use crate::config::judges::JudgeConfig;
use crate::judges::budget::{day, first_of_month};
use crate::model::{Amounts, JudgeState, Mended, Obstacle};
use crate::store::Store;

/// A worker that was not heard of for so long has ended.
const SILENT_AFTER_MS: i64 = 30_000;
/// How far noise looks back.
const NOISE_OF_MS: i64 = 30 * 86_400_000;

/// Prints how every judge fares: whether it judges or what it waits for, what it used up, how fast it answers.
///
/// The numbers are those of all workers that run. Spending counts every call, also those whose result came too late.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Default, Serialize)]
struct JudgeLine {
    judge: String,
    model: Option<String>,
    /// `working`, `waiting`, or `no_worker`.
    state: &'static str,
    workers: usize,
    obstacle: Option<Obstacle>,
    concurrency: usize,
    calls_per_minute: f64,
    /// Of the slowest worker.
    latency_ms_median: Option<i64>,
    latency_ms_p95: Option<i64>,
    pending: i64,
    oldest_pending_ms: Option<i64>,
    today: Amounts,
    this_month: Amounts,
    /// What was used up today, by rubric.
    today_by_rubric: BTreeMap<String, Amounts>,
    daily_budget_usd: Option<f64>,
    monthly_budget_usd: Option<f64>,
    daily_budget_tokens: Option<u64>,
    daily_budget_calls: Option<u64>,
    unknown_refusal: Option<String>,
    unknown_refusals: u64,
    /// By how much the rates of rubrics are lowered now so that its budget lasts; what is absent is not.
    rate_factor_by_rubric: BTreeMap<String, f64>,
    /// What it said again of the same answers in the last 30 days, by rubric.
    noise_by_rubric: BTreeMap<String, Noise>,
}

#[derive(Debug, Serialize)]
struct Lines {
    judges: Vec<JudgeLine>,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let lines = lines(config, &store).await?;
    let now_ms = store.now_ms();
    store.close().await;
    match args.format {
        Format::Json => output.json(JsonFormat::Judges, &Lines { judges: lines })?,
        Format::Table => output.text(&render(&lines, now_ms))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn lines(config: &Config, store: &Store) -> anyhow::Result<Vec<JudgeLine>> {
    let now_ms = store.now_ms();
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut lines: BTreeMap<String, JudgeLine> =
        config.judges.iter().map(|(name, judge)| (name.clone(), configured(judge))).collect();
    for (judge, state) in store.judge_states(now_ms - SILENT_AFTER_MS).await? {
        lines.entry(judge).or_default().add(state);
    }
    for (judge, (pending, oldest_ms)) in store.pending_by_judge().await? {
        let line = lines.entry(judge).or_default();
        (line.pending, line.oldest_pending_ms) = (pending, Some(now_ms - oldest_ms));
    }
    for ((judge, rubric), spent) in store.spending(day(now), day(now)).await? {
        let line = lines.entry(judge).or_default();
        line.today = line.today.plus(spent);
        line.today_by_rubric.insert(rubric, spent);
    }
    for ((judge, _), spent) in store.spending(first_of_month(now), day(now)).await? {
        let line = lines.entry(judge).or_default();
        line.this_month = line.this_month.plus(spent);
    }
    for ((rubric, judge), factors) in store.rate_factors(now_ms).await? {
        if let Some(last) = factors.last() {
            lines.entry(judge).or_default().rate_factor_by_rubric.insert(rubric, last.factor.get());
        }
    }
    let mut again: BTreeMap<(String, String), Vec<Vec<Repeated>>> = BTreeMap::new();
    for pair in store.repeated_verdicts(now_ms - NOISE_OF_MS).await? {
        let said = [&pair.first, &pair.again].map(|score| Repeated::of(score.as_ref()));
        again.entry((pair.judge, pair.rubric)).or_default().push(said.into());
    }
    for ((judge, rubric), items) in again {
        lines.entry(judge).or_default().noise_by_rubric.insert(rubric, Noise::of(&items));
    }
    let named = lines.into_iter().map(|(judge, line)| {
        let state = match (line.workers, &line.obstacle) {
            (0, _) => "no_worker",
            (_, Some(_)) => "waiting",
            (_, None) => "working",
        };
        JudgeLine { judge, state, ..line }
    });
    Ok(named.collect())
}

fn configured(judge: &JudgeConfig) -> JudgeLine {
    JudgeLine {
        model: judge.model.clone(),
        daily_budget_usd: judge.daily_budget_usd,
        monthly_budget_usd: judge.monthly_budget_usd,
        daily_budget_tokens: judge.daily_budget_tokens,
        daily_budget_calls: judge.daily_budget_calls,
        ..JudgeLine::default()
    }
}

impl JudgeLine {
    /// Adds how one worker finds the judge. What a person has to mend stands before what time mends.
    fn add(&mut self, state: JudgeState) {
        self.workers += 1;
        self.concurrency += state.concurrency;
        self.calls_per_minute += state.calls_per_minute;
        self.latency_ms_median = self.latency_ms_median.max(state.latency_ms_median);
        self.latency_ms_p95 = self.latency_ms_p95.max(state.latency_ms_p95);
        self.unknown_refusals += state.unknown_refusals;
        self.unknown_refusal = self.unknown_refusal.take().or(state.unknown_refusal);
        let is_urgent = |obstacle: &Obstacle| obstacle.mended == Mended::ByAPerson.as_str();
        if self.obstacle.is_none() || state.obstacle.as_ref().is_some_and(is_urgent) {
            self.obstacle = state.obstacle.or(self.obstacle.take());
        }
    }
}

fn render(lines: &[JudgeLine], now_ms: i64) -> String {
    let mut table = Table::new(&[
        "judge",
        "state",
        "until",
        "used today",
        "this month",
        "budget",
        "a minute",
        "latency",
        "pending",
    ]);
    for line in lines {
        let until = line.obstacle.as_ref().and_then(|obstacle| obstacle.until_ms);
        table.row(vec![
            line.judge.clone(),
            line.state.replace('_', " "),
            until.map_or_else(String::new, |until_ms| moment(until_ms, now_ms)),
            used(line.today),
            format!("${:.2}", line.this_month.usd()),
            budget(line),
            format!("{:.0}", line.calls_per_minute),
            latency(line),
            line.pending.to_string(),
        ]);
    }
    let mut text = table.render();
    for line in lines {
        for (rubric, factor) in &line.rate_factor_by_rubric {
            text += &format!(
                "\n{}, {rubric}: {:.1} % of the configured rate, so that the budget lasts\n",
                line.judge,
                factor * 100.0
            );
        }
        for (rubric, noise) in &line.noise_by_rubric {
            let items = noise.items;
            text += &format!(
                "\n{}, {rubric}: of {items} answers judged again it says something else in {noise}\n",
                line.judge
            );
        }
        if let Some(obstacle) = &line.obstacle {
            let needs = if obstacle.mended == Mended::ByAPerson.as_str() { "needs somebody" } else { "ends by itself" };
            text += &format!(
                "\n{}: {} ({needs}; since {})\n",
                line.judge,
                obstacle.said,
                moment(obstacle.since_ms, now_ms)
            );
        }
        if let Some(said) = &line.unknown_refusal {
            text += &format!(
                "\n{}: refused {} times in words that are not known, such as: {said}\n",
                line.judge, line.unknown_refusals
            );
        }
    }
    text
}

fn used(amounts: Amounts) -> String {
    format!("${:.2}, {} calls, {} tokens", amounts.usd(), amounts.calls, amounts.tokens)
}

fn budget(line: &JudgeLine) -> String {
    let limits = [
        line.daily_budget_usd.map(|usd| format!("${usd:.2} a day")),
        line.monthly_budget_usd.map(|usd| format!("${usd:.2} a month")),
        line.daily_budget_tokens.map(|tokens| format!("{tokens} tokens a day")),
        line.daily_budget_calls.map(|calls| format!("{calls} calls a day")),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

fn latency(line: &JudgeLine) -> String {
    match (line.latency_ms_median, line.latency_ms_p95) {
        (Some(median), Some(p95)) => format!("{median} ms, p95 {p95} ms"),
        _ => String::new(),
    }
}

/// The time of day, with the date where it is another day.
fn moment(at_ms: i64, now_ms: i64) -> String {
    let of = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let format = if day(of(at_ms)) == day(of(now_ms)) { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M UTC" };
    of(at_ms).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(code: &str, mended: Mended) -> Obstacle {
        let said = format!("{code} happened");
        Obstacle {
            code: code.into(),
            mended: mended.as_str().into(),
            said,
            until_ms: Some(90_000_000),
            since_ms: 60_000,
        }
    }

    #[test]
    fn what_somebody_has_to_mend_on_one_worker_is_what_is_shown() {
        let mut line = configured(&JudgeConfig { daily_budget_calls: Some(10), ..JudgeConfig::default() });
        let pace = JudgeState {
            concurrency: 4,
            calls_per_minute: 30.0,
            latency_ms_median: Some(200),
            latency_ms_p95: Some(900),
            ..JudgeState::default()
        };
        line.add(JudgeState { obstacle: Some(obstacle("rate_limited", Mended::ByTime)), ..pace.clone() });
        line.add(JudgeState { obstacle: Some(obstacle("unauthorized", Mended::ByAPerson)), ..pace.clone() });
        line.add(pace);
        let line = JudgeLine { judge: "default".into(), state: "waiting", pending: 7, ..line };
        assert_eq!((line.workers, line.concurrency, line.calls_per_minute), (3, 12, 90.0));
        let text = render(&[line], 70_000);
        for part in [
            "waiting",
            "1970-01-02 01:00 UTC",
            "10 calls a day",
            "200 ms, p95 900 ms",
            "unauthorized happened (needs somebody; since 00:01:00 UTC)",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
