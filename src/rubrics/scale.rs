//! The scale of a rubric: read from its front matter, told to judge and labeller in the same words, and enforced as a
//! response schema.

use serde_json::{Value as Json, json};
use serde_saphyr::Spanned;

use super::error::Problem;
use super::front_matter_reader::Reader;
use super::nearest::nearest;
use super::yaml::Node;
use crate::model::{FAIL, PASS, Scale, ScaleError};

const TYPES: &[&str] = &["binary", "ordinal", "categorical", "numeric"];
const WITHIN: &str = "`scale`";

/// Reads `scale:`; `None` when something is wrong with it, which the reader then knows.
pub(super) fn read_scale(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Scale> {
    let Node::Map(entries) = &node.value else {
        let found = node.value.kind();
        let expected = "a map such as { type: binary, pass: \"…\", fail: \"…\" }";
        reader.refuse(node, Problem::WrongType { key: "scale".into(), expected, found });
        return None;
    };
    let kind = entries.iter().find(|(key, _)| key.value.scalar_text().as_deref() == Some("type"));
    let Some((_, kind)) = kind else {
        reader.refuse(node, Problem::MissingKey { key: "type", within: WITHIN, example: "type: binary" });
        return None;
    };
    match kind.value.scalar_text().as_deref() {
        Some("binary") => read_binary(reader, node),
        Some("ordinal") => read_ordinal(reader, node),
        Some("categorical") => read_categorical(reader, node),
        Some("numeric") => read_numeric(reader, node),
        other => {
            let value = other.unwrap_or_else(|| kind.value.kind()).to_owned();
            let meant = nearest(&value, TYPES.iter().copied());
            reader.refuse(kind, Problem::UnknownWord { key: "type", value, meant, known: TYPES.to_vec() });
            None
        }
    }
}

/// The named entry, or a complaint.
fn need<'n>(
    reader: &mut Reader<'_>,
    scale: &Spanned<Node>,
    entries: &[(&'static str, &'n Spanned<Node>)],
    key: &'static str,
    example: &'static str,
) -> Option<&'n Spanned<Node>> {
    let found = find(entries, key);
    if found.is_none() {
        reader.refuse(scale, Problem::MissingKey { key, within: WITHIN, example });
    }
    found
}

