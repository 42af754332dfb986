//! `resource` of a `[[sinks]]` entry that takes OTLP: what scores are written under.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::model::ScoreForm;

/// The attribute that tells whose resource it is.
const SERVICE_NAME: &str = "service.name";
/// Judged's own service name.
const OWN_NAME: &str = "judged";

/// The resource that scores stand under: the judged span's or judged's own, and attributes that are added to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreResource {
    pub form: ScoreForm,
    /// They win over those that the resource has.
    pub attributes: BTreeMap<String, String>,
}

impl Default for ScoreResource {
    fn default() -> Self {
        Self { form: ScoreForm::Span, attributes: BTreeMap::new() }
    }
}

impl<'de> Deserialize<'de> for ScoreResource {
    /// The word `judged`, or a table of attributes; a table that names the service `judged` asks for judged's own resource too.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable)
    }
}

struct WordOrTable;

impl<'de> Visitor<'de> for WordOrTable {
    type Value = ScoreResource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "`judged` (judged's own resource, at the time of judging) or a table of attributes to add to the judged span's",
        )
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<ScoreResource, E> {
        match word {
            OWN_NAME => Ok(ScoreResource { form: ScoreForm::Judged, attributes: BTreeMap::new() }),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ScoreResource, M::Error> {
        let mut attributes = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            attributes.insert(key, value);
        }
        let own = attributes.get(SERVICE_NAME).is_some_and(|name| name == OWN_NAME);
        Ok(ScoreResource { form: if own { ScoreForm::Judged } else { ScoreForm::Span }, attributes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sink {
        resource: ScoreResource,
    }

    fn read(toml: &str) -> Result<ScoreResource, String> {
        toml::from_str::<Sink>(toml).map(|sink| sink.resource).map_err(|error| error.to_string())
    }

    #[test]
    fn a_word_or_a_table_says_whose_resource_scores_stand_under() {
        assert_eq!(read("resource = 'judged'").unwrap().form, ScoreForm::Judged);
        let added = read("resource = { 'openinference.project.name' = 'shop' }").unwrap();
        assert_eq!((added.form, added.attributes.len()), (ScoreForm::Span, 1));
        let own = read("resource = { 'service.name' = 'judged', team = 'search' }").unwrap();
        assert_eq!((own.form, own.attributes.len()), (ScoreForm::Judged, 2));
    }

    #[test]
    fn anything_else_is_refused_with_what_there_is() {
        let error = read("resource = 'span'").unwrap_err();
        assert!(error.contains("expected `judged`") && error.contains("a table of attributes"), "{error}");
        assert!(read("resource = { team = 3 }").is_err());
    }
}
