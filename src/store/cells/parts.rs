//! Parts of series: which there are, and the sums of some of them.

use std::collections::BTreeMap;
use std::ops::Range;

use sqlx::QueryBuilder;

use crate::cells::{PartKey, SeriesKey, Sums};
use crate::store::rows::{self, push_list};
use crate::store::{Store, StoreError, read};

const PARTS_PER_STATEMENT: usize = 500;

/// A part of a series, without its sums.
#[derive(Debug, Clone, PartialEq)]
pub struct CellPart {
    pub id: i64,
    pub series: SeriesKey,
    pub part: PartKey,
    /// The first hour with something in it, since the Unix epoch.
    pub first_hour: i64,
}

impl Store {
    /// Every part that holds something.
    pub async fn cell_parts(&self) -> Result<Vec<CellPart>, StoreError> {
        let found: Vec<(i64, String, String, Option<i64>)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT p.id, s.key, p.key, (SELECT min(c.hour) FROM cells c WHERE c.part_id = p.id) \
                 FROM cell_parts p JOIN cell_series s ON s.id = p.series_id ORDER BY p.id",
            )
            .fetch_all(pool)
            .await?
        });
        let filled = found.into_iter().filter_map(|(id, series, part, first)| Some((id, series, part, first?)));
        let part = |(id, series, part, first_hour): (i64, String, String, i64)| {
            let (_, part): (i64, PartKey) = rows::json("cell_parts", "key", &part)?;
            Ok(CellPart { id, series: rows::json("cell_series", "key", &series)?, part, first_hour })
        };
        filled.map(part).collect()
    }

    /// The sums of these parts: over all hours, or over those of a range.
    pub async fn sums_of_parts(
        &self,
        parts: &[i64],
        hours: Option<Range<i64>>,
    ) -> Result<BTreeMap<i64, Sums>, StoreError> {
        let mut sums: BTreeMap<i64, Sums> = BTreeMap::new();
        for parts in parts.chunks(PARTS_PER_STATEMENT) {
            let found: Vec<(i64, String)> = read!(self, DB, pool => {
                let table = if hours.is_some() { "cells" } else { "cell_totals" };
                let mut select = QueryBuilder::<DB>::new("SELECT part_id, sums FROM ");
                select.push(table).push(" WHERE part_id IN ");
                push_list(&mut select, parts.iter().copied());
                if let Some(hours) = &hours {
                    select.push(" AND hour >= ").push_bind(hours.start).push(" AND hour < ").push_bind(hours.end);
                }
                select.build_query_as().fetch_all(pool).await?
            });
            for (part, found) in found {
                let found: Sums = rows::json("cells", "sums", &found)?;
                sums.entry(part).or_default().add(&found, 1);
            }
        }
        Ok(sums)
    }
}