fn find<'n>(entries: &[(&'static str, &'n Spanned<Node>)], key: &str) -> Option<&'n Spanned<Node>> {
    entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

fn checked(reader: &mut Reader<'_>, at: &Spanned<Node>, scale: Result<Scale, ScaleError>) -> Option<Scale> {
    scale.map_err(|error| reader.refuse(at, Problem::Scale(error))).ok()
}

fn read_binary(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Scale> {
    let entries = reader.known_entries(node, WITHIN, &["type", "pass", "fail"]);
    let pass = need(reader, node, &entries, PASS, "pass: \"when the criterion is met\"");
    let pass = pass.and_then(|value| reader.text(PASS, value));
    let fail = need(reader, node, &entries, FAIL, "fail: \"when it is not\"");
    let fail = fail.and_then(|value| reader.text(FAIL, value));
    Some(Scale::Binary { pass: pass?, fail: fail? })
}

fn read_ordinal(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Scale> {
    let entries = reader.known_entries(node, WITHIN, &["type", "levels", "pass"]);
    let levels_node = need(reader, node, &entries, "levels", "levels: { 1: \"…\", 2: \"…\", 3: \"…\" }")?;
    let Node::Map(pairs) = &levels_node.value else {
        let found = levels_node.value.kind();
        let expected = "a map from level to meaning";
        reader.refuse(levels_node, Problem::WrongType { key: "levels".into(), expected, found });
        return None;
    };
    let mut levels: Vec<(i64, String)> = Vec::new();
    for (level, meaning) in pairs {
        let Some(number) = reader.whole_number("levels", level) else { continue };
        if levels.iter().any(|(earlier, _)| *earlier == number) {
            reader.refuse(level, Problem::Scale(ScaleError::RepeatedLevel(number)));
            continue;
        }
        if let Some(text) = reader.text(&format!("level {number}"), meaning) {
            levels.push((number, text));
        }
    }
    let pass_node = find(&entries, "pass");
    let pass = pass_node.and_then(|value| reader.whole_number("pass", value));
    if levels.len() < pairs.len() || pass.is_none() != pass_node.is_none() {
        return None;
    }
    let between = pass.filter(|pass| {
        let inside = levels.iter().any(|(level, _)| level < pass) && levels.iter().any(|(level, _)| level > pass);
        inside && levels.iter().all(|(level, _)| level != pass)
    });
    if let (Some(pass), Some(at)) = (between, pass_node) {
        reader.refuse(at, Problem::PassIsNoLevel(pass));
        return None;
    }
    checked(reader, pass_node.unwrap_or(levels_node), Scale::ordinal(levels, pass))
}

fn read_categorical(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Scale> {
    let entries = reader.known_entries(node, WITHIN, &["type", "labels", "pass"]);
    let labels_node = need(reader, node, &entries, "labels", "labels: { refusal: \"…\", answer: \"…\" }")?;
    let Node::Map(pairs) = &labels_node.value else {
        let found = labels_node.value.kind();
        let expected = "a map from label to meaning";
        reader.refuse(labels_node, Problem::WrongType { key: "labels".into(), expected, found });
        return None;
    };
    let mut labels: Vec<(String, String)> = Vec::new();
    for (label, meaning) in pairs {
        let Some(name) = label.value.scalar_text().filter(|name| !name.trim().is_empty()) else {
            reader.refuse(label, Problem::NoMeaning("a label without a name".into()));
            continue;
        };
        if labels.iter().any(|(earlier, _)| *earlier == name) {
            reader.refuse(label, Problem::Scale(ScaleError::RepeatedLabel(name)));
            continue;
        }
        if let Some(text) = reader.text(&format!("label {name}"), meaning) {
            labels.push((name, text));
        }
    }
    let pass_node = find(&entries, "pass");
    let pass = pass_node.map(|value| reader.one_or_more("pass", value)).unwrap_or_default();
    if labels.len() < pairs.len() {
        return None;
    }
    let pass = pass.into_iter().map(|(name, _)| name).collect();
    checked(reader, pass_node.unwrap_or(labels_node), Scale::categorical(labels, pass))
}

fn read_numeric(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Scale> {
    let entries = reader.known_entries(node, WITHIN, &["type", "min", "max", "pass", "meaning"]);
    let min = need(reader, node, &entries, "min", "min: 0").and_then(|value| reader.number("min", value));
    let max = need(reader, node, &entries, "max", "max: 1").and_then(|value| reader.number("max", value));
    let meaning = need(reader, node, &entries, "meaning", "meaning: \"what 0 and what 1 stand for\"");
    let meaning = meaning.and_then(|value| reader.text("meaning", value));
    let pass_node = find(&entries, "pass");
    let pass = pass_node.and_then(|value| reader.number("pass", value));
    if pass.is_none() != pass_node.is_none() {
        return None;
    }
    checked(reader, pass_node.unwrap_or(node), Scale::numeric(min?, max?, pass, meaning?))
}

/// The scale in the words that judge and human labeller both read. The threshold stays untold: it is a decision about
/// scores, and knowing it would bend them.
pub fn scale_text(scale: &Scale) -> String {
    match scale {
        Scale::Binary { pass, fail } => format!("{PASS}: {pass}\n{FAIL}: {fail}"),
        Scale::Ordinal { levels, .. } => lines(levels.iter()),
        Scale::Categorical { labels, .. } => lines(labels.iter()),
        Scale::Numeric { min, max, meaning, .. } => format!("a number from {min} to {max}: {meaning}"),
    }
}

fn lines<'a, T: std::fmt::Display + 'a>(levels: impl Iterator<Item = &'a (T, String)>) -> String {
    levels.map(|(level, meaning)| format!("{level}: {meaning}")).collect::<Vec<_>>().join("\n")
}

/// The field of a reply that carries the verdict: `score` on ordinal and numeric scales, else `label`.
pub fn verdict_field(scale: &Scale) -> &'static str {
    match scale {
        Scale::Binary { .. } | Scale::Categorical { .. } => "label",
        Scale::Ordinal { .. } | Scale::Numeric { .. } => "score",
    }
}

/// What a judge that abstains writes in the place of the verdict.
pub(super) const ABSTAIN: &str = "abstain";

/// The word for an abstention, unless the scale has a label of that name, in whatever case and punctuation: a reply could not
/// tell the two apart.
pub(super) fn abstention(scale: &Scale, abstain: bool) -> Option<&'static str> {
    let is_alike = |label: &str| {
        label.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().eq_ignore_ascii_case(ABSTAIN)
    };
    let is_label =
        matches!(scale, Scale::Categorical { labels, .. } if labels.iter().any(|(label, _)| is_alike(label)));
    (abstain && !is_label).then_some(ABSTAIN)
}

/// The JSON schema of a judge's reply, fit for providers' strict modes and for servers that make a grammar of it. It admits
/// verdicts only: the rationale first, so that it is written before the verdict; then one member that holds either a point of
/// the scale or the abstention. Levels are texts, because not all providers take an enumeration of numbers. Limits of numbers
/// are checked on arrival as well: not every grammar knows them.
pub fn response_schema(scale: &Scale, abstain: bool) -> Json {
    let mut properties = serde_json::Map::new();
    properties.insert(
        "rationale".into(),
        json!({"type": "string", "description": "The reasons for the verdict, written before it."}),
    );
    properties.insert(verdict_field(scale).into(), verdict_schema(scale, abstention(scale, abstain)));
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn verdict_schema(scale: &Scale, abstention: Option<&str>) -> Json {
    let mut choices: Vec<String> = match scale {
        Scale::Binary { .. } => vec![PASS.to_owned(), FAIL.to_owned()],
        Scale::Categorical { labels, .. } => labels.iter().map(|(label, _)| label.clone()).collect(),
        Scale::Ordinal { levels, .. } => levels.iter().map(|(level, _)| level.to_string()).collect(),
        Scale::Numeric { min, max, .. } => {
            let number = json!({"type": "number", "minimum": min, "maximum": max});
            return match abstention {
                Some(word) => json!({"anyOf": [number, {"type": "string", "enum": [word]}]}),
                None => number,
            };
        }
    };
    choices.extend(abstention.map(str::to_owned));
    json!({"type": "string", "enum": choices})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rationale_is_asked_for_before_the_score() {
        let scale = Scale::ordinal(vec![(1, "bad".into()), (2, "good".into())], None).unwrap();
        insta::assert_snapshot!(
            response_schema(&scale, true).to_string(),
            @r#"{"type":"object","required":["rationale","score"],"properties":{"rationale":{"type":"string","description":"The reasons for the verdict, written before it."},"score":{"type":"string","enum":["1","2","abstain"]}},"additionalProperties":false}"#
        );
    }

    #[test]
    fn a_number_has_limits_or_is_the_word_for_an_abstention() {
        let scale = Scale::numeric(0.0, 10.0, None, "how much".into()).unwrap();
        let verdict = |abstain| response_schema(&scale, abstain)["properties"]["score"].to_string();
        assert_eq!(verdict(false), r#"{"type":"number","minimum":0.0,"maximum":10.0}"#);
        assert_eq!(
            verdict(true),
            r#"{"anyOf":[{"type":"number","minimum":0.0,"maximum":10.0},{"type":"string","enum":["abstain"]}]}"#
        );
    }

    #[test]
    fn a_label_that_is_called_abstain_is_a_label() {
        let labels = ["vote", "abstain"].map(|label| (label.to_owned(), String::new()));
        let scale = Scale::categorical(labels.into(), vec![]).unwrap();
        assert_eq!(response_schema(&scale, true)["properties"]["label"]["enum"], json!(["vote", "abstain"]));
        let alike =
            Scale::categorical(vec![("vote".into(), String::new()), ("Abstain!".into(), String::new())], vec![]);
        assert_eq!(response_schema(&alike.unwrap(), true)["properties"]["label"]["enum"], json!(["vote", "Abstain!"]));
    }

    #[test]
    fn a_binary_verdict_is_a_label_and_cannot_abstain_when_abstaining_is_forbidden() {
        let scale = Scale::Binary { pass: "yes".into(), fail: "no".into() };
        insta::assert_snapshot!(
            response_schema(&scale, false).to_string(),
            @r#"{"type":"object","required":["rationale","label"],"properties":{"rationale":{"type":"string","description":"The reasons for the verdict, written before it."},"label":{"type":"string","enum":["pass","fail"]}},"additionalProperties":false}"#
        );
    }

    #[test]
    fn the_scale_text_names_levels_but_not_the_threshold() {
        let scale = Scale::ordinal(vec![(2, "good".into()), (1, "bad".into())], Some(2)).unwrap();
        assert_eq!(scale_text(&scale), "1: bad\n2: good");
        let scale = Scale::numeric(0.0, 1.0, Some(0.7), "share of claims".into()).unwrap();
        assert_eq!(scale_text(&scale), "a number from 0 to 1: share of claims");
    }
}
