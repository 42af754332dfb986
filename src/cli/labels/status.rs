//! `judged labels`: which labels there are, what a first figure still needs, and the command that brings it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::output::Table;
use crate::model::{Label, LabelStream, SubjectId};

/// Labelled and judged answers from which on an agreement is worth looking at: the least that any interval is made of that is
/// not exact.
const FIRST_FIGURE: usize = 30;

/// What there is of one rubric.
#[derive(Debug, Default)]
struct Progress {
    labels: usize,
    skipped: usize,
    people: BTreeSet<String>,
    answers: BTreeSet<SubjectId>,
    drawn: BTreeSet<SubjectId>,
    judged: usize,
}

/// The labels there are, by rubric, in words; `judged` are the labelled answers that have a score, `rubrics` those that judge.
pub(super) fn said(labels: &[Label], judged: &BTreeSet<(String, SubjectId)>, rubrics: &[String]) -> String {
    let mut all: BTreeMap<&str, Progress> = rubrics.iter().map(|name| (name.as_str(), Progress::default())).collect();
    for label in labels {
        let progress = all.entry(&label.rubric).or_default();
        progress.labels += 1;
        progress.people.insert(label.annotator.clone());
        if label.score.is_none() {
            progress.skipped += 1;
            continue;
        }
        if label.stream != LabelStream::Unknown {
            progress.drawn.insert(label.subject);
        }
        let is_new = progress.answers.insert(label.subject);
        progress.judged += usize::from(is_new && judged.contains(&(label.rubric.clone(), label.subject)));
    }
    let mut table = Table::new(&["rubric", "labels", "people", "answers", "drawn", "judged", "for a first figure"]);
    for (rubric, progress) in &all {
        table.row(vec![
            (*rubric).to_owned(),
            progress.labels.to_string(),
            progress.people.len().to_string(),
            progress.answers.len().to_string(),
            progress.drawn.len().to_string(),
            progress.judged.to_string(),
            progress.missing(),
        ]);
    }
    if all.is_empty() {
        return "There are no rubrics and no labels.\nNext: judged rubrics init\n".to_owned();
    }
    let people: BTreeSet<&str> = labels.iter().map(|label| label.annotator.as_str()).collect();
    format!("{}{}\n{}", table.render(), next(&all, &people), explained(&all))
}

impl Progress {
    fn missing(&self) -> String {
        match (self.answers.len(), self.judged) {
            (0, _) => format!("{FIRST_FIGURE} labels"),
            (answers, 0) => format!("scores: none of the {answers} labelled answers is judged"),
            (_, judged) if judged < FIRST_FIGURE => format!("{} more", FIRST_FIGURE - judged),
            _ if self.people.len() < 2 => "there; a second person would show how far people agree".to_owned(),
            _ => "there".to_owned(),
        }
    }

    fn is_there(&self) -> bool {
        self.judged >= FIRST_FIGURE
    }
}

/// The command that brings most.
fn next(all: &BTreeMap<&str, Progress>, people: &BTreeSet<&str>) -> String {
    let name = people.first().copied().unwrap_or("YOU");
    let nearest = all.iter().filter(|(_, progress)| !progress.is_there()).max_by_key(|(_, progress)| progress.judged);
    match nearest {
        None => "Next: judged report\n".to_owned(),
        Some((rubric, progress)) if progress.judged == 0 && !progress.answers.is_empty() => {
            format!("Next: judged backfill --rubric {rubric}\n")
        }
        Some((rubric, _)) => format!(
            "Next: judged labels queue --annotator \"{name}\" --rubric {rubric} --out todo.csv, fill in the file, judged labels import \
             todo.csv\n"
        ),
    }
}

/// What the columns mean, where it matters.
fn explained(all: &BTreeMap<&str, Progress>) -> String {
    let unknown = all.values().any(|progress| progress.drawn.len() < progress.answers.len());
    let skipped: usize = all.values().map(|progress| progress.skipped).sum();
    let mut text = String::new();
    if unknown {
        text +=
            "Labels of answers that nobody drew are shown in the report, and no verdict on a judge rests on them.\n";
    }
    if skipped > 0 {
        text += &format!("{skipped} of the labels are of people who looked and could not judge.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Score;

    fn label(rubric: &str, answer: u32, annotator: &str, stream: LabelStream) -> Label {
        Label {
            subject: SubjectId::of_session(&answer.to_string()),
            rubric: rubric.into(),
            annotator: annotator.into(),
            score: (answer != 99).then_some(Score::Pass(true)),
            rationale: None,
            stream,
            probability: None,
            labelled_at_ms: 0,
            via: None,
            instead_of: None,
        }
    }

    #[test]
    fn a_newcomer_is_told_what_is_missing_and_how_to_get_it() {
        let rubrics = ["faithfulness".to_owned(), "harmfulness".to_owned()];
        insta::assert_snapshot!("nothing", said(&[], &BTreeSet::new(), &rubrics));
        let mut labels: Vec<Label> =
            (0..40).map(|answer| label("faithfulness", answer, "ann", LabelStream::Uniform)).collect();
        labels.push(label("faithfulness", 3, "bob", LabelStream::Uniform));
        labels.push(label("faithfulness", 99, "bob", LabelStream::Uniform));
        labels.extend((0..12).map(|answer| label("harmfulness", answer, "ann", LabelStream::Unknown)));
        let judged = |rubrics: &[&str]| {
            let of = |rubric: &&str| {
                labels
                    .iter()
                    .map(|one| (one.rubric.clone(), one.subject))
                    .filter(|(name, _)| name == *rubric)
                    .collect::<Vec<_>>()
            };
            rubrics.iter().flat_map(of).collect::<BTreeSet<_>>()
        };
        insta::assert_snapshot!("some", said(&labels, &judged(&["faithfulness"]), &rubrics));
        insta::assert_snapshot!("all", said(&labels[..42], &judged(&["faithfulness"]), &rubrics[..1]));
    }
}
