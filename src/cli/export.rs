//! `judged export`: scores as JSON lines or CSV, each with the probability by which to weigh it.

use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::arguments::TimeArg;
use super::open_store::open_existing_store;
use super::output::{Output, RecordFormat};
use crate::config::Config;
use crate::labels::file::formula;
use crate::model::{EvaluationId, SpanId, SubjectId, TraceId};
use crate::store::{ScoredCursor, ScoredEvaluation, ScoredScope};

/// Prints scores as JSON lines or CSV.
///
/// Prints every score in order of time. Weigh each by 1 / `inclusion_probability`: rules and rates make it differ.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Output format.
    #[arg(long, value_enum, default_value_t = RecordFormat::Jsonl)]
    format: RecordFormat,
    /// Only what was planned since: `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// Only this rubric; may be given several times.
    #[arg(long, value_name = "RUBRIC")]
    rubric: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    evaluation_id: EvaluationId,
    subject_id: SubjectId,
    trace_id: TraceId,
    span_id: SpanId,
    session_id: Option<Cow<'a, str>>,
    rubric: &'a str,
    version: u32,
    judge: &'a str,
    judge_model: Option<Cow<'a, str>>,
    score: Option<f64>,
    label: Option<Cow<'a, str>>,
    value: Option<f64>,
    inclusion_probability: f64,
    observed_at: Option<Timestamp>,
    judged_at: Option<Timestamp>,
    latency_ms: Option<i64>,
    model: Option<Cow<'a, str>>,
    /// A JSON object, as text: CSV has no better form, and both formats hold the same.
    segments: String,
    /// Revisions of what a judge is shown: scores of different ones are different measurements.
    reading_revision: u32,
    rendering_revision: u32,
    /// The judge's reasons.
    rationale: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(one: &'a ScoredEvaluation) -> anyhow::Result<Self> {
        let moment = |ms: i64| Timestamp::from_millisecond(ms).ok();
        Ok(Self {
            evaluation_id: one.id,
            subject_id: one.subject,
            trace_id: one.trace_id,
            span_id: one.span_id,
            session_id: one.session_id.as_deref().map(Cow::Borrowed),
            rubric: &one.rubric,
            version: one.version,
            judge: &one.judge,
            judge_model: one.judge_model.as_deref().map(Cow::Borrowed),
            score: one.score.number(),
            label: one.score.label().map(Cow::Borrowed),
            value: one.score.value(),
            inclusion_probability: one.inclusion_probability.get(),
            observed_at: moment(one.observed_at_ms),
            judged_at: one.finished_at_ms.and_then(moment),
            latency_ms: one.latency_ms,
            model: one.model.as_deref().map(Cow::Borrowed),
            segments: serde_json::to_string(&one.segments)?,
            reading_revision: one.revisions.reading,
            rendering_revision: one.revisions.rendering,
            rationale: one.rationale.as_deref(),
        })
    }

    /// As a row of a table: no cell that came from outside is a formula.
    fn guarded(mut self) -> Self {
        for cell in [&mut self.session_id, &mut self.judge_model, &mut self.label, &mut self.model] {
            *cell = cell.take().map(|text| Cow::Owned(formula::guarded(&text).into_owned()));
        }
        self
    }
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let since_ms = args.since.map_or(0, |since| since.ms(store.now_ms()));
    let scope = ScoredScope { since_ms, rubrics: args.rubric };
    let mut written = Written::new(args.format, output);
    let mut after = store.start_of_scores(&scope).await?;
    loop {
        let scored = store.scored_page(&scope, after, PAGE).await?;
        let goes_on = written.write(&scored)?;
        match scored.last() {
            Some(last) if goes_on && scored.len() == PAGE => after = ScoredCursor::after(last),
            _ => break,
        }
    }
    written.finish()?;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Scores that are held at a time.
const PAGE: usize = 2_000;

