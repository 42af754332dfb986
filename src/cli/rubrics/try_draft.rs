//! `judged rubrics try`: a version on the latest stored answers, beside what is in production.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use serde_json::json;

use super::super::exit::success_if;
use super::super::open_store::open_existing_store;
use super::super::output::{Format, Output, Table, minute};
use super::ask::{ask, in_flight, judge_of, rationale};
use super::library::find;
use super::test::Asked;
use crate::config::Config;
use crate::judges::budget::{Budget, SharedBudget};
use crate::judges::{Judge, JudgeEnvironment, JudgeReply, Judges};
use crate::lifecycle::{booked, rubric_loader};
use crate::model::{Outcome, Probability, Score, SubjectContent, Verdict};
use crate::pipeline::assembly;
use crate::rubrics::{Library, Pattern, Rubric, RubricReference, SubjectMatch};
use crate::store::{LatestSubject, Said, Series, Store};

/// Subjects looked at at most, for those that the rubric judges.
const LOOKED_AT: usize = 5_000;
const PAGE: usize = 200;
/// Characters of a question in the table.
const QUESTION: usize = 60;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `name`, `name@version`, or a file.
    rubric: String,
    /// How many of the latest answers.
    #[arg(long, default_value_t = 20)]
    last: usize,
    /// Only answers of this segment, operation or model: `intent=refund*`; may be repeated, and all must hold.
    #[arg(long = "where", value_name = "NAME=VALUE", value_parser = condition)]
    conditions: Vec<(String, String)>,
    #[command(flatten)]
    asked: Asked,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value, as in intent=refund*")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// One answer and what the version says of it.
struct Tried {
    latest: LatestSubject,
    result: Result<JudgeReply, String>,
}

/// The answers that the version judges, and why others were left out.
#[derive(Default)]
struct Found {
    subjects: Vec<LatestSubject>,
    left_out: BTreeMap<String, usize>,
}

pub(super) async fn run(
    args: &Args,
    library: &Library,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let rubric = wanted(&args.rubric, library)?;
    let store = open_existing_store(config).await?;
    let done = try_on(args, &rubric, &store, config, output).await;
    store.close().await;
    done
}

/// The version: of a file, else of the library.
fn wanted(text: &str, library: &Library) -> anyhow::Result<Rubric> {
    let path = Path::new(text);
    if path.is_file() {
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let name = folder.filter(|name| crate::rubrics::is_rubric_name(name)).unwrap_or("draft");
        let source = std::fs::read_to_string(path).with_context(|| format!("cannot read {text}"))?;
        return Rubric::parse_all(name, u32::MAX, path, &source).map_err(|errors| {
            anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        });
    }
    let reference: RubricReference = text.parse()?;
    find(library, &reference).cloned()
}

async fn try_on(
    args: &Args,
    rubric: &Rubric,
    store: &Store,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let budget = Arc::new(SharedBudget::new(store.clone()));
    let environment =
        JudgeEnvironment { budget: Arc::clone(&budget) as Arc<dyn Budget>, ..JudgeEnvironment::default() };
    let judges = Judges::from_config(&config.judges, &environment)?;
    let judge = judge_of(rubric, args.asked.judge.as_deref(), &judges)?;
    // Another rubric of this name, or none: then there is nothing to stand beside.
    let reference = RubricReference { name: rubric.name.clone(), version: None };
    let production = rubric_loader::version(store, &config.rubrics, &reference).await.ok();
    let found = find_subjects(args, rubric, production.as_deref(), config, store).await?;
    if found.subjects.is_empty() {
        bail!("no stored answer is judged by {}{}", of(rubric), left_out(&found));
    }
    let started = Instant::now();
    let number = found.subjects.len();
    let mut tried = Vec::new();
    let asking = async {
        let asks = found.subjects.iter().map(|latest| async {
            let result = ask(rubric, &latest.subject.content, judge).await;
            Tried { latest: latest.clone(), result }
        });
        let mut answers = futures_util::stream::iter(asks).buffered(in_flight(args.asked.concurrency, judge));
        while let Some(one) = answers.next().await {
            tried.push(one);
            output.progress(format_args!("{} of {number} judged", tried.len()));
        }
    };
    booked(budget, asking).await;
    let seconds = started.elapsed().as_secs_f64();
    let trial = Trial { rubric, production: production.as_deref(), judge, tried, seconds };
    match args.format {
        Format::Json => output.json_list(&trial.lines())?,
        Format::Table => output.text(&(trial.render() + &left_out(&found)))?,
    }
    Ok(success_if(trial.tried.iter().any(|one| one.result.is_ok())))
}

