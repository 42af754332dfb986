//! Reading cells.

use std::collections::BTreeMap;

use crate::cells::{ALGORITHM, PartKey, SeriesKey, Sums};
use crate::store::{Store, StoreError, read, rows};

/// The sums of a part of a series: over all hours, or of one.
#[derive(Debug, Clone, PartialEq)]
pub struct PartSums {
    pub series: SeriesKey,
    pub part: PartKey,
    /// Since the Unix epoch; none over all hours.
    pub hour: Option<i64>,
    pub sums: Sums,
}

/// How far cells are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellsBuilt {
    /// They hold every evaluation, but for those that changed in the last seconds.
    Complete,
    /// They hold those planned since, milliseconds since the Unix epoch; older ones are being added.
    Since(i64),
    /// A worker of a newer release keeps them, in a way that is not known here.
    Foreign,
}

type Row = (String, String, Option<i64>, String);

impl Store {
    /// How far cells are built.
    pub async fn cells_built(&self) -> Result<CellsBuilt, StoreError> {
        let (algorithm, complete, cursor_ms): (i64, bool, i64) = read!(self, DB, pool => {
            sqlx::query_as("SELECT algorithm, complete, cursor_ms FROM cell_state WHERE one = 1").fetch_one(pool).await?
        });
        Ok(match algorithm {
            algorithm if algorithm > ALGORITHM => CellsBuilt::Foreign,
            ALGORITHM if complete => CellsBuilt::Complete,
            ALGORITHM => CellsBuilt::Since(cursor_ms),
            _ => CellsBuilt::Since(i64::MAX),
        })
    }

    /// The sums of every part over all hours.
    pub async fn cell_totals(&self) -> Result<Vec<PartSums>, StoreError> {
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT s.key, p.key, CAST(NULL AS BIGINT), t.sums FROM cell_totals t JOIN cell_parts p ON p.id = t.part_id \
                 JOIN cell_series s ON s.id = p.series_id ORDER BY p.series_id, t.part_id",
            )
            .fetch_all(pool)
            .await?
        });
        parts(found)
    }

    /// Each series with scores on [0, 1], but for anchors that were judged again, and when the newest of them was planned; one
    /// that was superseded since counts.
    pub(in crate::store) async fn valued_series(&self) -> Result<BTreeMap<SeriesKey, i64>, StoreError> {
        let found: Vec<(String, i64, String)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT s.key, s.newest_planned_ms, t.sums FROM cell_parts p \
                 JOIN cell_series s ON s.id = p.series_id JOIN cell_totals t ON t.part_id = p.id WHERE p.whole",
            )
            .fetch_all(pool)
            .await?
        });
        let mut newest = BTreeMap::new();
        for (series, planned_ms, sums) in found {
            let series: SeriesKey = rows::json("cell_series", "key", &series)?;
            let sums: Sums = rows::json("cell_totals", "sums", &sums)?;
            if !series.replay && sums.valued > 0 {
                newest.insert(series, planned_ms);
            }
        }
        Ok(newest)
    }

    /// The sums of every hour since `hour`, in order of time: of wholes of releases, or of segment values as well.
    pub async fn cell_hours(&self, hour: i64, with_segments: bool) -> Result<Vec<PartSums>, StoreError> {
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT s.key, p.key, c.hour, c.sums FROM cells c JOIN cell_parts p ON p.id = c.part_id \
                 JOIN cell_series s ON s.id = p.series_id WHERE (p.whole OR $2) AND c.hour >= $1 \
                 ORDER BY c.hour, p.series_id, c.part_id",
            )
            .bind(hour)
            .bind(with_segments)
            .fetch_all(pool)
            .await?
        });
        parts(found)
    }
}

fn parts(found: Vec<Row>) -> Result<Vec<PartSums>, StoreError> {
    let part = |(series, part, hour, sums): Row| {
        let (_, part): (i64, PartKey) = rows::json("cell_parts", "key", &part)?;
        Ok(PartSums {
            series: rows::json("cell_series", "key", &series)?,
            part,
            hour,
            sums: rows::json("cells", "sums", &sums)?,
        })
    };
    found.into_iter().filter(|(.., sums)| sums != "{}").map(part).collect()
}
