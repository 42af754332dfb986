//! What a backfill is about, finds and takes: for people and as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::super::output::count;
use crate::pipeline::backfill::{Backfill, Basis, BudgetAnswer, Estimate, Survey};

/// Everything a backfill says.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    rubric: String,
    version: u32,
    judge: String,
    subject: &'static str,
    /// Only what somebody labelled.
    labelled: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    rate: f64,
    #[serde(flatten)]
    pub(super) survey: Survey,
    pub(super) estimate: Estimate,
    /// Evaluations that were planned; null when none were asked for.
    pub(super) planned: Option<u64>,
}

impl Summary {
    pub(super) fn new(backfill: &Backfill, survey: Survey, estimate: Estimate) -> Self {
        let scope = &backfill.scope;
        let moment = |ms: i64| Timestamp::from_millisecond(ms).ok();
        Self {
            rubric: scope.rubric.clone(),
            version: scope.version,
            judge: scope.judge.clone(),
            subject: scope.kind.as_str(),
            labelled: scope.labelled,
            since: moment(scope.since_ms),
            until: moment(scope.until_ms),
            rate: backfill.rate.get(),
            survey,
            estimate,
            planned: None,
        }
    }

    /// Whether planning changes anything: every decision goes into the ledger, also the one not to judge.
    pub(super) fn is_worth_planning(&self) -> bool {
        self.survey.decided_before.values().sum::<u64>() < self.survey.subjects
    }

    pub(super) fn question(&self) -> String {
        format!("Plan {} evaluations? [y/N]", number(self.survey.to_judge))
    }

    /// What there is and what it takes.
    pub(super) fn render(&self) -> String {
        let Self { rubric, version, judge, subject, survey, .. } = self;
        let moment = |moment: Option<Timestamp>| {
            moment
                .filter(|moment| *moment != Timestamp::UNIX_EPOCH)
                .map_or_else(|| "the beginning".to_owned(), |moment| moment.strftime("%Y-%m-%d %H:%M").to_string())
        };
        let which = if self.labelled { "labelled " } else { "" };
        let mut text = format!(
            "{rubric} v{version} by the judge `{judge}`, {which}{subject}s observed from {} to {} UTC\n\n",
            moment(self.since),
            moment(self.until)
        );
        let mut line = |name: &str, amount: String, note: String| {
            text += format!("  {name:<18}{amount:>12}   {note}").trim_end();
            text.push('\n');
        };
        line("subjects in range", number(survey.subjects), String::new());
        let decided = survey.decided_before.iter().map(|(outcome, amount)| (*outcome, *amount));
        line("decided before", number(survey.decided_before.values().sum()), listed(decided));
        let filtered = survey.filtered.iter().map(|(reason, amount)| (reason.as_str(), *amount));
        line("filtered", number(survey.filtered.values().sum()), listed(filtered));
        line("sampled out", number(survey.sampled_out), self.about_rate());
        let again = match survey.again {
            0 => String::new(),
            again => format!("{} of them again: what was said of these before ends as superseded", number(again)),
        };
        line("to judge", number(survey.to_judge), again);
        if survey.to_judge > 0 {
            text.push('\n');
            text += &self.render_estimate();
        }
        text
    }

    fn about_rate(&self) -> String {
        if self.survey.sampled_out == 0 {
            return String::new();
        }
        format!("at the rate {} of the traffic, or what was kept of it if that is less", self.rate)
    }

    fn render_estimate(&self) -> String {
        let estimate = &self.estimate;
        let mut lines: Vec<(&str, String)> = Vec::new();
        if let (Some(input), Some(output)) = (estimate.input_tokens, estimate.output_tokens) {
            lines
                .push(("tokens", format!("{} read, {} written; {}", rounded(input), rounded(output), basis(estimate))));
        }
        lines.push(("cost", cost(estimate)));
        lines.push(("time", time(estimate)));
        lines.push(("budget", budget(estimate)));
        lines.into_iter().fold(String::new(), |all, (name, text)| all + &format!("  {name:<10}{text}\n"))
    }

    /// What became of it.
    pub(super) fn render_end(&self, dry_run: bool) -> String {
        match self.planned {
            _ if !self.is_worth_planning() => "\nNothing is left to decide.\n".to_owned(),
            Some(planned) => format!(
                "\n{} evaluations planned. The evaluate role of a running judged does them; `judged ledger` shows how far it is.\n",
                number(planned)
            ),
            None if dry_run => "\nNothing was planned: --dry-run.\n".to_owned(),
            None => "\nNothing was planned.\n".to_owned(),
        }
    }
}

fn number(amount: u64) -> String {
    count(i64::try_from(amount).unwrap_or(i64::MAX))
}

