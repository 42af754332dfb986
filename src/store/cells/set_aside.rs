//! Evaluations that cannot be read are set aside: one of them does not keep the others from being counted.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::evaluation::{Evaluation, EvaluationRow};
use super::transaction::ROWS_PER_STATEMENT;
use crate::store::open_transaction::{Open, within};
use crate::store::rows::push_list;
use crate::store::{Store, StoreError, read};

/// An evaluation that cannot be read: it counts as it did before, and is tried again when it changes and when cells are built
/// anew.
pub(super) struct SetAside {
    id: Uuid,
    error: StoreError,
}

impl SetAside {
    pub(super) fn log(&self) {
        tracing::error!(
            evaluation = %self.id,
            error = crate::error_chain::causes(&self.error),
            "an evaluation cannot be read; it is left out of the statistics"
        );
    }
}

/// Those that can be read, and the others.
pub(super) fn read_all(rows: Vec<EvaluationRow>, epoch: i64) -> (Vec<Evaluation>, Vec<SetAside>) {
    let (mut evaluations, mut set_aside) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let id = row.id;
        match row.read(epoch) {
            Ok(evaluation) => evaluations.push(evaluation),
            Err(error) => set_aside.push(SetAside { id, error }),
        }
    }
    (evaluations, set_aside)
}

impl Open<'_> {
    /// Notes evaluations that cannot be read. Returns those that were not noted before.
    pub(super) async fn set_aside(&mut self, unread: Vec<SetAside>) -> Result<Vec<SetAside>, StoreError> {
        let mut new = Vec::new();
        for one in unread {
            let noted = within!(self, DB, tx => {
                sqlx::query("INSERT INTO evaluations_set_aside (evaluation_id) VALUES ($1) ON CONFLICT DO NOTHING")
                    .bind(one.id)
                    .execute(tx)
                    .await?
                    .rows_affected()
            });
            if noted > 0 {
                new.push(one);
            }
        }
        Ok(new)
    }

    /// Forgets that these were set aside.
    pub(super) async fn take_up_again(&mut self, ids: impl Iterator<Item = Uuid>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.collect();
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            within!(self, DB, tx => {
                let mut delete = QueryBuilder::<DB>::new("DELETE FROM evaluations_set_aside WHERE evaluation_id IN ");
                push_list(&mut delete, ids.iter());
                delete.build().execute(tx).await?;
            });
        }
        Ok(())
    }
}

impl Store {
    /// How many evaluations are set aside because they cannot be read.
    pub async fn set_aside_evaluations(&self) -> Result<u64, StoreError> {
        let (number,): (i64,) = read!(self, DB, pool => {
            sqlx::query_as("SELECT count(*) FROM evaluations_set_aside").fetch_one(pool).await?
        });
        Ok(number.max(0) as u64)
    }
}
