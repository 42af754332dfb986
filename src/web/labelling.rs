//! The labelling page: one answer, the rubric's scale in the judge's own words, and a key for each verdict.
//!
//! Blind: nothing the judge said is on it. What is labelled is what the queue drew; stream and probability travel with the
//! form under a seal, so that they are stored as they were when the item was drawn.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Deserialize;

use super::access::person;
use super::cookie::cookie;
use super::percent::{decoded, encoded};
use super::problem::PageError;
use super::state::{Shared, Web};
use crate::agreement::{self, spelling};
use crate::labels::anchors::to_relabel;
use crate::labels::queue::{self, Done, Drawn};
use crate::labels::{self, LabelError, pool, validation};
use crate::model::{Actor, Label, LabelStream, LabelWay, Named as _, Probability, Scale, Score, SubjectId};
use crate::rubrics::Rubric;
use crate::secrets::same;
use crate::store::AuditAction;

const ANNOTATOR: &str = "judged_annotator";
const ANNOTATOR_SECONDS: u32 = 365 * 86_400;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    rubric: Option<String>,
    /// An item to look at again.
    subject: Option<String>,
    /// How many anchors to label again, instead of what is drawn.
    #[serde(default)]
    anchors: usize,
}

/// Under which name somebody labels: that of their log-in, else the one they gave on these pages.
pub(super) fn signing(actor: &Actor, headers: &HeaderMap) -> Option<String> {
    own_name(actor).or_else(|| cookie(headers, ANNOTATOR).and_then(decoded).as_deref().and_then(person))
}

/// The name of a log-in, where it has one.
pub(super) fn own_name(actor: &Actor) -> Option<String> {
    Some(actor.name.clone()).filter(|name| !name.is_empty())
}

/// What says who labels.
#[derive(Debug, Deserialize)]
pub(super) struct Introduction {
    annotator: String,
    rubric: String,
}

/// Keeps the name under which somebody labels, and goes to the first item.
pub(super) async fn introduce(Form(given): Form<Introduction>) -> Result<Response, PageError> {
    let annotator = person(&given.annotator)
        .ok_or_else(|| PageError::BadRequest("A label needs the name of who gives it.".to_owned()))?;
    let next = format!("/label?rubric={}", encoded(&given.rubric));
    Ok((remember(&annotator, "/label"), Redirect::to(&next)).into_response())
}

