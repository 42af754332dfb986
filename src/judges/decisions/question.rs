//! A rubric as a typed question, and the way back from an option to a point of its scale. Pure.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::request::Asked;
use crate::config::judges::Dialect;
use crate::model::{
    Decision, Distribution, DistributionOrigin, MOST_LEVELS, MOST_OPTIONS, PointProbability, Scale, Threshold,
};

/// Why a decision model cannot judge on a scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error(
        "its numeric scale has no steps that a decision model could weigh: it takes whole numbers from `min` to `max`, 3 to {MOST_LEVELS} of them; make the scale ordinal, or give the rubric another judge"
    )]
    NoSteps,
    #[error(
        "its scale has {0} levels, and a decision model takes at most {MOST_LEVELS}; merge some, or give the rubric another judge"
    )]
    TooManyLevels(usize),
    #[error(
        "its scale has {0} labels, and a decision model takes at most {MOST_OPTIONS} with an abstention; merge some, or give the rubric another judge"
    )]
    TooManyLabels(usize),
    #[error("its labels `{0}` and `{1}` differ only in case or blanks, which decision models do not tell apart")]
    AlikeLabels(String, String),
    #[error("its label `{0}` holds a control character, which decision models do not take")]
    ControlCharacter(String),
}

/// Which kind of question it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Yes or no; two options, yes first.
    Predicate,
    /// One of several options.
    Choice,
    /// Levels, lowest first.
    Score,
}

/// An option of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// The option by which a model abstains where its contract has no refusal of a single question.
const ABSTENTION: Choice<'static> = Choice {
    name: "cannot_tell",
    text: "Something that the question needs was not recorded, cannot be read, or is in a form or language that cannot be judged. \
           Doubt between the others is no reason to choose this.",
};

/// A name as servers compare them.
pub(super) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A rubric as a question.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// The same for an evaluation whatever else is asked with it.
    pub(super) id: String,
    pub(super) instructions: &'a str,
    pub(super) form: Form,
    /// The points of the scale in order; then the abstention, where there is one.
    pub(super) choices: Vec<Choice<'a>>,
    abstains: bool,
    scale: &'a Scale,
    decision: &'a Decision,
}

impl<'a> Question<'a> {
    /// The question of one rubric in `dialect`.
    pub(super) fn of(asked: &Asked<'a>, dialect: Dialect) -> Result<Self, Unsupported> {
        let (scale, decision) = (asked.scale, asked.decision);
        Self::check(scale, decision)?;
        // OpenAI's models refuse a single question by themselves.
        let is_named_so = |name: &str| folded(name) == folded(ABSTENTION.name);
        let abstains = asked.abstain
            && dialect != Dialect::Openai
            && !decision.options.iter().any(|option| is_named_so(&option.name));
        let form = match scale {
            _ if abstains => Form::Choice,
            Scale::Binary { .. } => Form::Predicate,
            Scale::Categorical { .. } => Form::Choice,
            Scale::Ordinal { .. } | Scale::Numeric { .. } => Form::Score,
        };
        let points = decision.options.iter().map(|option| Choice { name: &option.name, text: &option.text });
        Ok(Self {
            id: format!("{}_v{}", asked.rubric, asked.version),
            instructions: &decision.instructions,
            form,
            choices: points.chain(abstains.then_some(ABSTENTION)).collect(),
            abstains,
            scale,
            decision,
        })
    }

    pub(super) fn check(scale: &Scale, decision: &Decision) -> Result<(), Unsupported> {
        let number = decision.options.len();
        match scale {
            Scale::Numeric { .. } if number == 0 => return Err(Unsupported::NoSteps),
            Scale::Numeric { .. } | Scale::Ordinal { .. } if number > MOST_LEVELS => {
                return Err(Unsupported::TooManyLevels(number));
            }
            Scale::Categorical { .. } if number >= MOST_OPTIONS => return Err(Unsupported::TooManyLabels(number)),
            _ => {}
        }
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for (index, option) in decision.options.iter().enumerate() {
            if option.name.chars().any(char::is_control) {
                return Err(Unsupported::ControlCharacter(option.name.escape_debug().to_string()));
            }
            if !seen.insert(folded(&option.name)) {
                let alike = |earlier: &&crate::model::DecisionOption| folded(&earlier.name) == folded(&option.name);
                let earlier = decision.options[..index].iter().find(alike).unwrap_or(option);
                return Err(Unsupported::AlikeLabels(earlier.name.clone(), option.name.clone()));
            }
        }
        Ok(())
    }

    /// SHA-256 of a state, already in `of_state`, and this question.
    pub(super) fn shown_hash(&self, of_state: &Sha256) -> [u8; 32] {
        let mut hash = of_state.clone().chain_update([0]).chain_update(&self.id).chain_update([0]);
        hash.update(self.instructions);
        for choice in &self.choices {
            hash = hash.chain_update([0]).chain_update(choice.name).chain_update([0]).chain_update(choice.text);
        }
        hash.finalize().into()
    }

    /// How much of a call is this question's own, in bytes.
    pub(super) fn size(&self) -> usize {
        let choices: usize = self.choices.iter().map(|choice| choice.name.len() + choice.text.len()).sum();
        self.id.len() + self.instructions.len() + choices
    }

    /// The distribution that `probabilities`, one for each choice, are; with the verdict that even odds make of it.
    pub(super) fn distribution(&self, probabilities: &[f64], origin: DistributionOrigin) -> Option<Distribution> {
        let points = self.decision.options.iter().zip(probabilities).map(|(option, probability)| PointProbability {
            point: option.name.clone(),
            number: option.number,
            probability: *probability,
        });
        let abstention = self.abstains.then(|| probabilities.last().copied()).flatten();
        let mut distribution = Distribution::new(points.collect(), abstention, origin)?;
        distribution.threshold = matches!(self.scale, Scale::Binary { .. }).then(Threshold::default);
        Some(distribution)
    }
}
