//! What may be written, by the releases of the workers that share the database.

use super::earlier_workers::Since;
use super::{Pool, Store, StoreError};

impl Store {
    /// Whether every worker that shares the database tells repeats from rounds of anchors.
    pub async fn all_tell_repeats(&self) -> Result<bool, StoreError> {
        self.all_workers_read(Since::Repeats).await
    }

    /// Whether every worker that shares the database reads what came with `since`.
    pub(super) async fn all_workers_read(&self, since: Since) -> Result<bool, StoreError> {
        match &self.pool {
            // One process at a time writes to the file.
            Pool::Sqlite { .. } => Ok(true),
            Pool::Postgres(pool) => Ok(self.earlier_workers.earliest(pool, self.now_ms()).await? >= since as u32),
        }
    }
}