/// As people call it: a file has no version yet.
fn of(rubric: &Rubric) -> String {
    if rubric.version == u32::MAX {
        rubric.path.display().to_string()
    } else {
        format!("{} v{}", rubric.name, rubric.version)
    }
}

fn left_out(found: &Found) -> String {
    if found.left_out.is_empty() {
        return String::new();
    }
    let reasons: Vec<String> = found.left_out.iter().map(|(reason, number)| format!("{number} {reason}")).collect();
    format!("\nLeft out, for what is not judged: {}\n", reasons.join(", "))
}

async fn find_subjects(
    args: &Args,
    rubric: &Rubric,
    production: Option<&Rubric>,
    config: &Config,
    store: &Store,
) -> anyhow::Result<Found> {
    let mut conditions: BTreeMap<String, Vec<Pattern>> = BTreeMap::new();
    for (name, value) in &args.conditions {
        conditions.entry(name.clone()).or_default().push(Pattern::new(value));
    }
    let conditions = SubjectMatch::new(conditions);
    let series = Series {
        rubric: rubric.name.clone(),
        version: production.map_or(0, |production| production.version),
        judge: production.map(|production| production.judge.clone()).unwrap_or_default(),
    };
    let (mut found, mut looked_at) = (Found::default(), 0);
    let mut last: Option<LatestSubject> = None;
    while looked_at < LOOKED_AT {
        let page = store.latest_subjects(rubric.subject, &series, last.as_ref(), PAGE).await?;
        looked_at += page.len();
        for latest in &page {
            if found.subjects.len() >= args.last {
                return Ok(found);
            }
            if !conditions.admits(&latest.subject) {
                continue;
            }
            match reason_against(rubric, latest, config.assembly.judge_cut) {
                Some(reason) => *found.left_out.entry(reason).or_default() += 1,
                None => found.subjects.push(latest.clone()),
            }
        }
        match page.last() {
            Some(next) => last = Some(next.clone()),
            None => break,
        }
    }
    Ok(found)
}

/// Why the version does not judge a subject, as assembly would decide of an answer that is drawn for certain.
fn reason_against(rubric: &Rubric, latest: &LatestSubject, judge_cut: bool) -> Option<String> {
    assembly::decide(&latest.subject, rubric, 0.0, Probability::ONE, judge_cut).1
}

/// A version that was tried.
struct Trial<'a> {
    rubric: &'a Rubric,
    production: Option<&'a Rubric>,
    judge: &'a Judge,
    tried: Vec<Tried>,
    seconds: f64,
}

