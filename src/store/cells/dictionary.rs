//! The numbers of series and parts, and which values have cells of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sqlx::QueryBuilder;

use super::evaluation::Evaluation;
use crate::cells::{FoldedScore, OTHER_MODELS, PartKey, SeriesKey, ValueOf};
use crate::model::Release;
use crate::store::StoreError;
use crate::store::open_transaction::{Open, within};
use crate::store::rows::{self, push_list};

/// So many values of a segment, releases, models of a judge and large levels of a rubric version are told apart: those that
/// came first.
pub(super) const MOST_VALUES: usize = 100;

/// What names the releases among the attributes; the others follow a name that begins otherwise.
const RELEASE: &str = "release";

const KEYS_PER_STATEMENT: usize = 200;

/// What a group of evaluations needs to be placed.
pub(super) struct Dictionary {
    values: Values,
    series: BTreeMap<SeriesKey, i64>,
    parts: BTreeMap<(i64, PartKey), i64>,
}

impl Dictionary {
    /// Reads what there is of the evaluations' keys and adds what is missing.
    pub(super) async fn of(tx: &mut Open<'_>, evaluations: &[Evaluation]) -> Result<Self, StoreError> {
        let placed = || evaluations.iter().filter(|evaluation| evaluation.has_place());
        let mut values = Values::read(tx).await?;
        for evaluation in placed() {
            values.admit_release(&evaluation.release())?;
            for (name, value) in evaluation.values() {
                values.admit(segment(&name), value);
            }
            let series = evaluation.series();
            if let Some(model) = &series.judge_model {
                values.admit(models(&series), model.clone());
            }
            if let Some(level) = &evaluation.large_level {
                values.admit(levels(&series), level.clone());
            }
        }
        values.store(tx).await?;
        let wanted: BTreeSet<SeriesKey> = placed().map(|evaluation| values.series(evaluation)).collect();
        let series = numbers(tx, "cell_series", wanted, |_| None).await?;
        let mut dictionary = Self { values, series, parts: BTreeMap::new() };
        let mut wanted = BTreeSet::new();
        for evaluation in placed() {
            wanted.extend(dictionary.keys_of(evaluation)?);
        }
        dictionary.parts =
            numbers(tx, "cell_parts", wanted, |(series, part)| Some((*series, part.segment.is_none()))).await?;
        Ok(dictionary)
    }

    /// The series of an evaluation, and the parts it belongs to: the whole of its release first.
    pub(super) fn parts_of(&self, evaluation: &Evaluation) -> Result<(i64, Vec<i64>), StoreError> {
        let keys = self.keys_of(evaluation)?;
        let series = keys.first().map_or(0, |(series, _)| *series);
        Ok((series, keys.iter().filter_map(|key| self.parts.get(key)).copied().collect()))
    }

    /// The number of an evaluation's series.
    pub(super) fn series_of(&self, evaluation: &Evaluation) -> Option<i64> {
        self.series.get(&self.values.series(evaluation)).copied()
    }

    /// The score as it counts: on a level of its own, or on a tenth of the scale.
    pub(super) fn score_of(&self, evaluation: &Evaluation) -> Option<FoldedScore> {
        let score = evaluation.score.clone()?;
        let is_pooled = evaluation
            .large_level
            .as_ref()
            .is_some_and(|level| !self.values.knows(&levels(&evaluation.series()), level));
        Some(if is_pooled { score.in_tenth() } else { score })
    }

    fn keys_of(&self, evaluation: &Evaluation) -> Result<Vec<(i64, PartKey)>, StoreError> {
        let Some(series) = self.series_of(evaluation) else { return Ok(Vec::new()) };
        let release = self.values.release(evaluation.release())?;
        let whole = PartKey { release: release.clone(), segment: None };
        let segments = evaluation.values().map(|(name, value)| {
            let value = self.values.one_or_other(&segment(&name), value);
            PartKey { release: release.clone(), segment: Some((name, value)) }
        });
        Ok(std::iter::once(whole).chain(segments).map(|part| (series, part)).collect())
    }
}

fn segment(name: &str) -> String {
    format!("segment:{name}")
}

fn models(series: &SeriesKey) -> String {
    format!("models:{}", series.judge)
}

fn levels(series: &SeriesKey) -> String {
    format!("levels:{}:{}", series.version, series.rubric)
}

/// The values that have cells of their own, by attribute.
#[derive(Default)]
struct Values {
    known: BTreeMap<String, BTreeSet<String>>,
    new: Vec<(String, String)>,
}

