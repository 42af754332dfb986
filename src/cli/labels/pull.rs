//! `judged labels pull`: what people annotated where they already look.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;

use super::super::acting;
use super::super::arguments::TimeArg;
use super::super::exit::Usage;
use super::super::open_store::open_existing_store;
use super::super::output::{Output, Table};
use super::import::pair;
use super::keys::seal_key;
use super::rubrics::labelled_rubrics;
use crate::config::Config;
use crate::error_chain::causes;
use crate::labels::annotations::{Annotation, NoLine, entry};
use crate::labels::file::{Entry, Place};
use crate::labels::{self, Import, LabelError, LabelledRubric, Refused, Terms};
use crate::model::LabelWay;
use crate::pipeline::delivery::sinks::annotations::{AnnotationSource, KnownPlace};
use crate::secrets::process_variable;
use crate::store::AuditAction;

/// Fetches what people annotated in MLflow, Phoenix or Langfuse.
///
/// Fetches the annotations of people from the backend of a configured sink and stores them as labels. Annotations of machines,
/// judged's own scores among them, are passed over. Again and again is fine: what is known is not stored twice, and a changed
/// annotation is a new label.
///
/// An annotation is a label of the rubric of the same name, or of the one that --name says. Its value is read as `judged
/// labels import` reads it. Nobody recorded how its answer was chosen: such labels are shown, and no verdict on a judge
/// rests on them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The `name` of a `[[sinks]]` section of type mlflow, phoenix or langfuse.
    #[arg(long, value_name = "SINK")]
    from: String,
    /// Only what was said or changed since: `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// An annotation that is called otherwise than its rubric; may be given several times.
    #[arg(long, value_name = "ANNOTATION=RUBRIC", value_parser = pair)]
    name: Vec<(String, String)>,
    /// Says what would be stored, and stores nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What became of the annotations of one name.
#[derive(Debug, Default)]
struct Tally {
    rubric: Option<String>,
    annotations: usize,
    import: Import,
    /// Why annotations could not be read, with their identities.
    unread: Vec<(String, String)>,
    /// Comments and corrections.
    no_verdict: usize,
}

/// A backend that can only be asked about each answer is asked, with `--since`, about those observed at most so long before.
const LABELLED_WITHIN_MS: i64 = 30 * 86_400_000;

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let sink = config.sinks.iter().find(|sink| sink.name == args.from).ok_or_else(|| {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let there = if names.is_empty() { "none are configured".to_owned() } else { names.join(", ") };
        Usage(format!("--from: no sink is named `{}`; sinks: {there}", args.from))
    })?;
    let rubrics = labelled_rubrics(config)?;
    if let Some((_, unknown)) = args.name.iter().find(|(_, rubric)| !rubrics.contains_key(rubric)) {
        anyhow::bail!(Usage(format!("--name: {}", LabelError::UnknownRubric(unknown.clone()))));
    }
    let source = AnnotationSource::from_config(sink, &process_variable)?;
    let store = open_existing_store(config).await?;
    let since_ms = args.since.map(|since| since.ms(store.now_ms()));
    let since = since_ms.map(jiff::Timestamp::from_millisecond).transpose().context("--since")?;
    let mut places = Vec::new();
    if source.asks_by_id() {
        places =
            store.subject_places(since_ms.map_or(0, |since_ms| since_ms.saturating_sub(LABELLED_WITHIN_MS))).await?;
        output.note(format_args!("asking {} about {} answers", args.from, places.len()));
    }
    let known: Vec<KnownPlace> = places
        .into_iter()
        .map(|(trace_id, span_id, session_id)| KnownPlace { trace_id, span_id, session_id })
        .collect();
    let found = source.read(since, &known).await?;

    let renamed: BTreeMap<&str, &str> =
        args.name.iter().map(|(annotation, rubric)| (annotation.as_str(), rubric.as_str())).collect();
    let key = seal_key(&store, config).await?;
    let via = LabelWay::Backend(args.from.clone());
    let terms = Terms { rubrics: &rubrics, via, key: &key, trusts_draws: false };
    let mut tallies = BTreeMap::new();
    for (name, annotations) in by_name(&found.human) {
        let rubric = renamed.get(name).copied().unwrap_or(name);
        let mut tally = Tally { annotations: annotations.len(), ..Tally::default() };
        if rubrics.contains_key(rubric) {
            let lines = lines(rubric, &annotations, &mut tally).into_iter();
            tally.import = if args.dry_run {
                labels::preview(&store, &terms, lines).await?
            } else {
                labels::import(&store, &terms, lines).await?
            };
            if !args.dry_run && tally.import.stored > 0 {
                let detail = format!("{} labels of {rubric}", tally.import.stored);
                acting::note(&store, AuditAction::LabelsImported, &args.from, &detail).await?;
            }
            tally.rubric = Some(rubric.to_owned());
            settle(&mut tally, &annotations);
        }
        tallies.insert(name, tally);
    }
    store.close().await;
    for (name, (id, why)) in tallies.iter().flat_map(|(name, tally)| tally.unread.iter().map(move |one| (name, one))) {
        output.note(format_args!("{name} {id}: {why}"));
    }
    output.text(&said(&args, &tallies, found.passed_over, &rubrics))?;
    Ok(ExitCode::SUCCESS)
}