impl Trial<'_> {
    fn render(&self) -> String {
        let beside = self.production.map_or("(nothing is in production)".to_owned(), of);
        let mut text = format!("{}, judge {}, beside {beside}\n\n", of(self.rubric), self.judge.name());
        let mut table = Table::new(&["observed (UTC)", "this one", "in production", "question"]);
        for one in &self.tried {
            table.row(vec![
                minute(one.latest.observed_at_ms),
                one.result.as_ref().map_or("ERROR".to_owned(), |reply| said_now(&reply.verdict)),
                one.latest.said.as_ref().map_or("-".to_owned(), said_before),
                question(&one.latest.subject.content),
            ]);
        }
        text += &table.render();
        text += &self.reasons();
        text + &self.summary()
    }

    /// Why, for what differs from production; and each error once.
    fn reasons(&self) -> String {
        let mut text = String::new();
        for one in &self.tried {
            if let (Ok(reply), Some(true)) = (&one.result, self.differs(one)) {
                let before = one.latest.said.as_ref().map_or(String::new(), said_before);
                text += &format!(
                    "\n  {}\n    {} instead of {before}: {}\n",
                    question(&one.latest.subject.content),
                    said_now(&reply.verdict),
                    rationale(&reply.verdict)
                );
            }
        }
        let mut errors: BTreeMap<&str, usize> = BTreeMap::new();
        for error in self.tried.iter().filter_map(|one| one.result.as_ref().err()) {
            *errors.entry(error).or_default() += 1;
        }
        for (error, number) in errors {
            text += &format!("\n  ERROR, {number} times: {error}\n");
        }
        text
    }

    /// Whether both sides gave a verdict, and another one. On different scales it is the verdict that counts.
    fn differs(&self, one: &Tried) -> Option<bool> {
        let Ok(reply) = &one.result else { return None };
        let before = one.latest.said.as_ref().filter(|said| is_verdict(said))?;
        let now = match &reply.verdict {
            Verdict::Scored { score, .. } => Some(score),
            Verdict::Abstained { .. } => None,
        };
        let is_same_scale = self.production.is_some_and(|production| production.scale == self.rubric.scale);
        Some(if is_same_scale {
            (now.and_then(Score::number), now.and_then(|now| now.label())) != (before.score, before.label.as_deref())
        } else {
            now.and_then(|now| now.label()) != before.label.as_deref()
        })
    }

    fn summary(&self) -> String {
        let replies: Vec<&JudgeReply> = self.tried.iter().filter_map(|one| one.result.as_ref().ok()).collect();
        let compared: Vec<bool> = self.tried.iter().filter_map(|one| self.differs(one)).collect();
        let differ = compared.iter().filter(|differs| **differs).count();
        let values = replies.iter().filter_map(|reply| match &reply.verdict {
            Verdict::Scored { score, .. } => score.value(),
            Verdict::Abstained { .. } => None,
        });
        let before = self.tried.iter().filter_map(|one| one.latest.said.as_ref()).filter_map(|said| said.value);
        let costs: Vec<f64> = replies.iter().filter_map(|reply| reply.cost_usd).collect();
        let cost = if costs.len() == replies.len() && !costs.is_empty() {
            format!("${:.4}", costs.iter().sum::<f64>())
        } else {
            "not known (set `prices`)".to_owned()
        };
        let each = replies.iter().map(|reply| reply.latency.as_secs_f64()).sum::<f64>() / replies.len().max(1) as f64;
        format!(
            "\n  {} judged, {} without a verdict; of {} judged by both, {differ} differ\n  mean value {}, in production {}\n  \
             cost {cost}; {each:.1} s for a verdict, {:.0} s for all. Nothing of it was stored.\n",
            replies.len(),
            self.tried.len() - replies.len(),
            compared.len(),
            mean(values),
            mean(before),
            self.seconds
        )
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let line = |one: &Tried| {
            let reply = one.result.as_ref().ok();
            let score = reply.and_then(|reply| match &reply.verdict {
                Verdict::Scored { score, .. } => Some(score),
                Verdict::Abstained { .. } => None,
            });
            json!({
                "subject": one.latest.subject.id,
                "trace_id": one.latest.subject.trace_id,
                "observed_at_ms": one.latest.observed_at_ms,
                "outcome": reply.map_or("failed", |reply| outcome(&reply.verdict).as_str()),
                "score": score.and_then(Score::number),
                "label": score.and_then(|score| score.label()),
                "value": score.and_then(Score::value),
                "rationale": reply.map(|reply| rationale(&reply.verdict)),
                "error": one.result.as_ref().err(),
                "cost_usd": reply.and_then(|reply| reply.cost_usd),
                "latency_ms": reply.map(|reply| reply.latency.as_millis() as u64),
                "production": one.latest.said.as_ref().map(|said| json!({
                    "outcome": said.outcome.as_str(),
                    "score": said.score,
                    "label": said.label,
                    "value": said.value,
                })),
                "differs": self.differs(one),
            })
        };
        self.tried.iter().map(line).collect()
    }
}

