//! `judged export`: scores as JSON lines or CSV, each with the probability by which to weigh it.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use super::{open_existing_store, since_ms};
use crate::config::Config;
use crate::model::{EvaluationId, SpanId, SubjectId, TraceId};
use crate::store::ScoredEvaluation;

/// Prints every score in order of time. Weigh each by 1 / `inclusion_probability`: rules and rates make it differ.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Only what was planned since: `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<String>,
    /// Only this rubric; may be given several times.
    #[arg(long, value_name = "RUBRIC")]
    rubric: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Serialize)]
struct Row<'a> {
    evaluation_id: EvaluationId,
    subject_id: SubjectId,
    trace_id: TraceId,
    span_id: SpanId,
    session_id: Option<&'a str>,
    rubric: &'a str,
    version: u32,
    judge: &'a str,
    judge_model: Option<&'a str>,
    score: Option<f64>,
    label: Option<&'a str>,
    value: Option<f64>,
    inclusion_probability: f64,
    observed_at: Option<Timestamp>,
    judged_at: Option<Timestamp>,
    latency_ms: Option<i64>,
    model: Option<&'a str>,
    /// A JSON object, as text: CSV has no better form, and both formats hold the same.
    segments: String,
}

impl<'a> Row<'a> {
    fn of(one: &'a ScoredEvaluation) -> anyhow::Result<Self> {
        let moment = |ms: i64| Timestamp::from_millisecond(ms).ok();
        Ok(Self {
            evaluation_id: one.id,
            subject_id: one.subject,
            trace_id: one.trace_id,
            span_id: one.span_id,
            session_id: one.session_id.as_deref(),
            rubric: &one.rubric,
            version: one.version,
            judge: &one.judge,
            judge_model: one.judge_model.as_deref(),
            score: one.score.score,
            label: one.score.label.as_deref(),
            value: one.score.value,
            inclusion_probability: one.inclusion_probability.get(),
            observed_at: moment(one.observed_at_ms),
            judged_at: one.finished_at_ms.and_then(moment),
            latency_ms: one.latency_ms,
            model: one.model.as_deref(),
            segments: serde_json::to_string(&one.segments)?,
        })
    }
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let since_ms = since_ms(args.since.as_deref(), store.now_ms())?.unwrap_or(0);
    let scored = store.scored_evaluations(since_ms).await?;
    store.close().await;
    let wanted = scored.iter().filter(|one| args.rubric.is_empty() || args.rubric.contains(&one.rubric));
    match write(wanted, args.format, BufWriter::new(io::stdout().lock())) {
        // A reader that stops early (`| head`) is no failure.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {}
        result => result?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write<'a>(
    scored: impl Iterator<Item = &'a ScoredEvaluation>,
    format: Format,
    mut out: impl Write,
) -> anyhow::Result<()> {
    match format {
        Format::Jsonl => {
            for one in scored {
                writeln!(out, "{}", serde_json::to_string(&Row::of(one)?)?)?;
            }
        }
        Format::Csv => {
            let mut table = csv::Writer::from_writer(&mut out);
            for one in scored {
                table.serialize(Row::of(one)?)?;
            }
            table.flush()?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Probability, Score};

    fn scored() -> ScoredEvaluation {
        let subject = SubjectId::of_session("s");
        ScoredEvaluation {
            id: EvaluationId::derive(subject, 0, "faithfulness", 2, "default"),
            subject,
            trace_id: "a30e0c04b7c7f05d9e7f61037cb86b6b".parse().unwrap(),
            span_id: "6bdc1f3a9b1c2d3e".parse().unwrap(),
            session_id: None,
            rubric: "faithfulness".into(),
            version: 2,
            judge: "default".into(),
            judge_model: Some("m, with a comma".into()),
            score: Score { score: Some(4.0), label: Some("pass".into()), value: Some(0.75) },
            rationale: None,
            inclusion_probability: Probability::try_from(0.15).unwrap(),
            latency_ms: Some(900),
            observed_at_ms: 1_767_225_600_000,
            finished_at_ms: None,
            model: Some("gpt".into()),
            segments: [("environment".to_owned(), "production".to_owned())].into(),
        }
    }

    #[test]
    fn both_formats_hold_the_same() {
        let text = |format| {
            let mut out = Vec::new();
            write([scored()].iter(), format, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        insta::assert_snapshot!(text(Format::Jsonl) + &text(Format::Csv));
    }
}
