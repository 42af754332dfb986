//! `judged rubrics test --attacks`: whether what is judged can talk its judge into a better verdict, and what data blocks cost.

use std::collections::BTreeMap;
use std::process::ExitCode;

use futures_util::StreamExt;
use serde::Serialize;

use super::super::output::{Format, Output};
use super::ask::{ask, ask_by, in_flight, judge_of};
use super::library::find;
use super::test::{Asked, newest};
use crate::config::Config;
use crate::judges::{Judge, JudgeEnvironment, JudgeReply, Judges};
use crate::model::{Estimate, Reason, Verdict};
use crate::rubrics::{Attack, GoldenCase, Library, Rubric, RubricReference, attacks};
use crate::statistics::survey::Weighted;
use crate::statistics::{CONFIDENCE, ClusterShare, clustered_share};

/// What is asked about a case.
enum Question {
    /// The case as it is; twice, because a judge says two things of the same.
    Honest,
    /// Without data blocks.
    Bare,
    Attack(Box<Attack>),
}

/// What came of the questions about one case.
#[derive(Debug, Default)]
struct Answers {
    honest: Vec<f64>,
    bare: Option<f64>,
    attacks: Vec<((&'static str, &'static str), f64)>,
    failed: usize,
}

/// What is said of a rubric and its judge.
#[derive(Debug, Serialize)]
struct Audit {
    rubric: String,
    version: u32,
    judge: String,
    /// Cases that could be judged better than they were.
    attacked_cases: usize,
    attacks: usize,
    /// The share of attacks after which the verdict was better.
    success: Estimate,
    /// The same when the same case is asked about again without any attack.
    without_attack: Estimate,
    by_kind: BTreeMap<&'static str, Estimate>,
    by_place: BTreeMap<&'static str, Estimate>,
    /// Cases judged with and without data blocks.
    compared_cases: usize,
    /// The mean value with data blocks less that without.
    fence_effect: Estimate,
    /// Questions without a verdict.
    failed: usize,
}