/// What is written of an export so far.
enum Written<'o> {
    Lines(BufWriter<&'o mut Output>),
    Table(Box<csv::Writer<&'o mut Output>>),
}

impl<'o> Written<'o> {
    fn new(format: RecordFormat, output: &'o mut Output) -> Self {
        match format {
            RecordFormat::Jsonl => Self::Lines(BufWriter::new(output)),
            RecordFormat::Csv => Self::Table(Box::new(csv::Writer::from_writer(output))),
        }
    }

    /// Says whether anybody still reads.
    fn write(&mut self, scored: &[ScoredEvaluation]) -> anyhow::Result<bool> {
        match self {
            Self::Lines(lines) => {
                for one in scored {
                    serde_json::to_writer(&mut *lines, &Row::of(one)?)?;
                    writeln!(lines)?;
                }
                Ok(lines.get_ref().is_read())
            }
            Self::Table(table) => {
                for one in scored {
                    table.serialize(Row::of(one)?.guarded())?;
                }
                Ok(table.get_ref().is_read())
            }
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Lines(mut lines) => lines.flush(),
            Self::Table(mut table) => table.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Probability, Release, Revisions, Score};
    use crate::testing::evaluated::ten_days;
    use crate::testing::on_both_databases;

    fn scored() -> ScoredEvaluation {
        let subject = SubjectId::of_session("s");
        ScoredEvaluation {
            id: EvaluationId::derive(subject, 0, "faithfulness", 2, "default"),
            subject,
            trace_id: "a30e0c04b7c7f05d9e7f61037cb86b6b".parse().unwrap(),
            span_id: "6bdc1f3a9b1c2d3e".parse().unwrap(),
            session_id: None,
            content_digest: Vec::new(),
            rubric: "faithfulness".into(),
            version: 2,
            judge: "default".into(),
            judge_model: Some("m, with a comma".into()),
            score: Score::Number { number: 4.0, passes: Some(true), value: 0.75 },
            distribution: None,
            rationale: None,
            inclusion_probability: Probability::try_from(0.15).unwrap(),
            latency_ms: Some(900),
            observed_at_ms: 1_767_225_600_000,
            finished_at_ms: None,
            model: Some("gpt".into()),
            segments: [("environment".to_owned(), "production".to_owned())].into(),
            release: Release::default(),
            revisions: Revisions { reading: 2, rendering: 1 },
        }
    }

    #[test]
    fn both_formats_hold_the_same() {
        let text = |format| {
            let (mut output, printed) = Output::captured();
            let mut written = Written::new(format, &mut output);
            assert!(written.write(&[scored()]).unwrap());
            written.finish().unwrap();
            printed.text()
        };
        insta::assert_snapshot!(text(RecordFormat::Jsonl) + &text(RecordFormat::Csv));
    }

    on_both_databases! {
        /// Scenario: more scores than are held at a time. Guarantee: page by page they are those that there are, in order.
        pages_of_scores_leave_nothing_out(database) {
            ten_days(&database).await;
            let store = &database.store;
            let newest_ms = store.now_ms() - 5 * 86_400_000;
            for since_ms in [0, newest_ms] {
                let whole = store.scored_evaluations(since_ms).await.unwrap();
                for rubrics in [Vec::new(), vec!["faithfulness".to_owned()]] {
                    let scope = ScoredScope { since_ms, rubrics };
                    let (mut found, mut after) = (Vec::new(), store.start_of_scores(&scope).await.unwrap());
                    loop {
                        let page = store.scored_page(&scope, after, 97).await.unwrap();
                        let Some(last) = page.last() else { break };
                        after = ScoredCursor::after(last);
                        found.extend(page.into_iter().map(|one| one.id));
                    }
                    let is_wanted = |one: &&ScoredEvaluation| scope.rubrics.is_empty() || scope.rubrics.contains(&one.rubric);
                    let wanted: Vec<EvaluationId> = whole.iter().filter(is_wanted).map(|one| one.id).collect();
                    assert!(!wanted.is_empty());
                    assert_eq!(found, wanted);
                }
            }
        }
    }
}
