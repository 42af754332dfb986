//! `judged agreement`: agreement statistics of any file of labels.

mod table;

use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::exit::{Usage, success_if};
use super::input::{self, SkippedLine};
use super::output::{Format, JsonFormat, Output};
use crate::agreement::file::{AgreementError, Options, Report, analyse};
use crate::agreement::{BadLine, Declaration, Item};
use crate::statistics::bootstrap::Plan;

/// Prints how well judges agree with humans, from any file of labels.
///
/// How well do judges agree with humans, and how sure is that?
///
/// FILE holds one JSON object a line: `item_id`, `human` (an object: annotator to label) and `judge` (name to label);
/// optionally `segment`, `weight` (how many items this one stands for) and `cluster` (items of one conversation, which
/// count as what they say together), `probability` (judge to the probability that it gives the positive verdict). A null verdict of a judge counts as unparseable. With several annotators the human side is
/// their majority (nominal, binary) or median (ordinal, numeric); ties are left out and counted.
///
/// Lines that cannot be read are reported on standard error and in the JSON, and the others are analysed. Exit code 1 with
/// --strict, or when no line could be read; 2 when --annotator labelled nothing.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// File of labels, one JSON object a line; `-` is standard input.
    file: PathBuf,
    /// nominal, binary:POSITIVE, ordinal:LOWEST,…,HIGHEST or numeric; inferred from the labels without it.
    #[arg(long)]
    scale: Option<Declaration>,
    /// Only this annotator's labels are the human side.
    #[arg(long, value_name = "NAME")]
    annotator: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Fail when a line could not be read.
    #[arg(long)]
    strict: bool,
    /// Allowance for the cost of humans in the alternative-annotator test: 0.2 experts, 0.15 skilled, 0.1 crowd.
    #[arg(long, default_value_t = 0.15)]
    epsilon: f64,
    /// Number of bootstrap resamples.
    #[arg(long, default_value_t = Plan::default().resamples, value_parser = resamples)]
    resamples: usize,
    /// Seed of the bootstrap; the same seed and file give the same numbers on every machine.
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    skipped_lines: &'a [SkippedLine],
}

/// Reads, analyses, prints.
pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    let (items, skipped) = input::lines(&args.file, output, parse_once())?;
    let name = input::name(&args.file);
    if items.is_empty() {
        anyhow::bail!(
            "{name}: no labelled item could be read; each line is one JSON object, see `judged agreement --help`"
        );
    }
    let report = analyse(&items, &options(&args)).map_err(|error| match error {
        AgreementError::UnknownAnnotator { .. } => Usage(format!("{name}: {error}")),
    })?;
    match args.format {
        Format::Json => {
            output.json(JsonFormat::Agreement, &Document { report: &report, skipped_lines: &skipped })?;
        }
        Format::Table => output.say(table::render(&report, skipped.len()))?,
    }
    Ok(success_if(!args.strict || skipped.is_empty()))
}

fn options(args: &Args) -> Options {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    Options {
        scale: args.scale.clone(),
        annotator: args.annotator.clone(),
        epsilon: args.epsilon,
        plan: Plan { resamples: args.resamples, seed: args.seed, threads, ..Plan::default() },
    }
}

/// Limits in the tails need a thousand resamples; more than a million is a typing error.
fn resamples(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1_000..=1_000_000) => Ok(number),
        _ => Err("expected a number from 1000 to 1000000".to_owned()),
    }
}

/// Reads an item of a line, unless an earlier line held the same one.
fn parse_once() -> impl FnMut(&str, usize) -> Result<Item, BadLine> {
    let mut first_seen: HashMap<(String, Option<String>), usize> = HashMap::new();
    move |text, line| {
        let item = Item::parse(text)?;
        let first = *first_seen.entry((item.item_id.clone(), item.segment.clone())).or_insert(line);
        if first == line { Ok(item) } else { Err(BadLine::Repeated { item_id: item.item_id, first }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: &str = r#"{"item_id":"a","human":{"x":1},"judge":{"j":1}}
{"item_id":"b","human":{"x":1}

{"item_id":"a","human":{"x":0},"judge":{"j":1}}
{"item_id":"c","human":{"x":0},"judge":{"j":null}}"#;

    #[test]
    fn bad_lines_are_named_and_the_others_survive() {
        let (items, skipped) = input::lines_of(BROKEN.as_bytes(), parse_once()).unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!(skipped.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [2, 4]);
        assert!(skipped[1].problem.contains("already read on line 1"), "{}", skipped[1].problem);
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let (items, skipped) = input::lines_of(BROKEN.as_bytes(), parse_once()).unwrap();
        let report = analyse(&items, &Options::default()).unwrap();
        let json = serde_json::to_value(Document { report: &report, skipped_lines: &skipped }).unwrap();
        for key in ["items", "scale", "judges", "humans", "segments"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let judge = &json["judges"]["j"];
        let keys = "pairs unparseable raw_agreement cohen_kappa weighted_kappa_linear weighted_kappa_quadratic gwet_ac1 \
                    krippendorff_alpha mcc tpr tnr bias mae spearman kendall_tau_b ppv npv pearson lin_ccc confusion";
        for key in keys.split(' ') {
            assert!(!judge[key].is_null(), "{key}");
        }
        assert_eq!(judge["mcc"]["value"], serde_json::Value::Null);
        assert_eq!(judge["mcc"]["reason"], "no_variance");
        assert_eq!(json["scale"], "binary:1");
    }
}
