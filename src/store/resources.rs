//! Resources of records, each stored once a day: the records name them.
//!
//! What emitted a record (its service, host and container) is often longer than the record, and the same for all that a
//! process emits. A key is made from the day as well, so that a resource can be deleted as soon as no record that came on
//! its day is left. A worker of an earlier release does not know the keys: while one is connected, records carry their
//! resource themselves, as they did.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::QueryBuilder;

use super::earlier_workers::Since;
use super::rows::push_list;
use super::{Store, StoreError, read, transaction};
use crate::model::Resource;
use crate::otlp;

/// A shorter resource stays with its record: the key takes as much.
const SHORTEST: usize = 64;

const ONE_DAY_MS: i64 = 86_400_000;

/// The name of a resource in the records of one day.
type Key = [u8; 16];

/// Where the resources of one commit are stored.
pub(super) struct ResourcePlaces<'b> {
    /// By the address of their bytes, which the records of a block share.
    keys: HashMap<usize, Key>,
    apart: BTreeMap<Key, &'b [u8]>,
    day: i64,
}

impl<'b> ResourcePlaces<'b> {
    pub(super) fn of(resources: impl Iterator<Item = &'b Arc<[u8]>>, stand_apart: bool, now_ms: i64) -> Self {
        let mut places = Self { keys: HashMap::new(), apart: BTreeMap::new(), day: now_ms.div_euclid(ONE_DAY_MS) };
        if stand_apart {
            resources.for_each(|resource| places.add(resource));
        }
        places
    }

    fn add(&mut self, resource: &'b Arc<[u8]>) {
        if resource.len() >= SHORTEST {
            let day = self.day;
            let key = *self.keys.entry(resource.as_ptr().addr()).or_insert_with(|| key(day, resource));
            self.apart.entry(key).or_insert(resource);
        }
    }

    /// The two columns of a record: the key of its resource, and its body, which holds the resource where there is no key.
    pub(super) fn columns<'r>(&'r self, resource: &Arc<[u8]>, body: &'r [u8]) -> (Option<&'r [u8]>, Cow<'r, [u8]>) {
        match self.keys.get(&resource.as_ptr().addr()) {
            Some(key) => (Some(key), Cow::Borrowed(body)),
            None if resource.is_empty() => (None, Cow::Borrowed(body)),
            None => (None, Cow::Owned([resource, body].concat())),
        }
    }

    /// The resources to store, in one order for all workers, with their day.
    pub(super) fn rows(&self) -> (Vec<(&[u8], &[u8])>, i64) {
        (self.apart.iter().map(|(key, body)| (key.as_slice(), *body)).collect(), self.day)
    }
}

fn key(day: i64, resource: &[u8]) -> Key {
    let mut digest = Sha256::new();
    digest.update(day.to_be_bytes());
    digest.update(resource);
    let mut key = Key::default();
    key.copy_from_slice(&digest.finalize()[..16]);
    key
}

/// Stores the resources of a commit within its transaction.
macro_rules! store_resources {
    ($tx:ident, $db:ty, $places:expr) => {{
        let (rows, day) = $places.rows();
        for rows in rows.chunks(100) {
            let mut insert = sqlx::QueryBuilder::<$db>::new("INSERT INTO resources (key, day, body) ");
            insert.push_values(rows, |mut row, (key, body)| {
                row.push_bind(*key).push_bind(day).push_bind(*body);
            });
            insert.push(" ON CONFLICT (key) DO NOTHING");
            insert.build().execute(&mut *$tx).await?;
        }
    }};
}
pub(super) use store_resources;

impl Store {
    /// Whether records may name their resource instead of carrying it.
    pub(super) async fn resources_stand_apart(&self) -> Result<bool, StoreError> {
        self.all_workers_read(Since::ResourcesApart).await
    }

    /// The resources that records name, each read once. One that is missing or cannot be read is left out.
    pub(super) async fn resources(
        &self,
        keys: BTreeSet<Vec<u8>>,
    ) -> Result<HashMap<Vec<u8>, Arc<Resource>>, StoreError> {
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        let mut resources = HashMap::new();
        for keys in keys.chunks(100) {
            let found: Vec<(Vec<u8>, Vec<u8>)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT key, body FROM resources WHERE key IN ");
                push_list(&mut select, keys.iter().map(Vec::as_slice));
                select.build_query_as().fetch_all(pool).await?
            });
            resources.extend(
                found.into_iter().filter_map(|(key, body)| Some((key, otlp::resource_from_bytes(&body).ok()?))),
            );
        }
        Ok(resources)
    }

    /// Deletes the resources of days before `before_ms` of which no record is left. Returns how many.
    pub async fn forget_resources(&self, before_ms: i64) -> Result<u64, StoreError> {
        let oldest_day: Option<i64> =
            read!(self, DB, pool => sqlx::query_scalar("SELECT min(day) FROM resources").fetch_one(pool).await?);
        let last_day = |ms: i64| ms.div_euclid(ONE_DAY_MS) - 2;
        if oldest_day.is_none_or(|day| day > last_day(before_ms)) {
            return Ok(0);
        }
        // A record came on the day on which its trace was first seen, or later.
        let first_seen_ms: Option<i64> = read!(self, DB, pool => {
            sqlx::query_scalar(
                "SELECT min(first_seen_ms) FROM (SELECT first_seen_ms FROM traces WHERE due_at_ms IS NULL \
                 AND (emptied_before_ms IS NULL OR emptied_before_ms <= last_seen_ms) \
                 UNION ALL SELECT first_seen_ms FROM traces WHERE due_at_ms IS NOT NULL) AS holding",
            )
            .fetch_one(pool)
            .await?
        });
        let until = last_day(before_ms.min(first_seen_ms.unwrap_or(i64::MAX)));
        Ok(transaction!(self, DB, tx => {
            sqlx::query("DELETE FROM resources WHERE day <= $1").bind(until).execute(&mut *tx).await?.rows_affected()
        }))
    }
}
