//! What people are asked to label, in the form that a tool imports.
//!
//! Every item carries what its label needs to come back: subject, rubric, how it was drawn. Nothing that a judge said.

use serde_json::{Map, Value, json};

use super::export::Tool;
use crate::model::{Scale, SubjectContent};

/// An item to label.
#[derive(Debug, Clone)]
pub struct QueuedItem<'a> {
    /// The subject's id.
    pub subject_id: String,
    /// The rubric.
    pub rubric: &'a str,
    /// What it asks.
    pub question: &'a str,
    /// The scale,
    pub scale: &'a Scale,
    /// and in the words that a judge reads.
    pub scale_text: String,
    /// Whom it is meant for.
    pub annotator: &'a str,
    /// How it was drawn, under a seal.
    pub draw: String,
    /// What is to be judged.
    pub content: &'a SubjectContent,
}

/// What one may choose on a scale; none where it is a number.
fn choices(scale: &Scale) -> Vec<String> {
    match scale {
        Scale::Binary { .. } => vec![crate::model::PASS.to_owned(), crate::model::FAIL.to_owned()],
        Scale::Ordinal { levels, .. } => levels.iter().map(|(level, _)| level.to_string()).collect(),
        Scale::Categorical { labels, .. } => labels.iter().map(|(name, _)| name.clone()).collect(),
        Scale::Numeric { .. } => Vec::new(),
    }
}

impl QueuedItem<'_> {
    /// What the tool calls it: one answer may be asked about under several rubrics.
    fn name(&self) -> String {
        format!("{}#{}", self.subject_id, self.rubric)
    }

    /// What comes back with the label.
    fn ids(&self) -> Map<String, Value> {
        Map::from_iter([
            ("subject_id".to_owned(), self.subject_id.clone().into()),
            ("rubric".to_owned(), self.rubric.into()),
            ("draw".to_owned(), self.draw.clone().into()),
            ("assigned_to".to_owned(), self.annotator.into()),
        ])
    }

    /// What is shown.
    fn shown(&self) -> Map<String, Value> {
        let documents = self.content.documents.iter().filter_map(|document| document.text.as_deref());
        Map::from_iter([
            ("question".to_owned(), self.question.into()),
            ("scale".to_owned(), self.scale_text.clone().into()),
            ("input".to_owned(), self.content.input.as_deref().unwrap_or_default().into()),
            ("documents".to_owned(), documents.collect::<Vec<_>>().join("\n\n").into()),
            ("output".to_owned(), self.content.output.as_deref().unwrap_or_default().into()),
        ])
    }

    /// The same as one text, for tools that show one.
    fn as_text(&self) -> String {
        let shown = self.shown();
        let part = |name: &str| shown.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let parts = ["question", "scale", "input", "documents", "output"];
        parts
            .iter()
            .filter_map(|name| Some(format!("{}:\n{}", name.to_uppercase(), part(name)?)))
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

/// The file that a tool imports; `None` of a tool that takes no items from files.
pub fn queued(tool: Tool, items: &[QueuedItem<'_>]) -> Option<String> {
    let lines = |of: &dyn Fn(&QueuedItem<'_>) -> Value| {
        let lines: Vec<String> = items.iter().map(|item| of(item).to_string()).collect();
        Some(lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>())
    };
    let with = |mut one: Map<String, Value>, more: Map<String, Value>| {
        one.extend(more);
        Value::Object(one)
    };
    match tool {
        Tool::LabelStudio => {
            let tasks: Vec<Value> =
                items.iter().map(|item| json!({ "data": with(item.ids(), item.shown()) })).collect();
            Some(format!("{:#}\n", Value::Array(tasks)))
        }
        Tool::Argilla => {
            let record =
                |item: &QueuedItem<'_>| json!({ "id": item.name(), "fields": item.shown(), "metadata": item.ids() });
            Some(format!("{:#}\n", Value::Array(items.iter().map(record).collect())))
        }
        Tool::Doccano => lines(&|item| with(Map::from_iter([("text".to_owned(), item.as_text().into())]), item.ids())),
        // Its exports name the item and nothing else.
        Tool::Potato => lines(&|item| json!({ "id": item.name(), "text": item.as_text() })),
        Tool::Prodigy => lines(&|item| {
            let options: Vec<Value> =
                choices(item.scale).into_iter().map(|choice| json!({ "id": choice, "text": choice })).collect();
            json!({ "text": item.as_text(), "options": options, "meta": item.ids() })
        }),
        Tool::Langfuse | Tool::Phoenix | Tool::Mlflow => None,
    }
}

/// The labelling interface that makes Label Studio's exports name what is answered; of a queue of one rubric.
pub fn label_studio_interface(scale: &Scale) -> String {
    let control = if let Scale::Numeric { min, max, .. } = scale {
        format!("  <Number name=\"verdict\" toName=\"output\" min=\"{min}\" max=\"{max}\" required=\"true\"/>\n")
    } else {
        let choice = |name: String| format!("    <Choice value=\"{}\"/>\n", escaped(&name));
        let choices: String = choices(scale).into_iter().map(choice).collect();
        format!(
            "  <Choices name=\"verdict\" toName=\"output\" choice=\"single\" required=\"true\">\n{choices}  </Choices>\n"
        )
    };
    format!(
        "<View>\n  <Header value=\"$question\"/>\n  <Text name=\"scale\" value=\"$scale\"/>\n  <Text name=\"input\" \
         value=\"$input\"/>\n  <Text name=\"documents\" value=\"$documents\"/>\n  <Text name=\"output\" value=\"$output\"/>\n\
         {control}  <TextArea name=\"rationale\" toName=\"output\"/>\n</View>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