fn by_name(annotations: &[Annotation]) -> BTreeMap<&str, Vec<&Annotation>> {
    let mut named: BTreeMap<&str, Vec<&Annotation>> = BTreeMap::new();
    for annotation in annotations {
        named.entry(&annotation.name).or_default().push(annotation);
    }
    named
}

/// The annotations as lines that an import understands, numbered by their place.
fn lines(rubric: &str, annotations: &[&Annotation], tally: &mut Tally) -> Vec<Entry> {
    let mut lines = Vec::new();
    for (place, annotation) in (1..).zip(annotations) {
        match annotation.line(Some(rubric)) {
            Ok(line) => lines.push(entry(Place::Item(place), line)),
            Err(NoLine::NoVerdict) => tally.no_verdict += 1,
            Err(NoLine::NoSubject(what)) => {
                tally.unread.push((annotation.id.clone(), format!("it is about {what}, which judged does not judge")));
            }
        }
    }
    lines
}

/// Annotations of answers that judged did not keep are no mistake: most traffic is not sampled. Others are named.
fn settle(tally: &mut Tally, annotations: &[&Annotation]) {
    for Refused { place, error, .. } in tally.import.refused.iter().filter(|one| !one.error.is_not_kept()) {
        let id = match place {
            Place::Item(number) => annotations.get(number - 1).map_or_else(String::new, |one| one.id.clone()),
            other => other.to_string(),
        };
        tally.unread.push((id, causes(error)));
    }
}

fn said(
    args: &Args,
    tallies: &BTreeMap<&str, Tally>,
    passed_over: u64,
    rubrics: &BTreeMap<String, LabelledRubric>,
) -> String {
    let mut table = Table::new(&[
        "annotation",
        "rubric",
        "of people",
        if args.dry_run { "would be stored" } else { "stored" },
        "known already",
        "answer not kept",
        "without a verdict",
        "not readable",
    ]);
    for (name, tally) in tallies {
        let Tally { rubric, annotations, import, unread, no_verdict } = tally;
        let not_kept = import.refused.iter().filter(|one| one.error.is_not_kept()).count();
        let counts = [import.stored, import.known, not_kept as u64, *no_verdict as u64, unread.len() as u64];
        let mut row = vec![(*name).to_owned()];
        match rubric {
            Some(rubric) => row.extend([rubric.clone(), annotations.to_string()]),
            None => row.extend(["no rubric of this name".to_owned(), annotations.to_string()]),
        }
        row.extend(counts.map(|count| if rubric.is_some() { count.to_string() } else { "–".to_owned() }));
        table.row(row);
    }
    let mut text = if tallies.is_empty() { "Nobody has annotated anything.\n".to_owned() } else { table.render() };
    if tallies.values().any(|tally| tally.rubric.is_none()) {
        let known: Vec<&str> = rubrics.keys().map(String::as_str).collect();
        text += &format!("Map a name to a rubric with --name ANNOTATION=RUBRIC; rubrics: {}\n", known.join(", "));
    }
    if passed_over > 0 {
        text += &format!("{passed_over} of machines, or replaced since, were passed over.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Label;
    use crate::labels::annotations::{AnnotationTarget, AnnotationValue};
    use crate::model::SubjectId;

    fn annotation(target: AnnotationTarget, value: Option<AnnotationValue>) -> Annotation {
        Annotation {
            name: "correctness".into(),
            target,
            annotator: "ada".into(),
            value,
            rationale: None,
            at: None,
            id: "a-1".into(),
        }
    }

    #[test]
    fn an_annotation_becomes_a_line_of_labels_and_what_cannot_is_counted() {
        let session = || AnnotationTarget::Session("s-1".into());
        let other = AnnotationTarget::Other("trace tr-local".into());
        let all = [
            annotation(session(), Some(AnnotationValue::Number(4.0))),
            annotation(session(), Some(AnnotationValue::Flag(true))),
            annotation(session(), Some(AnnotationValue::Text(" 3 ".into()))),
            annotation(session(), Some(AnnotationValue::Text("good".into()))),
            annotation(session(), None),
            annotation(other, Some(AnnotationValue::Number(4.0))),
        ];
        let mut tally = Tally::default();
        let lines = lines("correctness", &all.iter().collect::<Vec<_>>(), &mut tally);
        let read: Vec<_> = lines
            .into_iter()
            .map(|entry| entry.line.unwrap())
            .map(|line| (line.subject_id, line.score, line.pass, line.label, line.stream))
            .collect();
        let about = Some(SubjectId::of_session("s-1"));
        assert_eq!(
            read,
            [
                (about, Some(Label::Number(4.0)), None, None, None),
                (about, None, Some(Label::Flag(true)), None, None),
                (about, None, None, Some(Label::Text(" 3 ".into())), None),
                (about, None, None, Some(Label::Text("good".into())), None),
            ]
        );
        assert_eq!((tally.no_verdict, tally.unread.len()), (1, 1));
        assert!(tally.unread[0].1.contains("tr-local"));
    }
}
