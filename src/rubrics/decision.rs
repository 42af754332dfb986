//! The block `decision:` of the front matter: what a decision model is asked instead of the template. What it leaves out
//! follows from the description, the scale and what the template shows.

use std::collections::BTreeSet;

use serde_saphyr::Spanned;

use super::error::Problem;
use super::front_matter_reader::Reader;
use super::yaml::Node;
use crate::model::{Decision, DecisionVerdict, Named as _, Scale, StateField};

const WITHIN: &str = "`decision`";
const KEYS: &[&str] = &["instructions", "options", "verdict", "state"];

/// What the file says, each where it does.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DecisionBlock {
    instructions: Option<String>,
    /// Point of the scale and its text.
    options: Vec<(String, String)>,
    verdict: Option<DecisionVerdict>,
    state: Option<Vec<StateField>>,
}

/// Reads `decision:`; what is wrong with it the reader then knows.
pub(super) fn read(reader: &mut Reader<'_>, node: &Spanned<Node>, scale: &Scale) -> DecisionBlock {
    let entries = reader.known_entries(node, WITHIN, KEYS);
    let mut block = DecisionBlock::default();
    for (key, value) in entries {
        match key {
            "instructions" => block.instructions = reader.text("instructions", value),
            "options" => block.options = read_options(reader, value, scale),
            "verdict" => block.verdict = read_verdict(reader, value, scale),
            _ => block.state = read_state(reader, value),
        }
    }
    block
}

/// A text for each point of the scale, under the names that the scale has; not all need one.
fn read_options(reader: &mut Reader<'_>, node: &Spanned<Node>, scale: &Scale) -> Vec<(String, String)> {
    let Node::Map(pairs) = &node.value else {
        reader.wrong_type("options", node, "a map from a point of the scale to what it means");
        return Vec::new();
    };
    let known: Vec<String> =
        Decision::derived("", scale, Vec::new()).options.into_iter().map(|option| option.name).collect();
    let mut options: Vec<(String, String)> = Vec::new();
    for (point, text) in pairs {
        let name = point.value.scalar_text().unwrap_or_else(|| point.value.kind().to_owned());
        if !known.contains(&name) {
            reader.refuse(point, Problem::UnknownPoint { point: name, known: known.clone() });
        } else if options.iter().any(|(earlier, _)| *earlier == name) {
            reader.refuse(point, Problem::RepeatedKey { key: name, within: "`options`" });
        } else if let Some(text) = reader.text(&format!("options {name}"), text) {
            options.push((name, text));
        }
    }
    options
}

fn read_verdict(reader: &mut Reader<'_>, node: &Spanned<Node>, scale: &Scale) -> Option<DecisionVerdict> {
    let verdict = reader.word("verdict", node, DecisionVerdict::NAMES, DecisionVerdict::parse)?;
    if !matches!(scale, Scale::Ordinal { .. }) {
        reader.refuse(node, Problem::VerdictOfLevels(scale.name()));
        return None;
    }
    Some(verdict)
}

fn read_state(reader: &mut Reader<'_>, node: &Spanned<Node>) -> Option<Vec<StateField>> {
    let mut fields = Vec::new();
    for (name, at) in reader.one_or_more("state", node) {
        match StateField::parse(&name) {
            Some(field) if !fields.contains(&field) => fields.push(field),
            Some(_) => reader.refuse(at, Problem::RepeatedKey { key: name, within: "`state`" }),
            None => {
                let meant = super::nearest::nearest(&name, StateField::NAMES.iter().copied());
                let known = StateField::NAMES.to_vec();
                reader.refuse(at, Problem::UnknownWord { key: "state", value: name, meant, known });
            }
        }
    }
    fields.sort_unstable();
    (!fields.is_empty()).then_some(fields)
}