fn rounded(amount: f64) -> String {
    match amount {
        _ if amount >= 1e6 => format!("{:.1} M", amount / 1e6),
        _ if amount >= 1e4 => format!("{:.0} k", amount / 1e3),
        _ => format!("{amount:.0}"),
    }
}

fn listed<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    counts.map(|(name, amount)| format!("{name} {}", number(amount))).collect::<Vec<_>>().join(", ")
}

fn basis(estimate: &Estimate) -> String {
    let looked_at = count(estimate.looked_at);
    match estimate.basis {
        Basis::History => format!("from the last {looked_at} evaluations of this rubric by this judge"),
        Basis::Prompts => format!("from {looked_at} rendered prompts, for want of a record of this judge"),
        Basis::Offline => "judged here".to_owned(),
    }
}

fn cost(estimate: &Estimate) -> String {
    match (estimate.basis, estimate.cost_usd) {
        (Basis::Offline, _) => "nothing: the offline baseline".to_owned(),
        (_, None) => "not known: set `prices` of the judge".to_owned(),
        (_, Some(cost)) => format!("${:.2}, between ${:.2} and ${:.2}", cost.value, cost.low, cost.high),
    }
}

fn time(estimate: &Estimate) -> String {
    let Some(per_minute) = estimate.per_minute else { return "as fast as the judge goes".to_owned() };
    let Some(minutes) = estimate.minutes else {
        return format!(
            "not known: no call of this judge with its present model was timed yet; {per_minute:.1} evaluations fall due a minute"
        );
    };
    let length = match minutes {
        _ if minutes < 1.5 => "about a minute".to_owned(),
        _ if minutes < 120.0 => format!("about {minutes:.0} minutes"),
        _ if minutes < 2_880.0 => format!("about {:.0} hours", minutes / 60.0),
        _ => format!("about {:.0} days", minutes / 1_440.0),
    };
    let why = match estimate.limited_by {
        Some("--per-minute") => "as asked".to_owned(),
        Some(limit) => format!("half of what {limit} allows one worker; the rest is for today's spans"),
        None => String::new(),
    };
    format!("{length} at {per_minute:.1} evaluations a minute: {why}")
}

fn budget(estimate: &Estimate) -> String {
    let spent = format!("${:.2} spent today, ${:.2} this month", estimate.spent.today_usd, estimate.spent.month_usd);
    match estimate.budget {
        BudgetAnswer::Unlimited => "none is set for this judge".to_owned(),
        BudgetAnswer::Covered => format!("covers it ({spent})"),
        BudgetAnswer::Spread { days } => {
            format!("covers it over {:.0} days, at half of the daily limit ({spent})", days.ceil())
        }
        BudgetAnswer::ExceedsMonth => {
            format!("DOES NOT COVER IT this month ({spent}); lower --rate or raise the limit")
        }
        BudgetAnswer::Unknown => "cannot be held against a cost that is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::backfill::Spent;
    use crate::pipeline::backfill::estimate::Range;

    fn summary() -> Summary {
        Summary {
            rubric: "faithfulness".into(),
            version: 2,
            judge: "default".into(),
            subject: "generation",
            labelled: false,
            since: Timestamp::from_millisecond(1_767_225_600_000).ok(),
            until: Timestamp::from_millisecond(1_769_904_000_000).ok(),
            rate: 0.05,
            survey: Survey {
                subjects: 12_000,
                decided_before: [("pending", 20), ("scored", 1_480)].into(),
                filtered: [("content_expired".to_owned(), 20), ("no_documents".to_owned(), 300)].into(),
                sampled_out: 6_000,
                to_judge: 4_180,
                ..Survey::default()
            },
            estimate: Estimate {
                basis: Basis::History,
                looked_at: 1_000,
                input_tokens: Some(5_200_000.0),
                output_tokens: Some(83_000.0),
                cost_usd: Some(Range { value: 3.2, low: 3.0, high: 3.4 }),
                per_minute: Some(120.0),
                limited_by: Some("requests_per_minute"),
                minutes: Some(34.8),
                budget: BudgetAnswer::Covered,
                spent: Spent { today_usd: 1.2, month_usd: 20.0 },
            },
            planned: None,
        }
    }

    #[test]
    fn what_it_takes_is_said_before_anybody_is_asked() {
        let mut summary = summary();
        let before = format!("{}\n{}", summary.render(), summary.question());
        summary.planned = Some(4_180);
        insta::assert_snapshot!(before + &summary.render_end(false));
    }

    #[test]
    fn nothing_left_to_decide_is_said() {
        let mut summary = summary();
        summary.survey.decided_before.insert("scored", 11_980);
        assert!(summary.render_end(false).contains("Nothing is left"));
    }
}