impl Values {
    async fn read(tx: &mut Open<'_>) -> Result<Self, StoreError> {
        let found: Vec<(String, String)> = within!(tx, DB, tx => {
            sqlx::query_as("SELECT attribute, value FROM cell_values").fetch_all(tx).await?
        });
        let mut values = Self::default();
        for (attribute, value) in found {
            values.known.entry(attribute).or_default().insert(value);
        }
        Ok(values)
    }

    fn admit(&mut self, attribute: String, value: String) {
        let known = self.known.entry(attribute.clone()).or_default();
        if known.len() < MOST_VALUES && known.insert(value.clone()) {
            self.new.push((attribute, value));
        }
    }

    fn admit_release(&mut self, release: &Release) -> Result<(), StoreError> {
        self.admit(RELEASE.to_owned(), rows::to_json("cell_values", "value", release)?);
        Ok(())
    }

    fn knows(&self, attribute: &str, value: &str) -> bool {
        self.known.get(attribute).is_some_and(|known| known.contains(value))
    }

    fn one_or_other(&self, attribute: &str, value: String) -> ValueOf<String> {
        if self.knows(attribute, &value) { ValueOf::One(value) } else { ValueOf::Other }
    }

    fn series(&self, evaluation: &Evaluation) -> SeriesKey {
        let mut series = evaluation.series();
        if series.judge_model.as_ref().is_some_and(|model| !self.knows(&models(&series), model)) {
            series.judge_model = Some(OTHER_MODELS.to_owned());
        }
        series
    }

    fn release(&self, release: Release) -> Result<ValueOf<Release>, StoreError> {
        let text = rows::to_json("cell_values", "value", &release)?;
        Ok(match self.one_or_other(RELEASE, text) {
            ValueOf::One(_) => ValueOf::One(release),
            ValueOf::Other => ValueOf::Other,
        })
    }

    async fn store(&mut self, tx: &mut Open<'_>) -> Result<(), StoreError> {
        for (attribute, value) in self.new.drain(..) {
            within!(tx, DB, tx => {
                sqlx::query("INSERT INTO cell_values (attribute, digest, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                    .bind(attribute)
                    .bind(digest(&value).as_slice())
                    .bind(value)
                    .execute(tx)
                    .await?;
            });
        }
        Ok(())
    }
}

/// The stored number of each key; those that have none yet get one. `part` gives the columns that only parts have.
async fn numbers<K: Ord + Clone + Serialize + DeserializeOwned>(
    tx: &mut Open<'_>,
    table: &'static str,
    wanted: BTreeSet<K>,
    part: impl Fn(&K) -> Option<(i64, bool)>,
) -> Result<BTreeMap<K, i64>, StoreError> {
    let mut missing: BTreeMap<[u8; 16], (K, String)> = BTreeMap::new();
    for key in wanted {
        let text = rows::to_json(table, "key", &key)?;
        missing.insert(digest(&text), (key, text));
    }
    let mut numbers = BTreeMap::new();
    let digests: Vec<[u8; 16]> = missing.keys().copied().collect();
    for digests in digests.chunks(KEYS_PER_STATEMENT) {
        let found: Vec<(i64, Vec<u8>)> = within!(tx, DB, tx => {
            let mut select = QueryBuilder::<DB>::new("SELECT id, digest FROM ");
            select.push(table).push(" WHERE digest IN ");
            push_list(&mut select, digests.iter().map(<[u8; 16]>::as_slice));
            select.build_query_as().fetch_all(tx).await?
        });
        for (id, digest) in found {
            let known = <[u8; 16]>::try_from(digest.as_slice()).ok().and_then(|digest| missing.remove(&digest));
            numbers.extend(known.map(|(key, _)| (key, id)));
        }
    }
    if missing.is_empty() {
        return Ok(numbers);
    }
    let (mut next,): (i64,) = within!(tx, DB, tx => {
        let mut select = QueryBuilder::<DB>::new("SELECT COALESCE(max(id), 0) FROM ");
        select.push(table).build_query_as().fetch_one(tx).await?
    });
    for (digest, (key, text)) in missing {
        next += 1;
        let columns = part(&key);
        within!(tx, DB, tx => {
            let mut insert = QueryBuilder::<DB>::new("INSERT INTO ");
            insert.push(table).push(" (id, digest, key").push(if columns.is_some() { ", series_id, whole) VALUES (" } else { ") VALUES (" });
            let mut values = insert.separated(", ");
            values.push_bind(next).push_bind(digest.as_slice()).push_bind(text.as_str());
            if let Some((series, whole)) = columns {
                values.push_bind(series).push_bind(whole);
            }
            insert.push(")").build().execute(tx).await?;
        });
        numbers.insert(key, next);
    }
    Ok(numbers)
}

fn digest(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    short
}
