//! What a backfill will take: tokens, money, time, and whether the budget covers it. Pure.

use serde::Serialize;

use super::Rendered;
use crate::judges::{BYTES_PER_TOKEN, Terms};
use crate::store::JudgeHistory;

/// Evaluations from which on a judge's own record is believed.
const ENOUGH: i64 = 20;

/// What is assumed where nothing was ever recorded.
const ASSUMED_OUTPUT_TOKENS: f64 = 200.0;
/// For the pace alone: how long it takes is then said to be unknown.
const ASSUMED_LATENCY_MS: f64 = 3_000.0;

/// The share of a judge's limits that a backfill takes: the rest is for the spans of today.
const SHARE: f64 = 0.5;

/// What sets the pace where no limit is narrower: how fast the judge answers.
const CONCURRENCY: &str = "concurrency";

const MINUTES_A_DAY: f64 = 1_440.0;
const DAYS_A_MONTH: f64 = 30.0;

/// 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.96;

/// What the numbers rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What this judge took for this rubric before.
    History,
    /// The length of rendered prompts and the judge's prices.
    Prompts,
    /// Judged here, without tokens or money.
    Offline,
}

/// A number and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// The best guess.
    pub value: f64,
    /// Hardly less.
    pub low: f64,
    /// Hardly more.
    pub high: f64,
}

/// What the judge has spent, US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spent {
    /// In this UTC day.
    pub today_usd: f64,
    /// In this UTC month.
    pub month_usd: f64,
}

/// Whether the budget covers the upper bound of the cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum BudgetAnswer {
    /// The judge has no budget.
    Unlimited,
    /// What is left today and this month covers it.
    Covered,
    /// Spread over so many days it does; evaluations fall due no faster.
    Spread {
        /// Days it takes.
        days: f64,
    },
    /// What is left of this month does not.
    ExceedsMonth,
    /// The cost is not known.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// What it rests on.
    pub basis: Basis,
    /// Evaluations or prompts that were looked at.
    pub looked_at: i64,
    /// Tokens read, in all.
    pub input_tokens: Option<f64>,
    /// Tokens written, in all.
    pub output_tokens: Option<f64>,
    /// Money, in all; `None` when no price is known.
    pub cost_usd: Option<Range>,
    /// How many evaluations fall due in a minute; `None` when all of them do at once.
    pub per_minute: Option<f64>,
    /// What sets that pace.
    pub limited_by: Option<&'static str>,
    /// How long it takes at that pace; `None` also where nothing says whether the judge can keep it.
    pub minutes: Option<f64>,
    pub budget: BudgetAnswer,
    /// What was spent before.
    pub spent: Spent,
}

/// What is known before a backfill.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Evaluations to be made.
    pub to_judge: u64,
    /// The judge's limits and prices; `None` for one that has none.
    pub terms: Option<Terms>,
    /// What it took for the rubric before.
    pub history: JudgeHistory,
    /// What it took for any rubric before.
    pub any_rubric: JudgeHistory,
    /// Prompts that were rendered.
    pub rendered: Rendered,
    /// What was spent before.
    pub spent: Spent,
    /// The pace asked for.
    pub per_minute: Option<f64>,
}

/// What one evaluation takes.
struct Each {
    input_tokens: f64,
    output_tokens: f64,
    /// `None` where no call of this judge and model was timed.
    latency_ms: Option<f64>,
    cost_usd: Option<Range>,
}

/// Estimates.
pub fn estimate(known: &Known) -> Estimate {
    let Some(terms) = known.terms else { return offline(known) };
    let number = known.to_judge as f64;
    let (basis, looked_at, each) = if known.history.evaluations >= ENOUGH {
        (Basis::History, known.history.evaluations, from_history(known, &terms))
    } else {
        (Basis::Prompts, known.rendered.prompts as i64, from_prompts(known, &terms))
    };
    let cost_usd = each.cost_usd.map(|each| Range {
        value: each.value * number,
        low: each.low * number,
        high: each.high * number,
    });
    let budget = budget(cost_usd, &terms, known.spent);
    let (per_minute, limited_by) = pace(known, &terms, &each, budget);
    Estimate {
        basis,
        looked_at,
        input_tokens: Some(each.input_tokens * number),
        output_tokens: Some(each.output_tokens * number),
        cost_usd,
        per_minute: Some(per_minute),
        limited_by: Some(limited_by),
        minutes: (limited_by != CONCURRENCY || each.latency_ms.is_some()).then_some(number / per_minute),
        budget,
        spent: known.spent,
    }
}

