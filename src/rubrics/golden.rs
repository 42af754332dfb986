//! Golden cases: subjects with the verdict that a sound judge gives. `judged rubrics test` runs them.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::Rubric;
use super::error::{Place, Problem, RubricError};
use super::nearest::nearest;
use crate::model::{FAIL, PASS, Scale, Score, SubjectContent, Verdict};

/// One case of `cases.jsonl`.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenCase {
    /// Its name, unique within the rubric.
    pub name: String,
    /// What the judge is shown.
    pub content: SubjectContent,
    /// What it should say.
    pub expect: Expectation,
    /// The line of the file.
    pub line: usize,
}

/// What a sound judge says about a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Exactly this score.
    Score(f64),
    Label(String),
    /// A verdict that passes, or one that does not.
    Pass(bool),
    /// No verdict.
    Abstain,
}

/// How a verdict compares with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// As expected.
    Met,
    /// Otherwise; in words, for the reader.
    Missed {
        /// What was expected.
        expected: String,
        /// What the judge said.
        found: String,
    },
}

const CASE_KEYS: &[&str] = &["name", "content", "expect"];
const EXPECT_KEYS: &[&str] = &["score", "label", "pass", "abstain"];

impl GoldenCase {
    /// Parses a whole file; blank lines are skipped, all errors come at once.
    pub fn parse_file(path: &Path, text: &str) -> Result<Vec<Self>, Vec<RubricError>> {
        let (mut cases, mut errors): (Vec<Self>, Vec<RubricError>) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            let refuse = |detail| RubricError::at(path, Place::line(number), Problem::Case(detail));
            match parse_line(line, number) {
                Ok(case) if cases.iter().any(|earlier| earlier.name == case.name) => {
                    errors.push(refuse(format!("there are two cases named `{}`", case.name)));
                }
                Ok(case) => cases.push(case),
                Err(detail) => errors.push(refuse(detail)),
            }
        }
        if errors.is_empty() { Ok(cases) } else { Err(errors) }
    }

    /// Why this case cannot be run under `rubric`, if so.
    pub fn misfit(&self, rubric: &Rubric) -> Option<String> {
        if let Some(missing) = rubric.missing(&self.content) {
            return Some(format!("it has no {}, which the rubric requires", missing.as_str()));
        }
        let scale = &rubric.scale;
        match &self.expect {
            Expectation::Abstain if !rubric.abstain => Some("it expects abstention, which the rubric forbids".into()),
            Expectation::Score(score) if !scale.admits(*score) => Some(format!("the scale has no score {score}")),
            Expectation::Label(label) if label_misfits(scale, label) => {
                Some(format!("the scale has no label `{label}`"))
            }
            Expectation::Pass(_) if !declares_pass(scale) => Some("the scale declares no `pass`".into()),
            _ => None,
        }
    }

    /// Compares a judge's verdict with what is expected.
    pub fn compare(&self, verdict: &Verdict) -> Comparison {
        let met = match (&self.expect, verdict) {
            (Expectation::Abstain, Verdict::Abstained { .. }) => true,
            (Expectation::Score(expected), Verdict::Scored { score, .. }) => score.number() == Some(*expected),
            (Expectation::Label(expected), Verdict::Scored { score, .. }) => score.label() == Some(expected),
            (Expectation::Pass(expected), Verdict::Scored { score, .. }) => score.passes() == Some(*expected),
            (Expectation::Abstain, Verdict::Scored { .. }) | (_, Verdict::Abstained { .. }) => false,
        };
        if met {
            return Comparison::Met;
        }
        Comparison::Missed { expected: self.expect.to_string(), found: verdict_words(verdict) }
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Score(score) => write!(f, "score {score}"),
            Self::Label(label) => write!(f, "label {label}"),
            Self::Pass(true) => f.write_str("a pass"),
            Self::Pass(false) => f.write_str("a fail"),
            Self::Abstain => f.write_str("abstention"),
        }
    }
}

fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Abstained { .. } => "abstention".into(),
        Verdict::Scored { score: Score::Number { number, passes: None, .. }, .. } => format!("score {number}"),
        Verdict::Scored { score: Score::Number { number, passes: Some(true), .. }, .. } => {
            format!("score {number} ({PASS})")
        }
        Verdict::Scored { score: Score::Number { number, passes: Some(false), .. }, .. } => {
            format!("score {number} ({FAIL})")
        }
        Verdict::Scored { score: Score::Category { label, .. }, .. } => format!("label {label}"),
        Verdict::Scored { score: Score::Pass(pass), .. } => format!("label {}", if *pass { PASS } else { FAIL }),
    }
}

fn label_misfits(scale: &Scale, label: &str) -> bool {
    match scale {
        Scale::Categorical { labels, .. } => labels.iter().all(|(known, _)| known != label),
        _ => !declares_pass(scale) || !matches!(label, PASS | FAIL),
    }
}

