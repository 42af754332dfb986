//! The part between `---` and `---`: what the rubric judges, on which scale, and which subjects it fits.

use std::path::Path;

use serde_saphyr::Spanned;

use super::decision::{self, DecisionBlock};
use super::error::{Place, Problem, RubricError};
use super::front_matter_reader::{Reader, place_of};
use super::matching::{Pattern, SubjectMatch};
use super::requirement::Requirement;
use super::scale::read_scale;
use super::yaml::{self, Node};
use crate::model::{Named as _, Scale, SubjectKind};

/// What the front matter says.
#[derive(Debug)]
pub(super) struct FrontMatter {
    pub(super) description: String,
    pub(super) subject: SubjectKind,
    pub(super) requires: Vec<Requirement>,
    /// The line of each requirement, for warnings.
    pub(super) requires_lines: Vec<usize>,
    pub(super) matches: SubjectMatch,
    pub(super) scale: Scale,
    pub(super) abstain: bool,
    pub(super) judge: String,
    /// What a decision model is asked, as far as the file says it.
    pub(super) decision: DecisionBlock,
}

const WITHIN: &str = "the front matter";
const KEYS: &[&str] = &["description", "subject", "requires", "match", "scale", "abstain", "judge", "decision"];

/// The file as front matter and template; both keep the line numbers of the file.
pub(super) struct Split<'a> {
    /// The YAML, without its marks; its first line is line 2 of the file.
    pub(super) yaml: &'a str,
    /// Where the template begins, in bytes.
    pub(super) template_start: usize,
}

/// Cuts a file in two.
pub(super) fn split(text: &str) -> Result<Split<'_>, (Place, Problem)> {
    let Some(rest) = text.strip_prefix("---\n") else { return Err((Place::line(1), Problem::NoFrontMatter)) };
    let yaml_start = text.len() - rest.len();
    let mut end = yaml_start;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Ok(Split { yaml: &text[yaml_start..end], template_start: end + line.len() });
        }
        end += line.len();
    }
    Err((Place::line(1), Problem::UnclosedFrontMatter))
}

/// Reads the front matter; everything that is wrong at once.
pub(super) fn read(path: &Path, text: &str) -> Result<FrontMatter, Vec<RubricError>> {
    let root = yaml::parse(text).map_err(|error| {
        let place = error
            .location()
            .map_or(Place::line(1), |at| Place { line: at.line() as usize + 1, column: Some(at.column() as usize) });
        vec![RubricError::at(path, place, Problem::Yaml(Box::new(error)))]
    })?;
    let mut reader = Reader::new(path);
    let entries = reader.known_entries(&root, WITHIN, KEYS);
    let value = |key: &str| entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let required = |reader: &mut Reader<'_>, key: &'static str, example: &'static str| {
        let found = value(key);
        if found.is_none() {
            reader.errors.push(RubricError::at(
                path,
                Place::line(1),
                Problem::MissingKey { key, within: WITHIN, example },
            ));
        }
        found
    };

    let description =
        required(&mut reader, "description", "description: the question that the rubric answers, in one sentence")
            .and_then(|node| reader.text("description", node));
    let subject = required(&mut reader, "subject", "subject: generation")
        .and_then(|node| reader.word("subject", node, &["generation", "trace", "session"], SubjectKind::parse));
    let scale = required(&mut reader, "scale", "scale: { type: binary, pass: \"…\", fail: \"…\" }")
        .and_then(|node| read_scale(&mut reader, node));
    let requirements = required(&mut reader, "requires", "requires: [input, output]")
        .map(|node| read_requirements(&mut reader, node, subject))
        .unwrap_or_default();
    let matches = value("match").map(|node| read_match(&mut reader, node)).unwrap_or_default();
    let abstain = value("abstain").map_or(Some(false), |node| {
        reader.word("abstain", node, &["allowed", "forbidden"], |word| match word {
            "allowed" => Some(true),
            "forbidden" => Some(false),
            _ => None,
        })
    });
    let decision = match (value("decision"), &scale) {
        (Some(node), Some(scale)) => decision::read(&mut reader, node, scale),
        _ => DecisionBlock::default(),
    };
    let judge = value("judge").map_or(Some("default".to_owned()), |node| reader.text("judge", node));

    match (description, subject, scale, abstain, judge) {
        (Some(description), Some(subject), Some(scale), Some(abstain), Some(judge)) if reader.errors.is_empty() => {
            let (requires, requires_lines) = requirements.into_iter().unzip();
            Ok(FrontMatter { description, subject, requires, requires_lines, matches, scale, abstain, judge, decision })
        }
        _ => Err(reader.errors),
    }
}

fn read_requirements(
    reader: &mut Reader<'_>,
    node: &Spanned<Node>,
    subject: Option<SubjectKind>,
) -> Vec<(Requirement, usize)> {
    let mut requirements: Vec<(Requirement, usize)> = Vec::new();
    for (_, item) in reader.one_or_more("requires", node) {
        let Some(requirement) = reader.word("requires", item, Requirement::NAMES, Requirement::parse) else { continue };
        match (requirement.only_of(), subject) {
            (Some(only), Some(subject)) if only != subject => {
                reader.refuse(item, Problem::NeverMet { requirement: requirement.as_str(), subject });
            }
            _ if requirements.iter().any(|(earlier, _)| *earlier == requirement) => {
                let key = requirement.as_str().to_owned();
                reader.refuse(item, Problem::RepeatedKey { key, within: "`requires`" });
            }
            _ => requirements.push((requirement, place_of(item).line)),
        }
    }
    requirements
}

fn read_match(reader: &mut Reader<'_>, node: &Spanned<Node>) -> SubjectMatch {
    let Node::Map(entries) = &node.value else {
        reader.wrong_type("match", node, "a map such as { operation: chat }");
        return SubjectMatch::default();
    };
    let mut conditions: Vec<(String, Vec<Pattern>)> = Vec::new();
    for (key, value) in entries {
        let Some(name) = key.value.scalar_text() else {
            reader.wrong_type("match", key, "a word");
            continue;
        };
        if conditions.iter().any(|(earlier, _)| *earlier == name) {
            reader.refuse(key, Problem::RepeatedKey { key: name, within: "`match`" });
            continue;
        }
        let patterns = reader.one_or_more(&name, value).into_iter().map(|(text, _)| Pattern::new(text)).collect();
        conditions.push((name, patterns));
    }
    SubjectMatch::new(conditions)
}