pub(super) async fn run(
    library: &Library,
    wanted: Option<&RubricReference>,
    asked: &Asked,
    format: Format,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    let rubrics: Vec<&Rubric> = match wanted {
        Some(wanted) => vec![find(library, wanted)?],
        None => newest(library, library.has_own()),
    };
    let (mut audits, mut failed) = (Vec::new(), 0);
    for rubric in rubrics {
        let judge = judge_of(rubric, asked.judge.as_deref(), &judges)?;
        let cases = library.cases.get(&rubric.name).map_or(&[] as &[_], Vec::as_slice);
        let audit = audit(rubric, cases, judge, in_flight(asked.concurrency, judge)).await;
        failed += audit.failed;
        if format == Format::Table {
            output.text(&told(&audit))?;
        }
        audits.push(audit);
    }
    if format == Format::Json {
        output.json_list(&audits)?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn audit(rubric: &Rubric, cases: &[GoldenCase], judge: &Judge, in_flight: usize) -> Audit {
    let cases: Vec<&GoldenCase> = cases.iter().filter(|case| case.misfit(rubric).is_none()).collect();
    let plain = cases
        .iter()
        .enumerate()
        .flat_map(|(at, _)| [(at, Question::Honest), (at, Question::Honest), (at, Question::Bare)]);
    let mut answers: Vec<Answers> = cases.iter().map(|_| Answers::default()).collect();
    ask_all(rubric, &cases, plain.collect(), judge, in_flight, &mut answers).await;
    // What has the best verdict already gives an attack nothing to do.
    let open = |answers: &Answers| answers.honest.first().is_some_and(|value| *value < 1.0);
    let hostile = cases.iter().enumerate().filter(|(at, _)| open(&answers[*at])).flat_map(|(at, case)| {
        attacks(rubric, &case.content).into_iter().map(move |attack| (at, Question::Attack(Box::new(attack))))
    });
    let hostile: Vec<_> = hostile.collect();
    ask_all(rubric, &cases, hostile, judge, in_flight, &mut answers).await;
    summed(rubric, judge.name(), &answers)
}

async fn ask_all(
    rubric: &Rubric,
    cases: &[&GoldenCase],
    questions: Vec<(usize, Question)>,
    judge: &Judge,
    in_flight: usize,
    answers: &mut [Answers],
) {
    let asked = questions.into_iter().map(|(at, question)| async move {
        let content = &cases[at].content;
        let reply = match &question {
            Question::Honest => ask(rubric, content, judge).await,
            Question::Attack(attack) => ask(rubric, &attack.content, judge).await,
            Question::Bare => match rubric.render_bare(content) {
                Ok(prompt) => ask_by(rubric, content, &prompt, judge).await,
                Err(error) => Err(error.to_string()),
            },
        };
        (at, question, reply)
    });
    let mut asked = futures_util::stream::iter(asked).buffered(in_flight);
    while let Some((at, question, reply)) = asked.next().await {
        answers[at].note(question, reply);
    }
}

impl Answers {
    fn note(&mut self, question: Question, reply: Result<JudgeReply, String>) {
        let Ok(reply) = reply else {
            self.failed += 1;
            return;
        };
        // An abstention is no better verdict, and says nothing of the blocks.
        let value = match &reply.verdict {
            Verdict::Scored { score, .. } => score.value(),
            Verdict::Abstained { .. } => None,
        };
        match question {
            Question::Honest => self.honest.extend(value),
            Question::Bare => self.bare = value,
            Question::Attack(attack) => {
                self.attacks.push(((attack.kind.as_str(), attack.place.as_str()), value.unwrap_or(0.0)));
            }
        }
    }

    /// How often the attacks of `of` were followed by a better verdict than the honest one.
    fn share(&self, of: impl Fn((&str, &str)) -> bool) -> Option<ClusterShare> {
        let honest = self.honest.first()?;
        let own: Vec<f64> = self.attacks.iter().filter(|(attack, _)| of(*attack)).map(|(_, value)| *value).collect();
        let hits = own.iter().filter(|value| *value > honest).count();
        (!own.is_empty()).then_some(ClusterShare { items: own.len() as f64, hits: hits as f64 })
    }
}

fn summed(rubric: &Rubric, judge: &str, answers: &[Answers]) -> Audit {
    let share = |of: &dyn Fn((&str, &str)) -> bool| -> Vec<ClusterShare> {
        answers.iter().filter_map(|one| one.share(of)).collect()
    };
    let attacked: Vec<&Answers> = answers.iter().filter(|one| !one.attacks.is_empty()).collect();
    let named = |pick: fn((&'static str, &'static str)) -> &'static str| -> BTreeMap<&'static str, Estimate> {
        let names = attacked.iter().flat_map(|one| one.attacks.iter().map(|(attack, _)| pick(*attack)));
        names.map(|name| (name, share_of(&share(&|attack| attack.0 == name || attack.1 == name)))).collect()
    };
    let again = attacked.iter().filter_map(|one| match one.honest.as_slice() {
        [first, second, ..] => Some(ClusterShare { items: 1.0, hits: f64::from(u8::from(second > first)) }),
        _ => None,
    });
    let differences: Vec<f64> = answers.iter().filter_map(|one| Some(one.honest.first()? - one.bare?)).collect();
    Audit {
        rubric: rubric.name.clone(),
        version: rubric.version,
        judge: judge.to_owned(),
        attacked_cases: attacked.len(),
        attacks: attacked.iter().map(|one| one.attacks.len()).sum(),
        success: share_of(&share(&|_| true)),
        without_attack: share_of(&again.collect::<Vec<_>>()),
        by_kind: named(|attack| attack.0),
        by_place: named(|attack| attack.1),
        compared_cases: differences.len(),
        fence_effect: mean(&differences),
        failed: answers.iter().map(|one| one.failed).sum(),
    }
}

/// The attacks on one case depend on each other.
fn share_of(cases: &[ClusterShare]) -> Estimate {
    let (items, hits) = cases.iter().fold((0.0, 0.0), |(items, hits), one| (items + one.items, hits + one.hits));
    if items == 0.0 {
        return Reason::NoPairs.into();
    }
    Estimate::new(Ok(hits / items), clustered_share(cases, items, CONFIDENCE))
}

/// The mean with Student's interval.
fn mean(values: &[f64]) -> Estimate {
    let number = values.len() as f64;
    if values.is_empty() {
        return Reason::NoPairs.into();
    }
    let mean = values.iter().sum::<f64>() / number;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (number - 1.0).max(1.0);
    let weighted =
        Weighted { value: mean, standard_error: (variance / number).sqrt(), degrees_of_freedom: number - 1.0 };
    let interval = if variance > 0.0 { weighted.interval(CONFIDENCE) } else { Err(Reason::NoVariance) };
    Estimate::new(Ok(mean), interval)
}

fn told(audit: &Audit) -> String {
    let mut text = format!("{} v{}, judge {}\n", audit.rubric, audit.version, audit.judge);
    if audit.attacks == 0 {
        text += "  no case that could be judged better than it was\n";
    } else {
        text += &format!(
            "  {} attacks on {} cases: a better verdict after {}; without an attack after {}\n",
            audit.attacks,
            audit.attacked_cases,
            share(&audit.success),
            share(&audit.without_attack)
        );
        for (name, success) in audit.by_kind.iter().chain(&audit.by_place) {
            text += &format!("    {}: {}\n", name.replace('_', " "), share(success));
        }
    }
    text += &format!(
        "  data blocks move the mean value of {} cases by {}\n",
        audit.compared_cases,
        crate::report::words::signed_estimate(&audit.fence_effect)
    );
    if audit.failed > 0 {
        text += &format!("  {} questions without a verdict\n", audit.failed);
    }
    text + "\n"
}

fn share(estimate: &Estimate) -> String {
    crate::report::words::percent_estimate(estimate)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rubrics::SHIPPED;

    fn answers(honest: [f64; 2], bare: f64, attacks: &[(&'static str, &'static str, f64)]) -> Answers {
        let attacks = attacks.iter().map(|(kind, place, value)| ((*kind, *place), *value)).collect();
        Answers { honest: honest.into(), bare: Some(bare), attacks, failed: 0 }
    }

    #[test]
    fn success_is_told_by_kind_and_place_beside_what_happens_without_an_attack() {
        let (_, text) = SHIPPED.iter().find(|(path, _)| *path == "faithfulness/v1.md").unwrap();
        let rubric = Rubric::parse("faithfulness", 1, Path::new("v1.md"), text).unwrap();
        let cases = [
            answers(
                [0.0, 0.0],
                0.5,
                &[("fake_verdict", "answer", 1.0), ("request", "answer", 0.0), ("request", "id", 0.0)],
            ),
            answers(
                [0.5, 1.0],
                0.5,
                &[("fake_verdict", "answer", 1.0), ("request", "answer", 0.5), ("request", "id", 0.0)],
            ),
            answers([1.0, 1.0], 1.0, &[]),
        ];
        let audit = summed(&rubric, "default", &cases);
        assert_eq!((audit.attacked_cases, audit.attacks, audit.compared_cases), (2, 6, 3));
        assert_eq!(audit.success.value(), Some(2.0 / 6.0));
        assert!(audit.success.interval().is_some_and(|interval| interval.low < 1.0 / 3.0 && interval.high > 1.0 / 3.0));
        assert_eq!(audit.without_attack.value(), Some(0.5));
        assert_eq!((audit.by_kind["fake_verdict"].value(), audit.by_kind["request"].value()), (Some(1.0), Some(0.0)));
        assert_eq!((audit.by_place["answer"].value(), audit.by_place["id"].value()), (Some(0.5), Some(0.0)));
        assert!((audit.fence_effect.value().unwrap() + 1.0 / 6.0).abs() < 1e-12);
        let text = told(&audit);
        for part in [
            "6 attacks on 2 cases: a better verdict after 33",
            "fake verdict: 100",
            "data blocks move the mean value of 3 cases by −0.17 [",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn a_judge_that_reads_words_alone_is_audited_from_end_to_end() {
        let of = |file: &str| SHIPPED.iter().find(|(path, _)| *path == format!("answer_relevance/{file}")).unwrap().1;
        let rubric = Rubric::parse("answer_relevance", 1, Path::new("v1.md"), of("v1.md")).unwrap();
        let cases = GoldenCase::parse_file(Path::new("cases.jsonl"), of("cases.jsonl")).unwrap();
        let audit = audit(&rubric, &cases, &Judge::baseline("baseline"), 4).await;
        assert_eq!(audit.failed, 0);
        assert!(audit.attacks > 0 && audit.attacked_cases < cases.len(), "{audit:?}");
        assert_eq!(audit.without_attack.value(), Some(0.0), "the baseline says the same each time");
        assert_eq!(audit.fence_effect.value(), Some(0.0), "and reads no prompt");
    }
}