fn declares_pass(scale: &Scale) -> bool {
    match scale {
        Scale::Binary { .. } => true,
        Scale::Ordinal { pass, .. } => pass.is_some(),
        Scale::Categorical { pass, .. } => !pass.is_empty(),
        Scale::Numeric { pass, .. } => pass.is_some(),
    }
}

fn parse_line(line: &str, number: usize) -> Result<GoldenCase, String> {
    let json: Json = serde_json::from_str(line).map_err(|error| format!("it is not JSON: {error}"))?;
    let Json::Object(mut fields) = json else { return Err("it is no JSON object".into()) };
    only_known(&fields, CASE_KEYS.iter().copied(), "a case")?;
    let name = match fields.remove("name") {
        Some(Json::String(name)) if !name.trim().is_empty() => name,
        _ => return Err("it has no `name`".into()),
    };
    let content = fields.remove("content").ok_or("it has no `content`")?;
    let expect = fields.remove("expect").ok_or("it has no `expect`")?;
    Ok(GoldenCase { name, content: parse_content(content)?, expect: parse_expectation(&expect)?, line: number })
}

/// Reads a subject's content from JSON; a key that content does not have is an error, not nothing.
pub fn parse_content(content: Json) -> Result<SubjectContent, String> {
    let Json::Object(fields) = &content else { return Err("`content` is no object".into()) };
    let empty = serde_json::to_value(SubjectContent::default()).map_err(|error| error.to_string())?;
    let known = empty.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    only_known(fields, known, "`content`")?;
    serde_json::from_value(content).map_err(|error| format!("`content`: {error}"))
}

fn parse_expectation(expect: &Json) -> Result<Expectation, String> {
    let Json::Object(fields) = expect else { return Err("`expect` is no object".into()) };
    only_known(fields, EXPECT_KEYS.iter().copied(), "`expect`")?;
    let mut entries = fields.iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        return Err("`expect` needs exactly one of score, label, pass, abstain".into());
    };
    let expectation = match (key.as_str(), value) {
        ("score", Json::Number(number)) => number.as_f64().map(Expectation::Score),
        ("label", Json::String(label)) => Some(Expectation::Label(label.clone())),
        ("pass", Json::Bool(pass)) => Some(Expectation::Pass(*pass)),
        ("abstain", Json::Bool(true)) => Some(Expectation::Abstain),
        _ => None,
    };
    expectation.ok_or_else(|| {
        format!("`expect.{key}` has the wrong type: score is a number, label text, pass true or false, abstain true")
    })
}

fn only_known<'a>(
    fields: &Map<String, Json>,
    known: impl Iterator<Item = &'a str> + Clone,
    within: &str,
) -> Result<(), String> {
    match fields.keys().find(|key| known.clone().all(|known| known != *key)) {
        None => Ok(()),
        Some(unknown) => Err(match nearest(unknown, known) {
            Some(meant) => format!("unknown key `{unknown}` in {within}; did you mean `{meant}`?"),
            None => format!("unknown key `{unknown}` in {within}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Vec<GoldenCase>, String> {
        GoldenCase::parse_file(Path::new("cases.jsonl"), line)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    fn scored(scale: &Scale, score: f64) -> Verdict {
        Verdict::Scored { score: Score::of_number(scale, score).unwrap(), rationale: String::new() }
    }

    #[test]
    fn a_case_says_what_a_sound_judge_says() {
        let cases = parse(r#"{"name":"empty","content":{"input":"Hi","output":""},"expect":{"pass":false}}"#).unwrap();
        let scale = Scale::ordinal(vec![(1, "bad".into()), (2, "good".into())], Some(2)).unwrap();
        assert_eq!(cases[0].compare(&scored(&scale, 1.0)), Comparison::Met);
        assert_eq!(
            cases[0].compare(&scored(&scale, 2.0)),
            Comparison::Missed { expected: "a fail".into(), found: "score 2 (pass)".into() }
        );
        let abstained = Verdict::Abstained { rationale: String::new() };
        assert!(matches!(cases[0].compare(&abstained), Comparison::Missed { .. }));
    }

    #[test]
    fn a_misspelt_part_of_the_content_is_an_error_and_not_an_absence() {
        let error = parse(r#"{"name":"n","content":{"outptu":"Hi"},"expect":{"pass":true}}"#).unwrap_err();
        assert!(error.contains("unknown key `outptu` in `content`; did you mean `output`?"), "{error}");
    }

    #[test]
    fn every_bad_line_is_named() {
        let error = parse("{\n\n{\"name\":\"n\",\"content\":{},\"expect\":{\"score\":1,\"pass\":true}}").unwrap_err();
        assert!(error.contains("cases.jsonl:1:") && error.contains("cases.jsonl:3:"), "{error}");
    }
}
