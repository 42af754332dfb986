//! From a JSON object to a verdict: which member says what, under whatever usual name and in whatever wrapper.

use crate::agreement::Label;
use crate::agreement::spelling::{self, Misspelt, Written};
use crate::model::{Scale, Score, Verdict};

use super::nearly_json::{self, Value};
use super::problem::ReplyProblem;

/// How deep a verdict may lie in wrappers.
const DEEPEST: usize = 3;

/// What may be said on a scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) scale: &'a Scale,
    pub(super) abstain_allowed: bool,
}

/// What a member's name says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Rationale,
    Score,
    Label,
    Abstain,
}

/// The part that a member holds, and whether it has the name that was asked for.
fn part_of(name: &str) -> Option<(Part, bool)> {
    let name: String = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let usual = |part| Some((part, false));
    match name.as_str() {
        "rationale" => Some((Part::Rationale, true)),
        "score" => Some((Part::Score, true)),
        "label" => Some((Part::Label, true)),
        "abstain" => Some((Part::Abstain, true)),
        "reasoning" | "reason" | "reasons" | "explanation" | "justification" | "analysis" | "thoughts" | "comment"
        | "feedback" | "critique" => usual(Part::Rationale),
        "rating" | "grade" | "level" | "finalscore" | "overallscore" => usual(Part::Score),
        "verdict" | "category" | "classification" | "decision" | "judgement" | "judgment" => usual(Part::Label),
        "abstained" | "abstains" => usual(Part::Abstain),
        _ => None,
    }
}

/// The parts of a verdict that one object holds.
#[derive(Default)]
struct Members<'v> {
    rationale: Option<&'v Value>,
    /// Under the name that was asked for.
    scores: Vec<&'v Value>,
    labels: Vec<&'v Value>,
    /// Under other usual names.
    others: Vec<(&'static str, &'v Value)>,
    abstain: Option<&'v Value>,
    is_repeated: bool,
}

impl<'v> Members<'v> {
    fn of(members: &'v [(String, Value)]) -> Self {
        let mut found = Self::default();
        let mut usual_rationale = None;
        for (name, value) in members {
            let Some((part, is_asked_for)) = part_of(name) else { continue };
            match part {
                Part::Rationale if is_asked_for => found.is_repeated |= found.rationale.replace(value).is_some(),
                Part::Rationale => usual_rationale = usual_rationale.or(Some(value)),
                Part::Abstain => found.is_repeated |= found.abstain.replace(value).is_some(),
                // What holds a whole verdict is a wrapper.
                Part::Score | Part::Label if verdict_inside(value) => {}
                Part::Score if is_asked_for => found.scores.push(value),
                Part::Label if is_asked_for => found.labels.push(value),
                Part::Score => found.others.push(("score", value)),
                Part::Label => found.others.push(("label", value)),
            }
        }
        found.is_repeated |= found.scores.len() > 1 || found.labels.len() > 1;
        found.rationale = found.rationale.or(usual_rationale);
        found
    }

    fn has_verdict(&self) -> bool {
        !(self.scores.is_empty() && self.labels.is_empty() && self.others.is_empty()) || self.abstain.is_some()
    }
}

fn verdict_inside(value: &Value) -> bool {
    matches!(value, Value::Object(members) if members.len() > 1 && Members::of(members).has_verdict())
}

/// Reads `value` as a verdict; `None` where it holds none.
pub(super) fn verdict(value: &Value, terms: Terms<'_>) -> Option<Result<Verdict, ReplyProblem>> {
    read(value, terms, None, 0)
}

/// Whether `value` gives reasons, though no verdict.
pub(super) fn only_reasons(value: &Value) -> bool {
    matches!(value, Value::Object(members) if Members::of(members).rationale.is_some())
}

fn read(value: &Value, terms: Terms<'_>, outer: Option<&Value>, depth: usize) -> Option<Result<Verdict, ReplyProblem>> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::Object(members) => {
            let found = Members::of(members);
            if found.has_verdict() {
                return Some(of_members(&found, terms, outer));
            }
            let outer = found.rationale.or(outer);
            let mut inner = members.iter().filter_map(|(_, value)| read(value, terms, outer, depth + 1));
            let first = inner.next()?;
            // Two verdicts on two things are not the one that was asked for, even where they say the same.
            Some(if inner.next().is_some() { Err(ReplyProblem::Ambiguous) } else { first })
        }
        Value::List(items) if items.len() == 1 => read(&items[0], terms, outer, depth + 1),
        Value::Text(text) if text.trim_start().starts_with('{') => {
            let text = text.trim();
            let (inner, end) = nearly_json::read(text).ok()?;
            (end == text.len()).then(|| read(&inner, terms, outer, depth + 1))?
        }
        _ => None,
    }
}

fn of_members(found: &Members<'_>, terms: Terms<'_>, outer: Option<&Value>) -> Result<Verdict, ReplyProblem> {
    if found.is_repeated {
        return Err(ReplyProblem::BrokenJson("a member is given twice"));
    }
    let rationale = rationale(found.rationale.or(outer))?;
    let score = said(found, terms.scale)?;
    let abstains = found.abstain.map(truth).transpose()?.unwrap_or(false);
    match (score, abstains) {
        (Some(Written::Verdict(_)), true) => Err(ReplyProblem::Contradiction("it abstains and gives a verdict")),
        (Some(Written::Verdict(score)), false) => Ok(Verdict::Scored { score, rationale }),
        (Some(Written::Abstention), _) | (_, true) if terms.abstain_allowed => Ok(Verdict::Abstained { rationale }),
        (Some(Written::Abstention), _) | (_, true) => Err(ReplyProblem::AbstentionNotAllowed),
        (Some(Written::Nothing) | None, false) => Err(ReplyProblem::Missing(verdict_member(terms.scale))),
    }
}

