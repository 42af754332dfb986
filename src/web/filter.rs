//! A filter as a form and an address bar write it.

use serde::{Deserialize, Serialize};

use super::percent::encoded;
use super::problem::PageError;
use crate::config::TimeArg;
use crate::model::{Named as _, Outcome};
use crate::store::{EvaluationFilter, EvaluationOrder, PageCursor};

/// The fields of the form; an empty field does not restrict.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FilterForm {
    pub(super) rubric: String,
    pub(super) version: String,
    pub(super) judge: String,
    pub(super) outcome: String,
    pub(super) value_below: String,
    pub(super) value_from: String,
    pub(super) label: String,
    pub(super) documents_below: String,
    pub(super) segment: String,
    pub(super) service_version: String,
    pub(super) prompt_version: String,
    pub(super) text: String,
    pub(super) trace: String,
    pub(super) since: String,
    pub(super) until: String,
    pub(super) sort: String,
    pub(super) after: String,
    pub(super) limit: String,
}

const LIMIT: usize = 50;
const MOST: usize = 500;

impl FilterForm {
    /// The filter meant, or what is wrong with it. Lengths of time count back from `now_ms`.
    pub(super) fn filter(&self, now_ms: i64) -> Result<EvaluationFilter, PageError> {
        let outcome = |name: &str| {
            Outcome::parse(name)
                .ok_or_else(|| PageError::BadRequest(format!("`outcome` is one of {}", Outcome::NAMES.join(", "))))
        };
        let order = |name: &str| {
            let names = EvaluationOrder::NAMES.join(", ");
            EvaluationOrder::parse(name).ok_or_else(|| PageError::BadRequest(format!("`sort` is one of {names}")))
        };
        let segment = |text: &str| match text.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(PageError::BadRequest("`segment` is written name=value".to_owned())),
        };
        Ok(EvaluationFilter {
            rubric: given(&self.rubric).map(str::to_owned),
            version: number(&self.version, "version")?,
            judge: given(&self.judge).map(str::to_owned),
            outcome: given(&self.outcome).map(outcome).transpose()?,
            value_below: fraction(&self.value_below, "value_below")?,
            value_from: fraction(&self.value_from, "value_from")?,
            label: given(&self.label).map(str::to_owned),
            documents_below: number(&self.documents_below, "documents_below")?,
            segment: given(&self.segment).map(segment).transpose()?,
            service_version: given(&self.service_version).map(str::to_owned),
            prompt_version: given(&self.prompt_version).map(str::to_owned),
            text: given(&self.text).map(str::to_owned),
            trace: number(&self.trace, "trace")?,
            since_ms: moment(&self.since, "since", now_ms)?,
            until_ms: moment(&self.until, "until", now_ms)?,
            order: given(&self.sort).map_or(Ok(EvaluationOrder::Time), order)?,
        })
    }

    /// Where the page begins.
    pub(super) fn after(&self) -> Result<Option<PageCursor>, PageError> {
        Ok(place(&self.after)?.map(|(created_at_ms, id)| PageCursor { created_at_ms, id: id.into() }))
    }

    /// How many.
    pub(super) fn limit(&self) -> Result<usize, PageError> {
        Ok(number::<usize>(&self.limit, "limit")?.unwrap_or(LIMIT).clamp(1, MOST))
    }

    /// The same filter, as an address, from another place on.
    pub(super) fn address(&self, after: Option<PageCursor>) -> String {
        let form = Self { after: after.map(written).unwrap_or_default(), ..self.clone() };
        let fields = match serde_json::to_value(&form) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let pairs: Vec<String> = fields
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_str().filter(|value| !value.is_empty())?)))
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        format!("?{}", pairs.join("&"))
    }
}

/// A cursor as an address writes it.
pub(super) fn written(cursor: PageCursor) -> String {
    written_place(cursor.created_at_ms, cursor.id)
}

/// A place in a list in order of time, as an address writes it.
pub(super) fn written_place(ms: i64, id: impl std::fmt::Display) -> String {
    format!("{ms}_{id}")
}

/// The place that [`written_place`] wrote; none where nothing is given.
pub(super) fn place(after: &str) -> Result<Option<(i64, uuid::Uuid)>, PageError> {
    let wrong = || PageError::BadRequest("`after` is the `next` of the page before".to_owned());
    let Some(text) = given(after) else { return Ok(None) };
    let (ms, id) = text.split_once('_').ok_or_else(wrong)?;
    Ok(Some((ms.parse().map_err(|_| wrong())?, id.parse().map_err(|_| wrong())?)))
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(text: &str, field: &str) -> Result<Option<T>, PageError> {
    let parse = |text: &str| text.parse().map_err(|_| PageError::BadRequest(format!("`{field}` cannot be `{text}`")));
    given(text).map(parse).transpose()
}

/// A moment, or a length of time before now.
fn moment(text: &str, field: &str, now_ms: i64) -> Result<Option<i64>, PageError> {
    let read = |text: &str| match text.parse::<TimeArg>() {
        Ok(time) => Ok(time.ms(now_ms)),
        Err(error) => Err(PageError::BadRequest(format!("`{field}` cannot be `{text}`: {error}"))),
    };
    given(text).map(read).transpose()
}

/// A number as people write it, with a point or a comma.
fn fraction(text: &str, field: &str) -> Result<Option<f64>, PageError> {
    Ok(number::<f64>(&text.replace(',', "."), field)?.filter(|number| number.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_filter_and_an_address() {
        let form = FilterForm {
            rubric: "faithfulness".into(),
            value_below: "0,7".into(),
            documents_below: "3".into(),
            segment: "intent=re turns".into(),
            ..FilterForm::default()
        };
        let filter = form.filter(0).unwrap();
        assert_eq!(filter.value_below, Some(0.7));
        assert_eq!(filter.segment, Some(("intent".into(), "re turns".into())));
        assert_eq!(filter.label, None);
        let address = form.address(None);
        assert!(address.contains("segment=intent%3Dre%20turns"), "{address}");
        assert!(!address.contains("label="), "{address}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |form: FilterForm| form.filter(0).unwrap_err().to_string();
        assert!(wrong(FilterForm { outcome: "lost".into(), ..FilterForm::default() }).contains("abstained"));
        assert!(wrong(FilterForm { value_from: "high".into(), ..FilterForm::default() }).contains("value_from"));
        assert!(wrong(FilterForm { sort: "best".into(), ..FilterForm::default() }).contains("value_desc"));
        assert!(wrong(FilterForm { since: "soon".into(), ..FilterForm::default() }).contains("since"));
        let hour = FilterForm { since: "1h".into(), ..FilterForm::default() };
        assert_eq!(hour.filter(7_200_000).unwrap().since_ms, Some(3_600_000));
        assert!(FilterForm { after: "x".into(), ..FilterForm::default() }.after().is_err());
    }

    #[test]
    fn a_cursor_reads_back_what_it_writes() {
        let cursor = PageCursor { created_at_ms: 5, id: uuid::Uuid::from_u128(7).into() };
        let form = FilterForm { after: written(cursor), ..FilterForm::default() };
        assert_eq!(form.after().unwrap(), Some(cursor));
    }
}