impl DecisionBlock {
    /// The whole question. `used` are the variables of the subject that the template shows.
    pub(super) fn complete(&self, description: &str, scale: &Scale, used: &BTreeSet<&'static str>) -> Decision {
        let shows = |field: &StateField| used.contains(field.as_str());
        // All fields, so that rubrics of one subject can share a call; a reference answer only where the rubric compares with it.
        let all = || StateField::ALL.iter().copied().filter(|field| *field != StateField::Reference || shows(field));
        let fields = self.state.clone().unwrap_or_else(|| all().collect());
        let mut decision = Decision::derived(description, scale, fields);
        if let Some(instructions) = &self.instructions {
            decision.instructions.clone_from(instructions);
        } else {
            let shown = decision.fields.iter().filter(|field| shows(field)).map(|field| meaning(*field));
            let shown: Vec<String> = shown.collect();
            if !shown.is_empty() {
                decision.instructions = format!("{description}\n{}", shown.join(" "));
            }
        }
        for option in &mut decision.options {
            if let Some((_, text)) = self.options.iter().find(|(name, _)| *name == option.name) {
                option.text.clone_from(text);
            }
        }
        decision.verdict = self.verdict.unwrap_or(decision.verdict);
        decision
    }
}

/// What a field is, said to the model where the file has no instructions of its own.
fn meaning(field: StateField) -> String {
    let says = match field {
        StateField::System => "has the instructions of the application.",
        StateField::Input => "is what was asked.",
        StateField::Messages => "are the conversation up to it, where there is more than one message.",
        StateField::Documents => "are what the answer could draw on.",
        StateField::Tools => "are the tools on offer.",
        StateField::ToolCalls => "are the calls that were made.",
        StateField::Output => "is the answer to judge.",
        StateField::Reference => "is a reference answer.",
        StateField::Steps => "are what was done, in the order of time.",
        StateField::Turns => "are the turns of the conversation, in the order of time.",
    };
    format!("`{}` {says}", field.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Rubric;
    use super::*;

    fn with(decision: &str) -> Result<Rubric, Vec<super::super::RubricError>> {
        let text = format!(
            "---\ndescription: Is it kind?\nsubject: generation\nrequires: [output]\nscale: {{ type: ordinal, levels: {{ 1: rude, 2: flat, 3: kind }} }}\n{decision}---\n\
             {{% block system %}}{{{{ rubric.description }}}} {{{{ scale.text }}}}{{% endblock %}}\n\
             {{% block user %}}{{{{ fenced(output.text) }}}}{{% endblock %}}\n"
        );
        Rubric::parse_all("kind", 1, Path::new("kind/v1.md"), &text)
    }

    #[test]
    fn without_a_block_the_question_follows_from_description_and_scale() {
        let rubric = with("").unwrap();
        assert_eq!(rubric.decision.instructions, "Is it kind?\n`output` is the answer to judge.");
        let options: Vec<_> =
            rubric.decision.options.iter().map(|option| (option.name.as_str(), option.text.as_str())).collect();
        assert_eq!(options, [("1", "rude"), ("2", "flat"), ("3", "kind")]);
        assert!(!rubric.decision.fields.contains(&StateField::Reference) && !rubric.has_own_decision);
    }

    #[test]
    fn a_block_says_what_is_asked_about_what() {
        let block = "decision:\n  instructions: How kind is `output`?\n  options: { 3: warm }\n  verdict: expected\n  state: [output, input]\n";
        let rubric = with(block).unwrap();
        assert_eq!(rubric.decision.instructions, "How kind is `output`?");
        assert_eq!(rubric.decision.options[2].text, "warm");
        assert_eq!(rubric.decision.verdict, DecisionVerdict::Expected);
        assert_eq!(rubric.decision.fields, [StateField::Input, StateField::Output]);
        assert!(rubric.has_own_decision);
    }

    #[test]
    fn everything_wrong_with_a_block_is_said_at_its_place() {
        let block =
            "decision:\n  instruction: x\n  options: { 4: warm }\n  verdict: mean\n  state: [output, ouput, output]\n";
        let errors: Vec<String> = with(block).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