/// The next item of a rubric, or the rubrics to choose from.
pub(super) async fn page(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let annotator = signing(&actor, &headers);
    let (Some(annotator), Some(rubric)) = (&annotator, &wanted.rubric) else {
        return web.choose(annotator.as_deref(), own_name(&actor).is_some(), wanted.rubric.as_deref()).await;
    };
    let rubric = web.rubric(rubric)?;
    let (drawn, done) = web.queue(&rubric).await?;
    let again = wanted.subject.as_deref().and_then(|text| text.parse::<SubjectId>().ok());
    let item = match again {
        Some(subject) => again_of(subject, &drawn, &done),
        None if wanted.anchors > 0 => web.anchor_to_relabel(&rubric.name, annotator).await?,
        None => queue::next_for(annotator, &rubric.name, &drawn, &done),
    };
    let subject = match item {
        Some(item) => web.parts.store.subject_record(item.subject).await?,
        None => None,
    };
    let mine = done.iter().filter(|done| done.1 == *annotator);
    let previous = mine.clone().rfind(|done| Some(done.0) != item.map(|item| item.subject)).map(|done| done.0);
    web.pages.render(
        "label.html",
        context! {
            here => "/label",
            annotator,
            rubric => rubric.name.as_str(),
            description => rubric.description.as_str(),
            scale_text => rubric.scale_text(),
            choices => choices(&rubric.scale),
            numeric => numeric(&rubric.scale),
            content => Value::from(Serde(&subject.as_ref().map(|subject| &subject.content))),
            item => item.map(|item| web.sealed(&rubric.name, &item)),
            labelled => mine.count(),
            waiting => queue::waiting(&drawn, &done),
            previous => previous.map(|subject| subject.to_string()),
            again => again.is_some(),
            anchors => wanted.anchors,
            rubrics => Vec::<Value>::new(),
        },
    )
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Given {
    rubric: String,
    subject: SubjectId,
    stream: String,
    probability: String,
    seal: String,
    annotator: String,
    /// A level, a label, `skip`, or empty when `number` holds the verdict.
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    rationale: String,
    /// How many anchors are to be labelled again, this one among them.
    #[serde(default)]
    anchors: usize,
}

/// Stores a label and goes on to the next item.
pub(super) async fn save(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    Form(given): Form<Given>,
) -> Result<Response, PageError> {
    let rubric = web.rubric(&given.rubric)?;
    let annotator = match own_name(&actor) {
        Some(name) => name,
        None => validation::annotator(&given.annotator).map_err(refused)?,
    };
    let sealed = web.seal_of(&given.rubric, given.subject, &given.stream, &given.probability);
    if !same(&sealed, &given.seal) {
        return Err(PageError::BadRequest(
            "This form is not from this page any more; open the labelling page again.".into(),
        ));
    }
    let wrong = || PageError::BadRequest("That verdict is not on the rubric's scale.".to_owned());
    let score = match given.verdict.trim() {
        "skip" => None,
        "" => Some(verdict_on(&rubric.scale, &given.number).ok_or_else(wrong)?),
        verdict => Some(verdict_on(&rubric.scale, verdict).ok_or_else(wrong)?),
    };
    let label = Label {
        subject: given.subject,
        rubric: rubric.name.clone(),
        annotator: annotator.clone(),
        score,
        rationale: validation::rationale(Some(given.rationale.trim().to_owned())).map_err(refused)?,
        stream: LabelStream::parse(&given.stream).unwrap_or(LabelStream::Unknown),
        probability: given.probability.parse().ok().and_then(|p: f64| Probability::try_from(p).ok()),
        labelled_at_ms: web.parts.store.now_ms(),
        via: Some(LabelWay::Page),
        instead_of: None,
    };
    let detail = format!("{} as {annotator}", rubric.name);
    web.parts.store.insert_labels(&[label]).await?;
    web.parts.store.note_action(&actor, AuditAction::Labelled, &given.subject.to_string(), &detail).await?;
    let more = match given.anchors.saturating_sub(1) {
        0 => String::new(),
        anchors => format!("&anchors={anchors}"),
    };
    let next = format!("/label?rubric={}{more}", encoded(&rubric.name));
    Ok((remember(&annotator, "/label"), Redirect::to(&next)).into_response())
}

impl Web {
    /// The newest active version of a rubric, else the newest of all.
    fn rubric(&self, name: &str) -> Result<std::sync::Arc<Rubric>, PageError> {
        let newest = |all: Vec<std::sync::Arc<Rubric>>| {
            all.into_iter().filter(|rubric| rubric.name == name).max_by_key(|rubric| rubric.version)
        };
        newest(self.parts.catalogue.active())
            .or_else(|| newest(self.parts.catalogue.all()))
            .ok_or_else(|| PageError::NotFound("There is no such rubric.".to_owned()))
    }

    /// What is drawn for a rubric, and what has been labelled of it.
    async fn queue(&self, rubric: &Rubric) -> Result<(Vec<Drawn>, Done), PageError> {
        Ok(pool::drawn(&self.parts.store, &rubric.name, &self.parts.baselines).await?)
    }

    /// The anchor whose label by this annotator is the oldest.
    async fn anchor_to_relabel(&self, rubric: &str, annotator: &str) -> Result<Option<Drawn>, PageError> {
        let (anchors, labels) = (self.parts.store.anchors().await?, self.parts.store.labels().await?);
        Ok(to_relabel(&anchors, &labels, rubric, annotator, 1).pop())
    }

    /// Every active rubric with what waits to be labelled.
    async fn choose(
        &self,
        annotator: Option<&str>,
        is_known: bool,
        chosen: Option<&str>,
    ) -> Result<Response, PageError> {
        let mut rubrics = Vec::new();
        let report = self.kept_report().await?;
        let new_series = report.as_ref().map(|report| report.new_series()).unwrap_or_default();
        for rubric in self.parts.catalogue.active() {
            let (drawn, done) = self.queue(&rubric).await?;
            rubrics.push(context! {
                name => rubric.name.as_str(),
                description => rubric.description.as_str(),
                waiting => queue::waiting(&drawn, &done),
                labelled => done.len(),
                new_series => new_series.get(rubric.name.as_str()).copied(),
            });
        }
        self.pages.render(
            "label.html",
            context! { here => "/label", annotator, is_known, chosen, rubrics, rubric => Value::from(()), item => Value::from(()) },
        )
    }

    fn seal_of(&self, rubric: &str, subject: SubjectId, stream: &str, probability: &str) -> String {
        labels::seal::seal_of(&self.parts.seal, rubric, subject, stream, probability)
    }

    fn sealed(&self, rubric: &str, item: &Drawn) -> Value {
        let probability = f64::from(item.probability).to_string();
        let seal = self.seal_of(rubric, item.subject, item.stream.as_str(), &probability);
        context! { subject => item.subject.to_string(), stream => item.stream.as_str(), probability, seal }
    }
}

/// An item looked at again keeps the draw that brought it; one that no draw brought is of unknown selection.
fn again_of(subject: SubjectId, drawn: &[Drawn], done: &Done) -> Option<Drawn> {
    let known = drawn.iter().find(|item| item.subject == subject).copied();
    known.or_else(|| {
        let was_labelled = done.iter().any(|done| done.0 == subject);
        was_labelled.then_some(Drawn { subject, stream: LabelStream::Unknown, probability: Probability::ONE })
    })
}

fn refused(error: LabelError) -> PageError {
    PageError::BadRequest(format!("This label cannot be stored: {error}."))
}

/// Keeps the name of who acted for the next time on these pages.
pub(super) fn remember(annotator: &str, pages: &str) -> [(header::HeaderName, String); 1] {
    let cookie = format!(
        "{ANNOTATOR}={}; Path={pages}; HttpOnly; SameSite=Strict; Max-Age={ANNOTATOR_SECONDS}",
        encoded(annotator)
    );
    [(header::SET_COOKIE, cookie)]
}

/// The buttons of a scale, each with the key that presses it.
fn choices(scale: &Scale) -> Vec<Value> {
    let choice = |value: &str, meaning: &str, key: String| context! { value, meaning, key };
    match scale {
        Scale::Binary { pass, fail } => vec![choice("pass", pass, "p".into()), choice("fail", fail, "f".into())],
        Scale::Ordinal { levels, .. } => {
            // The level's own digit where every level has one; else its place.
            let digits = levels.iter().all(|(level, _)| (0..=9).contains(level));
            let key = |index: usize, level: i64| if digits { level } else { index as i64 + 1 }.to_string();
            levels
                .iter()
                .enumerate()
                .map(|(index, (level, meaning))| choice(&level.to_string(), meaning, key(index, *level)))
                .collect()
        }
        Scale::Categorical { labels, .. } => labels
            .iter()
            .enumerate()
            .map(|(index, (label, meaning))| choice(label, meaning, (index + 1).to_string()))
            .collect(),
        Scale::Numeric { .. } => Vec::new(),
    }
}

/// The range of a scale without levels.
fn numeric(scale: &Scale) -> Option<Value> {
    match scale {
        Scale::Numeric { min, max, meaning, .. } => Some(context! { min, max, meaning }),
        _ => None,
    }
}

fn verdict_on(scale: &Scale, verdict: &str) -> Option<Score> {
    spelling::of_person(scale, Some(&agreement::Label::Text(verdict.to_owned()))).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_its_own_key() {
        let scale = Scale::ordinal(vec![(-1, "bad".into()), (1, "so".into()), (10, "good".into())], None).unwrap();
        let keys: Vec<String> =
            choices(&scale).iter().map(|choice| choice.get_attr("key").unwrap().to_string()).collect();
        assert_eq!(keys.len(), keys.iter().collect::<std::collections::BTreeSet<_>>().len(), "{keys:?}");
    }

    #[test]
    fn a_name_survives_its_cookie() {
        let named = person("  Änne; Path=/ \n").unwrap();
        assert_eq!(decoded(&encoded(&named)), Some("Änne; Path=/".to_owned()));
        assert!(!encoded(&named).contains(';'));
        assert_eq!(person(" \t"), None);
    }

    #[test]
    fn verdicts_off_the_scale_are_refused() {
        let scale = Scale::Binary { pass: String::new(), fail: String::new() };
        assert!(verdict_on(&scale, "pass").is_some());
        assert!(verdict_on(&scale, "3").is_none());
        let range = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
        assert!(verdict_on(&range, "0,5").is_some());
        assert!(verdict_on(&range, "7").is_none());
        assert!(verdict_on(&range, "").is_none());
    }
}
