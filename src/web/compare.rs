//! Whether one release answers worse than another.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::api::Problem;
use super::problem::PageError;
use super::state::{Shared, Web};
use crate::report::RubricFacts;
use crate::report::charts::{Row, differences};
use crate::report::releases::{
    Choice, ChoiceError, ReleaseComparison, ReleaseInput, RubricComparison, facts, headline,
};
use crate::statistics::Estimate;

/// Segment values that are drawn.
const DRAWN: usize = 20;
/// Of a drawing, in CSS pixels.
const WIDTH: f64 = 380.0;
/// Characters of a name that fit beside the figure.
const NAME: usize = 30;

/// What is compared; without names the two values that came last.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct CompareForm {
    by: String,
    old: String,
    new: String,
    /// A share, such as 0.03.
    margin: String,
}

impl CompareForm {
    fn choice(&self) -> Choice<'_> {
        Choice { by: self.by.trim(), old: given(&self.old), new: given(&self.new), since_ms: None }
    }

    fn margin(&self) -> Result<f64, PageError> {
        match self.margin.trim() {
            "" => Ok(0.0),
            text => match text.parse::<f64>() {
                Ok(margin) if (0.0..1.0).contains(&margin) => Ok(margin),
                _ => Err(PageError::BadRequest("`margin` is a share from 0 to below 1, such as 0.03".to_owned())),
            },
        }
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl From<ChoiceError> for PageError {
    fn from(error: ChoiceError) -> Self {
        match error {
            ChoiceError::Store(error) => error.into(),
            ChoiceError::Unknown { .. }
            | ChoiceError::NoTwo { .. }
            | ChoiceError::OneSide { .. }
            | ChoiceError::Moment { .. } => Self::BadRequest(error.to_string()),
        }
    }
}

impl Web {
    /// The comparison, and the values that there are.
    async fn compared(&self, form: &CompareForm) -> Result<(ReleaseComparison, Vec<String>), PageError> {
        let margin = form.margin()?;
        let store = &self.parts.store;
        let (sides, known) = form.choice().sides(store).await?;
        let active = self.parts.catalogue.active();
        let is_active = |name: &str| active.iter().any(|rubric| rubric.name == name);
        let all = self.parts.catalogue.all();
        let rubrics: Vec<RubricFacts> = all
            .iter()
            .filter(|rubric| is_active(&rubric.name))
            .map(|rubric| RubricFacts::from(rubric.as_ref()))
            .collect();
        let input = ReleaseInput::read(store, sides, &rubrics).await?;
        let comparison = ReleaseComparison::of(&input, margin).with_examples(store, &input).await?;
        Ok((comparison, known))
    }
}

/// The comparison as a page.
pub(super) async fn page(State(web): State<Shared>, Query(form): Query<CompareForm>) -> Result<Response, PageError> {
    let here = "/compare";
    let asked = Value::from(Serde(&form));
    match web.compared(&form).await {
        Ok((comparison, known)) => {
            let rubrics: Vec<Value> = comparison.rubrics.iter().map(|rubric| section(rubric, &comparison)).collect();
            let (old, new) = (&comparison.old, &comparison.new);
            let problem: Option<String> = None;
            web.pages.render("compare.html", context! { here, form => asked, known, old, new, rubrics, problem })
        }
        // A form that was filled in wrongly is shown again.
        Err(PageError::BadRequest(problem)) => {
            let none: Vec<String> = Vec::new();
            let (known, rubrics, old, new) = (&none, &none, "", "");
            web.pages.render("compare.html", context! { here, form => asked, known, old, new, rubrics, problem })
        }
        Err(other) => Err(other),
    }
}

/// The same as JSON, without a number of a format.
pub(super) async fn compare_api(
    State(web): State<Shared>,
    Query(form): Query<CompareForm>,
) -> Result<Response, Problem> {
    let (comparison, _) = web.compared(&form).await?;
    Ok(Json(comparison).into_response())
}

fn section(rubric: &RubricComparison, all: &ReleaseComparison) -> Value {
    context! {
        name => rubric.rubric.clone(),
        verdict => Value::from(Serde(&rubric.verdict)),
        headline => headline(rubric, all),
        facts => facts(rubric, all),
        plot => plot(rubric).map(Value::from_safe_string),
        examples => Value::from(Serde(&rubric.examples)),
    }
}

fn short(name: &str) -> String {
    if name.chars().count() > NAME { name.chars().take(NAME - 1).chain(['…']).collect() } else { name.to_owned() }
}

/// The whole, what remains without the mix, and the segment values.
fn plot(rubric: &RubricComparison) -> Option<String> {
    let whole = rubric.difference?;
    let without = rubric.without_mix.as_ref().map(|mix| (format!("without the mix of {}", mix.segment), mix.within));
    let segments = rubric.segments.iter().take(DRAWN);
    let segments = segments.map(|one| (short(&format!("{} = {}", one.segment, one.value)), one.difference));
    let named: Vec<(String, Estimate)> =
        [("all answers".to_owned(), whole)].into_iter().chain(without).chain(segments).collect();
    let decisive = usize::from(rubric.without_mix.is_some());
    let rows: Vec<Row<'_>> = named
        .iter()
        .enumerate()
        .map(|(index, (name, estimate))| Row { name: name.as_str(), estimate: *estimate, main: index == decisive })
        .collect();
    Some(differences("chart", WIDTH, "Good answers, new minus old, in points", &rows))
}
