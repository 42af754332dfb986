//! What write-back asks of a score besides the evaluation: the span it is attached to, and what it replaces.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::rows::push_list;
use super::{Store, StoreError, read};
use crate::model::{EvaluationId, JudgedSpan, Resource};
use crate::otlp;

/// The name of a resource that scores are written under: the first half of its SHA-256.
type Key = [u8; 16];

/// The resources of the judged spans of one commit, each once.
#[derive(Default)]
pub(super) struct ScoreResources {
    /// By the address of the resource, which the spans of a block share.
    keys: HashMap<usize, Key>,
    bodies: BTreeMap<Key, Arc<[u8]>>,
}

impl ScoreResources {
    pub(super) fn of<'s>(spans: impl Iterator<Item = &'s JudgedSpan>) -> Self {
        let mut resources = Self::default();
        for span in spans {
            resources.keys.entry(address(&span.resource)).or_insert_with(|| {
                let body = otlp::resource_to_bytes(&span.resource);
                let mut key = Key::default();
                key.copy_from_slice(&Sha256::digest(&body)[..16]);
                resources.bodies.entry(key).or_insert(body);
                key
            });
        }
        resources
    }

    /// The key of a span's resource.
    pub(super) fn key(&self, span: &JudgedSpan) -> Option<&[u8]> {
        self.keys.get(&address(&span.resource)).map(Key::as_slice)
    }

    /// Keys and bodies, in one order for all workers.
    pub(super) fn rows(&self) -> Vec<(&[u8], &[u8])> {
        self.bodies.iter().map(|(key, body)| (key.as_slice(), &**body)).collect()
    }
}

fn address(resource: &Arc<Resource>) -> usize {
    Arc::as_ptr(resource).addr()
}

/// Stores the resources of judged spans within the transaction that plans their subjects.
macro_rules! store_score_resources {
    ($tx:ident, $db:ty, $resources:expr) => {
        for rows in $resources.rows().chunks(100) {
            let mut insert = sqlx::QueryBuilder::<$db>::new("INSERT INTO score_resources (key, body) ");
            insert.push_values(rows, |mut row, (key, body)| {
                row.push_bind(*key).push_bind(*body);
            });
            insert.push(" ON CONFLICT (key) DO NOTHING");
            insert.build().execute(&mut *$tx).await?;
        }
    };
}
pub(super) use store_score_resources;

/// What is asked of one evaluation.
#[derive(Debug, Default, Clone)]
pub(super) struct Attached {
    pub(super) judged_span: Option<JudgedSpan>,
    pub(super) replaces: Option<EvaluationId>,
}

impl Store {
    /// Reads, for each of `ids`, the span that its score is attached to, and the evaluation whose score a sink was given
    /// before late spans changed what was judged, or it was judged again. A subject that a worker of an earlier release planned has no span.
    pub(super) async fn attached(&self, ids: &[EvaluationId]) -> Result<HashMap<EvaluationId, Attached>, StoreError> {
        type Row = (Uuid, Option<Vec<u8>>, Option<i64>, Option<Uuid>);
        let mut found: Vec<Row> = Vec::with_capacity(ids.len());
        for ids in ids.chunks(100) {
            found.extend::<Vec<Row>>(read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT e.id, s.resource, s.span_end_ns, (\
                         SELECT earlier.id FROM evaluations earlier WHERE earlier.subject_id = e.subject_id \
                         AND earlier.rubric = e.rubric AND earlier.version = e.version AND earlier.judge = e.judge \
                         AND earlier.id <> e.id AND earlier.outcome = 'superseded' \
                         AND (earlier.revision, earlier.created_at_ms) <= (e.revision, e.created_at_ms) \
                         AND EXISTS (SELECT 1 FROM deliveries d WHERE d.evaluation_id = earlier.id AND d.state = 'sent') \
                         ORDER BY earlier.revision DESC, earlier.created_at_ms DESC LIMIT 1) \
                     FROM evaluations e JOIN subjects s ON s.id = e.subject_id WHERE e.id IN ",
                );
                push_list(&mut select, ids.iter().map(EvaluationId::as_uuid));
                select.build_query_as().fetch_all(pool).await?
            }));
        }
        let keys: BTreeSet<&[u8]> = found.iter().filter_map(|(_, key, _, _)| key.as_deref()).collect();
        let resources = self.score_resources(&keys).await?;
        let attached = found.into_iter().map(|(id, key, end_ns, replaces)| {
            let judged_span = key.zip(end_ns).and_then(|(key, end_ns)| {
                Some(JudgedSpan { resource: Arc::clone(resources.get(&key)?), end: u64::try_from(end_ns).ok()? })
            });
            (EvaluationId::from(id), Attached { judged_span, replaces: replaces.map(EvaluationId::from) })
        });
        Ok(attached.collect())
    }

    async fn score_resources(&self, keys: &BTreeSet<&[u8]>) -> Result<HashMap<Vec<u8>, Arc<Resource>>, StoreError> {
        let keys: Vec<&[u8]> = keys.iter().copied().collect();
        let mut resources = HashMap::new();
        for keys in keys.chunks(100) {
            let found: Vec<(Vec<u8>, Vec<u8>)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT key, body FROM score_resources WHERE key IN ");
                push_list(&mut select, keys.iter().copied());
                select.build_query_as().fetch_all(pool).await?
            });
            for (key, body) in found {
                match otlp::resource_from_bytes(&body) {
                    Ok(resource) => drop(resources.insert(key, resource)),
                    // Its scores are written under judged's own resource, as those without one are.
                    Err(error) => tracing::warn!(%error, "the resource of judged spans cannot be read back"),
                }
            }
        }
        Ok(resources)
    }
}