/// The reasons: a text, or a list of texts.
fn rationale(value: Option<&Value>) -> Result<String, ReplyProblem> {
    match value {
        Some(Value::Text(text)) => Ok(text.clone()),
        Some(Value::List(items)) if !items.is_empty() => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| as_text(item)).collect();
            texts.map(|texts| texts.join("\n")).ok_or(ReplyProblem::WrongType("rationale"))
        }
        Some(Value::Null) | None => Err(ReplyProblem::Missing("rationale")),
        Some(_) => Err(ReplyProblem::WrongType("rationale")),
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The one thing that all members say; `None` where they say nothing.
fn said(found: &Members<'_>, scale: &Scale) -> Result<Option<Written>, ReplyProblem> {
    let (asked_for, beside) = found.in_order(scale);
    let mut one: Option<Written> = None;
    for (name, value) in &asked_for {
        agree(&mut one, read_member(scale, name, value)?)?;
    }
    let mut unread = None;
    for (name, value) in beside {
        match read_member(scale, name, value) {
            Ok(said) => agree(&mut one, said)?,
            Err(problem) => unread = unread.or(Some(problem)),
        }
    }
    if let Some(Written::Verdict(score)) = &one {
        agree_on_passing(score, &found.labels)?;
    }
    match (one, unread) {
        (None, Some(problem)) => Err(problem),
        (one, _) => Ok(one),
    }
}

/// What the member `name` says on `scale`.
fn read_member(scale: &Scale, name: &'static str, value: &Value) -> Result<Written, ReplyProblem> {
    let label = match unwrapped(value) {
        Value::Null => None,
        Value::Bool(truth) => Some(Label::Flag(*truth)),
        Value::Number(number) => Some(Label::Number(*number)),
        Value::Text(text) => Some(Label::Text(text.clone())),
        Value::List(_) | Value::Object(_) => return Err(ReplyProblem::WrongType(name)),
    };
    spelling::of_judge(scale, label.as_ref()).map_err(|problem| match (problem, scale) {
        (Misspelt::NoVerdict, _) => ReplyProblem::WrongType(name),
        (Misspelt::OffScale, Scale::Ordinal { .. } | Scale::Numeric { .. }) => {
            ReplyProblem::ScoreOffScale { allowed: spelling::allowed(scale) }
        }
        (Misspelt::OffScale, Scale::Binary { .. } | Scale::Categorical { .. }) => {
            ReplyProblem::LabelOffScale { allowed: spelling::allowed(scale) }
        }
    })
}

/// The one value in a list or object of one.
fn unwrapped(value: &Value) -> &Value {
    match value {
        Value::List(items) if items.len() == 1 => unwrapped(&items[0]),
        Value::Object(members) if members.len() == 1 => unwrapped(&members[0].1),
        _ => value,
    }
}

impl<'v> Members<'v> {
    /// The members that must be read on this scale, and those that count where they can be read.
    fn in_order(&self, scale: &Scale) -> (Vec<(&'static str, &'v Value)>, Vec<(&'static str, &'v Value)>) {
        let named =
            |name: &'static str, values: &[&'v Value]| values.iter().map(|value| (name, *value)).collect::<Vec<_>>();
        let (scores, labels) = (named("score", &self.scores), named("label", &self.labels));
        let others = self.others.clone();
        match scale {
            Scale::Ordinal { .. } | Scale::Numeric { .. } => (scores, [labels, others].concat()),
            Scale::Binary { .. } => ([labels, scores].concat(), others),
            // A number beside the label is of another kind.
            Scale::Categorical { .. } if !labels.is_empty() => (labels, Vec::new()),
            Scale::Categorical { .. } => (scores, others),
        }
    }
}

fn agree(one: &mut Option<Written>, said: Written) -> Result<(), ReplyProblem> {
    match (one.as_ref(), said) {
        (_, Written::Nothing) => {}
        (None, said) => *one = Some(said),
        (Some(earlier), said) if *earlier == said => {}
        (Some(Written::Verdict(_)), Written::Verdict(_)) => {
            return Err(ReplyProblem::Contradiction("score and label differ"));
        }
        _ => return Err(ReplyProblem::Contradiction("it abstains and gives a verdict")),
    }
    Ok(())
}

/// A label `pass` beside a score under the threshold is another verdict.
fn agree_on_passing(score: &Score, labels: &[&Value]) -> Result<(), ReplyProblem> {
    let Score::Number { passes: Some(passes), .. } = score else { return Ok(()) };
    let differs = labels.iter().filter_map(|value| as_text(value)).any(|label| {
        match label.trim().to_ascii_lowercase().as_str() {
            crate::model::PASS => !passes,
            crate::model::FAIL => *passes,
            _ => false,
        }
    });
    if differs { Err(ReplyProblem::Contradiction("score and label differ")) } else { Ok(()) }
}

fn truth(member: &Value) -> Result<bool, ReplyProblem> {
    match member {
        Value::Null => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" => Ok(true),
            "false" | "no" | "" | "null" => Ok(false),
            _ => Err(ReplyProblem::WrongType("abstain")),
        },
        Value::Number(_) | Value::List(_) | Value::Object(_) => Err(ReplyProblem::WrongType("abstain")),
    }
}

/// The member in which a reply on this scale carries its verdict.
pub(super) fn verdict_member(scale: &Scale) -> &'static str {
    match scale {
        Scale::Ordinal { .. } | Scale::Numeric { .. } => "score",
        Scale::Binary { .. } | Scale::Categorical { .. } => "label",
    }
}