fn offline(known: &Known) -> Estimate {
    Estimate {
        basis: Basis::Offline,
        looked_at: 0,
        input_tokens: None,
        output_tokens: None,
        cost_usd: Some(Range { value: 0.0, low: 0.0, high: 0.0 }),
        per_minute: known.per_minute,
        limited_by: known.per_minute.map(|_| "--per-minute"),
        minutes: known.per_minute.map(|pace| known.to_judge as f64 / pace),
        budget: BudgetAnswer::Unlimited,
        spent: known.spent,
    }
}

fn from_history(known: &Known, terms: &Terms) -> Each {
    let history = &known.history;
    let guess = from_prompts(known, terms);
    let recorded = match (history.cost_usd, history.cost_usd_squared) {
        (Some(mean), Some(squared)) if history.priced >= ENOUGH => {
            // Both the recorded mean and the mean of what is to come vary.
            let variance = (squared - mean * mean).max(0.0);
            let spread = Z * (variance * (1.0 / history.priced as f64 + 1.0 / (known.to_judge.max(1)) as f64)).sqrt();
            Some(Range { value: mean, low: (mean - spread).max(0.0), high: mean + spread })
        }
        _ => None,
    };
    let input_tokens = history.input_tokens.unwrap_or(guess.input_tokens);
    let output_tokens = history.output_tokens.unwrap_or(guess.output_tokens);
    Each {
        input_tokens,
        output_tokens,
        latency_ms: history.latency_ms.or(guess.latency_ms),
        cost_usd: recorded.or_else(|| priced(terms, input_tokens, output_tokens)),
    }
}

fn from_prompts(known: &Known, terms: &Terms) -> Each {
    let Rendered { prompts, bytes } = known.rendered;
    let input_tokens = if prompts == 0 { 0.0 } else { bytes as f64 / prompts as f64 / BYTES_PER_TOKEN };
    let output_tokens = known.any_rubric.output_tokens.unwrap_or(ASSUMED_OUTPUT_TOKENS);
    Each {
        input_tokens,
        output_tokens,
        latency_ms: known.any_rubric.latency_ms,
        cost_usd: priced(terms, input_tokens, output_tokens),
    }
}

/// By the price list: from half of the tokens (a text of long words, a warm cache) to a reply of full length.
fn priced(terms: &Terms, input_tokens: f64, output_tokens: f64) -> Option<Range> {
    let prices = terms.prices?;
    let cost = |input: f64, output: f64| (input * prices.input + output * prices.output) / 1e6;
    Some(Range {
        value: cost(input_tokens, output_tokens),
        low: cost(input_tokens / 2.0, output_tokens / 2.0),
        high: cost(input_tokens, f64::from(terms.max_output_tokens).max(output_tokens)),
    })
}

fn budget(cost: Option<Range>, terms: &Terms, spent: Spent) -> BudgetAnswer {
    if terms.daily_budget_usd.is_none() && terms.monthly_budget_usd.is_none() {
        return BudgetAnswer::Unlimited;
    }
    let Some(cost) = cost else { return BudgetAnswer::Unknown };
    if terms.monthly_budget_usd.is_some_and(|limit| cost.high > limit - spent.month_usd) {
        return BudgetAnswer::ExceedsMonth;
    }
    match terms.daily_budget_usd {
        Some(limit) if cost.high > limit - spent.today_usd => {
            BudgetAnswer::Spread { days: cost.high / (limit * SHARE) }
        }
        _ => BudgetAnswer::Covered,
    }
}