fn outcome(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Scored { .. } => Outcome::Scored,
        Verdict::Abstained { .. } => Outcome::Abstained,
    }
}

fn is_verdict(said: &Said) -> bool {
    matches!(said.outcome, Outcome::Scored | Outcome::Abstained)
}

fn said_now(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Scored { score, .. } => score_text(score.number(), score.label()),
        Verdict::Abstained { .. } => "abstained".to_owned(),
    }
}

fn said_before(said: &Said) -> String {
    if said.outcome == Outcome::Scored {
        score_text(said.score, said.label.as_deref())
    } else {
        said.outcome.as_str().replace('_', " ")
    }
}

/// A label that says it all, or number and label.
fn score_text(number: Option<f64>, label: Option<&str>) -> String {
    match (number, label) {
        (Some(0.0 | 1.0) | None, Some(label)) => label.to_owned(),
        (Some(number), Some(label)) => format!("{number} {label}"),
        (Some(number), None) => number.to_string(),
        (None, None) => "-".to_owned(),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    if values.is_empty() {
        "not known".to_owned()
    } else {
        format!("{:.2}", values.iter().sum::<f64>() / values.len() as f64)
    }
}

/// The beginning of what was asked.
fn question(content: &SubjectContent) -> String {
    let text = content.input.as_deref().or(content.output.as_deref()).unwrap_or_default();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(QUESTION).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scale;
    use crate::testing::conversations::{Tie, sixty_conversations};
    use crate::testing::databases::Database;
    use crate::testing::on_both_databases;

    const RUBRIC: &str = "harmfulness";

    fn binary(pass: bool) -> Score {
        let scale = Scale::Binary { pass: String::new(), fail: String::new() };
        Score::of_number(&scale, f64::from(pass)).unwrap()
    }

    fn args(last: usize, conditions: &[(&str, &str)]) -> Args {
        Args {
            rubric: RUBRIC.to_owned(),
            last,
            conditions: conditions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            asked: Asked { judge: None, concurrency: None },
            format: Format::Json,
        }
    }

    async fn tried(database: &Database, args: &Args) -> anyhow::Result<Vec<serde_json::Value>> {
        let (config, library) = (Config::default(), Library::shipped());
        let (mut output, printed) = Output::captured();
        let rubric = library.find(RUBRIC, None).unwrap();
        try_on(args, rubric, &database.store, &config, &mut output).await?;
        Ok(serde_json::from_str(&printed.text())?)
    }

    on_both_databases! {
        the_latest_answers_are_judged_beside_production_and_nothing_is_stored(database) {
            sixty_conversations(&database, RUBRIC, Tie::Session, binary, binary).await;
            rubric_loader::start(&database.store, &Config::default().rubrics, &Config::default().judges).await.unwrap();
            let ledger = database.store.ledger(0).await.unwrap();
            let lines = tried(&database, &args(7, &[])).await.unwrap();
            assert_eq!(lines.len(), 7);
            for line in &lines {
                assert_eq!((line["outcome"].as_str(), line["production"]["outcome"].as_str()), (Some("scored"), Some("scored")));
                assert_eq!(line["differs"].as_bool(), Some(line["label"] != line["production"]["label"]));
            }
            assert_eq!(database.store.ledger(0).await.unwrap().rubrics, ledger.rubrics, "nothing is stored");
        }
    }

    #[tokio::test]
    async fn a_condition_that_nothing_meets_says_so() {
        let database = Database::sqlite().await;
        sixty_conversations(&database, RUBRIC, Tie::Session, binary, binary).await;
        let error = tried(&database, &args(7, &[("intent", "refund*")])).await.unwrap_err();
        assert!(error.to_string().contains("no stored answer is judged by harmfulness v1"), "{error}");
    }
}
