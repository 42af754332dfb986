//! What a decision model is asked under a rubric: a question with a text for every point of the scale, in place of a prompt.

use super::named::named_enum;
use super::{FAIL, PASS, Scale};

named_enum! {
    /// A field of the subject as a decision model is shown it, by its name in the state.
    pub enum StateField {
        System = "system",
        Input = "input",
        Messages = "messages",
        Documents = "documents",
        Tools = "tools",
        ToolCalls = "tool_calls",
        Output = "output",
        Reference = "reference",
        Steps = "steps",
        Turns = "turns",
    }
}

named_enum! {
    /// Which level of an ordinal scale is the verdict of a distribution over its levels.
    pub enum DecisionVerdict {
        /// The most probable one; of equally probable ones the lowest.
        MostProbable = "most_probable",
        /// The one nearest to the mean; of two as near the lower.
        Expected = "expected",
    }
}

/// The most levels that a question on an ordered scale may have at every known endpoint.
pub const MOST_LEVELS: usize = 10;
/// The most options that a question may have at every known endpoint.
pub const MOST_OPTIONS: usize = 255;
/// Fewer whole numbers say too little of a numeric scale.
const FEWEST_STEPS: usize = 3;

/// One point of the scale that a decision model gives a probability to.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionOption {
    /// `pass`, `fail`, a label, or the number of a level.
    pub name: String,
    /// Its number on the scale; `None` of a label.
    pub number: Option<f64>,
    /// What it means.
    pub text: String,
}

/// What a decision model is asked under a rubric.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The question.
    pub instructions: String,
    /// The points of the scale: `pass` and `fail`, levels from the lowest, or labels. Empty on a numeric scale whose steps do
    /// not fit.
    pub options: Vec<DecisionOption>,
    pub verdict: DecisionVerdict,
    /// What it is shown of a subject, where it was recorded.
    pub fields: Vec<StateField>,
}

impl Decision {
    /// The question that follows from a rubric's description and scale.
    pub fn derived(description: &str, scale: &Scale, fields: Vec<StateField>) -> Self {
        Self {
            instructions: description.to_owned(),
            options: options(scale),
            verdict: DecisionVerdict::MostProbable,
            fields,
        }
    }
}

fn options(scale: &Scale) -> Vec<DecisionOption> {
    let number = |number: f64, text: &str| DecisionOption {
        name: number.to_string(),
        number: Some(number),
        text: text.to_owned(),
    };
    match scale {
        Scale::Binary { pass, fail } => [(PASS, 1.0, pass), (FAIL, 0.0, fail)]
            .map(|(name, number, text)| DecisionOption {
                name: name.to_owned(),
                number: Some(number),
                text: text.clone(),
            })
            .into(),
        Scale::Ordinal { levels, .. } => levels.iter().map(|(level, text)| number(*level as f64, text)).collect(),
        Scale::Categorical { labels, .. } => labels
            .iter()
            .map(|(label, text)| DecisionOption { name: label.clone(), number: None, text: text.clone() })
            .collect(),
        Scale::Numeric { min, max, meaning, .. } => whole_steps(*min, *max)
            .into_iter()
            .map(|step| number(step, &format!("{step} on a scale from {min} to {max}: {meaning}")))
            .collect(),
    }
}

/// The whole numbers from `min` to `max`, where these are whole and not too many or too few.
fn whole_steps(min: f64, max: f64) -> Vec<f64> {
    let number = max - min + 1.0;
    if min.fract() != 0.0 || max.fract() != 0.0 || !(FEWEST_STEPS as f64..=MOST_LEVELS as f64).contains(&number) {
        return Vec::new();
    }
    (0..number as usize).map(|step| min + step as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_a_scale_is_an_option_in_the_order_of_the_scale() {
        let names = |scale: &Scale| {
            let decision = Decision::derived("Is it so?", scale, vec![StateField::Output]);
            decision.options.into_iter().map(|option| option.name).collect::<Vec<_>>()
        };
        let levels = vec![(3, "good".to_owned()), (1, "bad".to_owned())];
        assert_eq!(names(&Scale::ordinal(levels, None).unwrap()), ["1", "3"]);
        assert_eq!(names(&Scale::Binary { pass: "yes".into(), fail: "no".into() }), ["pass", "fail"]);
        let labels = ["polite", "rude"].map(|label| (label.to_owned(), String::new()));
        assert_eq!(names(&Scale::categorical(labels.into(), vec![]).unwrap()), ["polite", "rude"]);
    }

    #[test]
    fn a_numeric_scale_has_options_only_where_few_whole_numbers_fill_it() {
        let steps = |min, max| {
            let scale = Scale::numeric(min, max, None, "how much".into()).unwrap();
            Decision::derived("How much?", &scale, Vec::new()).options.len()
        };
        assert_eq!((steps(1.0, 5.0), steps(0.0, 9.0), steps(-1.0, 1.0)), (5, 10, 3));
        assert_eq!((steps(0.0, 10.0), steps(0.0, 1.0), steps(0.5, 4.5), steps(0.0, 1e300)), (0, 0, 0, 0));
    }
}
