//! Evaluations by filter, and one evaluation with everything around it.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::{Serde, Value};

use super::filter::FilterForm;
use super::problem::PageError;
use super::state::{Shared, Web};
use crate::model::{
    Distribution, EvaluationId, Label, Named as _, Outcome, Prompt, RENDERING_REVISION, Score, StoredProblem,
    SubjectContent,
};
use crate::rubrics::fence_key;
use crate::store::{EvaluationDetail, EvaluationSummary};

/// A page or an answer of the API may search so long for what no index knows.
pub(super) const PATIENCE: Duration = Duration::from_millis(80);

pub(super) async fn list(State(web): State<Shared>, Query(form): Query<FilterForm>) -> Result<Response, PageError> {
    let limit = form.limit()?;
    let page = web
        .parts
        .store
        .evaluation_page(&form.filter(web.parts.store.now_ms())?, form.after()?, limit, PATIENCE)
        .await?;
    let next = page.next.map(|next| form.address(Some(next)));
    let searched = page.searched.map(|searched| {
        context! { number => searched.evaluations, until_ms => searched.until_ms }
    });
    let rubrics: std::collections::BTreeSet<String> =
        web.parts.catalogue.all().iter().map(|rubric| rubric.name.clone()).collect();
    let outcomes = Outcome::NAMES.to_vec();
    web.pages.render(
        "evaluations.html",
        context! {
            here => "/evaluations",
            form => Value::from(Serde(&form)),
            evaluations => Value::from(Serde(&page.evaluations)),
            searched,
            rubrics => rubrics.into_iter().collect::<Vec<_>>(),
            outcomes,
            first => form.after.is_empty(),
            next,
        },
    )
}

/// One evaluation.
pub(super) async fn one(State(web): State<Shared>, Path(id): Path<String>) -> Result<Response, PageError> {
    let detail = web.evaluation(&id).await?;
    let prompt = web.prompt(&detail.evaluation, detail.subject.content.as_ref());
    let (prompt, prompt_missing) = match prompt {
        Ok(prompt) => (Some(prompt), None),
        Err(why) => (None, Some(why)),
    };
    let rubric = web.parts.catalogue.version(&detail.evaluation.rubric, detail.evaluation.version);
    web.pages.render(
        "evaluation.html",
        context! {
            here => "/evaluations",
            evaluation => Value::from(Serde(&detail.evaluation)),
            content => Value::from(Serde(&detail.subject.content)),
            session_id => detail.subject.session_id,
            is_split => detail.evaluation.distribution.as_ref().is_some_and(Distribution::is_split),
            problems => detail.subject.problems.iter().map(problem_row).collect::<Vec<_>>(),
            deliveries => Value::from(Serde(&detail.deliveries)),
            labels => detail.labels.iter().map(label_row).collect::<Vec<_>>(),
            others => Value::from(Serde(&detail.others)),
            description => rubric.as_ref().map(|rubric| rubric.description.clone()),
            scale_text => rubric.as_ref().map(|rubric| rubric.scale_text()),
            prompt => Value::from(Serde(&prompt)),
            prompt_missing,
            rendering_revision => RENDERING_REVISION,
        },
    )
}

fn problem_row(problem: &StoredProblem) -> Value {
    context! { code => problem.code.as_str(), detail => problem.detail.as_str(), remedy => problem.remedy() }
}

fn label_row(label: &Label) -> Value {
    context! {
        annotator => label.annotator.as_str(),
        score => label.score.as_ref().and_then(Score::number),
        label => label.score.as_ref().and_then(Score::label),
        rationale => label.rationale.clone(),
        stream => label.stream.as_str(),
        probability => label.probability.map(f64::from),
        instead_of => label.instead_of.as_ref().map(|said| said.iter().map(|one| one.annotator.clone()).collect::<Vec<_>>()),
        at => label.labelled_at_ms,
    }
}

impl Web {
    /// The evaluation an address names.
    pub(super) async fn evaluation(&self, id: &str) -> Result<EvaluationDetail, PageError> {
        let missing = || PageError::NotFound("There is no such evaluation.".to_owned());
        let id: EvaluationId = id.parse().map_err(|_| missing())?;
        self.parts.store.evaluation_detail(id).await?.ok_or_else(missing)
    }

    /// The prompt as the judge saw it, or why it cannot be shown.
    fn prompt(&self, evaluation: &EvaluationSummary, content: Option<&SubjectContent>) -> Result<Prompt, String> {
        let content = content.ok_or("Retention deleted the content.")?;
        let rubric = self
            .parts
            .catalogue
            .version(&evaluation.rubric, evaluation.version)
            .ok_or("This rubric version is not in the registry any more.")?;
        rubric
            .render(content, &fence_key(&self.parts.fence, &evaluation.id.to_string()))
            .map_err(|error| format!("It cannot be rendered: {error}."))
    }
}