/// The pace, and what sets it.
fn pace(known: &Known, terms: &Terms, each: &Each, budget: BudgetAnswer) -> (f64, &'static str) {
    if let Some(asked) = known.per_minute {
        return (asked, "--per-minute");
    }
    let latency_ms = each.latency_ms.unwrap_or(ASSUMED_LATENCY_MS).max(1.0);
    let mut limits = vec![(terms.concurrency as f64 * 60_000.0 / latency_ms, CONCURRENCY)];
    limits.extend(terms.requests_per_minute.map(|limit| (f64::from(limit), "requests_per_minute")));
    let tokens = (each.input_tokens + each.output_tokens).max(1.0);
    limits.extend(terms.tokens_per_minute.map(|limit| (f64::from(limit) / tokens, "tokens_per_minute")));
    let cost = each.cost_usd.map(|cost| cost.high).filter(|cost| *cost > 0.0);
    if let Some(cost) = cost
        && matches!(budget, BudgetAnswer::Spread { .. } | BudgetAnswer::ExceedsMonth)
    {
        limits.extend(terms.daily_budget_usd.map(|limit| (limit / cost / MINUTES_A_DAY, "daily_budget_usd")));
        limits.extend(
            terms.monthly_budget_usd.map(|limit| (limit / cost / MINUTES_A_DAY / DAYS_A_MONTH, "monthly_budget_usd")),
        );
    }
    let (limit, name) =
        limits.into_iter().fold((f64::MAX, CONCURRENCY), |least, one| if one.0 < least.0 { one } else { least });
    (limit * SHARE, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::judges::Prices;

    fn terms() -> Terms {
        Terms {
            concurrency: 10,
            requests_per_minute: None,
            tokens_per_minute: None,
            max_output_tokens: 1_000,
            prices: Some(Prices { input: 1.0, output: 2.0, cached_input: None, cache_write: None }),
            daily_budget_usd: None,
            monthly_budget_usd: None,
        }
    }

    fn known(terms: Option<Terms>) -> Known {
        Known {
            to_judge: 1_000,
            terms,
            history: JudgeHistory::default(),
            any_rubric: JudgeHistory::default(),
            rendered: Rendered { prompts: 10, bytes: 30_000 },
            spent: Spent::default(),
            per_minute: None,
        }
    }

    #[test]
    fn without_a_record_prompts_and_prices_are_what_it_rests_on() {
        let estimate = estimate(&known(Some(terms())));
        assert_eq!((estimate.basis, estimate.looked_at), (Basis::Prompts, 10));
        assert_eq!(estimate.input_tokens, Some(1_000_000.0), "1 000 bytes, three to a token");
        let cost = estimate.cost_usd.unwrap();
        assert!((cost.value - 1.4).abs() < 1e-9, "{cost:?}");
        assert!((cost.high - 3.0).abs() < 1e-9, "the longest replies there can be: {cost:?}");
        assert_eq!(estimate.per_minute, Some(100.0), "half of ten at a time, three seconds each");
        assert_eq!(estimate.minutes, None, "no call was timed");
    }

    #[test]
    fn a_record_of_the_judge_comes_before_its_price_list() {
        let history = JudgeHistory {
            evaluations: 100,
            input_tokens: Some(500.0),
            output_tokens: Some(50.0),
            priced: 100,
            cost_usd: Some(0.01),
            cost_usd_squared: Some(0.01 * 0.01 + 0.005 * 0.005),
            latency_ms: Some(600.0),
        };
        let estimate = estimate(&Known { history, ..known(Some(terms())) });
        assert_eq!((estimate.basis, estimate.looked_at), (Basis::History, 100));
        let cost = estimate.cost_usd.unwrap();
        assert!((cost.value - 10.0).abs() < 1e-9 && cost.low > 8.5 && cost.high < 11.5, "{cost:?}");
        assert_eq!(estimate.per_minute, Some(500.0));
    }

    #[test]
    fn what_exceeds_the_day_is_spread_and_what_exceeds_the_month_is_said() {
        let daily = Terms { daily_budget_usd: Some(1.0), ..terms() };
        let estimate_of = |terms| estimate(&known(Some(terms)));
        let spread = estimate_of(daily);
        assert_eq!(spread.budget, BudgetAnswer::Spread { days: 6.0 });
        assert_eq!(spread.limited_by, Some("daily_budget_usd"));
        assert!((spread.minutes.unwrap() - 6.0 * MINUTES_A_DAY).abs() < 1e-6, "{spread:?}");
        assert_eq!(estimate_of(Terms { daily_budget_usd: Some(9.0), ..terms() }).budget, BudgetAnswer::Covered);
        assert_eq!(estimate_of(Terms { monthly_budget_usd: Some(2.0), ..terms() }).budget, BudgetAnswer::ExceedsMonth);
        let unpriced = Terms { prices: None, daily_budget_usd: Some(1.0), ..terms() };
        assert_eq!(estimate_of(unpriced).budget, BudgetAnswer::Unknown);
    }

    #[test]
    fn the_narrowest_limit_sets_the_pace_unless_one_is_asked_for() {
        let narrow = Terms { requests_per_minute: Some(60), tokens_per_minute: Some(24_000), ..terms() };
        let slowed = estimate(&known(Some(narrow)));
        assert_eq!((slowed.per_minute, slowed.limited_by), (Some(10.0), Some("tokens_per_minute")));
        let asked = estimate(&Known { per_minute: Some(7.0), ..known(Some(narrow)) });
        assert_eq!((asked.per_minute, asked.limited_by), (Some(7.0), Some("--per-minute")));
    }

    #[test]
    fn the_offline_judge_costs_nothing_and_waits_for_nobody() {
        let estimate = estimate(&known(None));
        assert_eq!((estimate.basis, estimate.per_minute, estimate.minutes), (Basis::Offline, None, None));
    }
}
