//! The hours of one series: its first, and its newest.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, QueryBuilder};

use crate::cells::{HourSums, PartKey, SeriesKey, Sums, ValueOf};
use crate::store::rows::{self, push_list};
use crate::store::{ScoreSeries, Store, StoreError, read};

/// Hours that are read at once, at most.
const PAGE: usize = 100;

/// Cells that are read at once, about: some megabytes. Of a series with many parts, that is a few hours.
const CELLS: usize = 5_000;

const PARTS_PER_STATEMENT: usize = 500;

/// How much of a series is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Whole hours from the beginning, until they hold so many scores.
    pub first: u64,
    /// Whole hours from the end, until they hold so many scores.
    pub newest: u64,
    /// A segment value is told where it has so many scores over all hours.
    pub least: u64,
}

/// Segment name and value; none of the whole.
type Part = Option<(String, String)>;

#[derive(Clone, Copy, PartialEq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

impl Store {
    /// The first hours of a series and, behind them, of the others the newest, in order of time.
    pub async fn hours_of(&self, series: &ScoreSeries, extent: Extent) -> Result<Vec<HourSums>, StoreError> {
        let Some(series_id) = self.series_id(series).await? else { return Ok(Vec::new()) };
        let parts = self.told_parts(series_id, extent.least).await?;
        let mut hours = self.hours_until(series_id, &parts, Order::OldestFirst, i64::MIN, extent.first).await?;
        if let Some(last) = hours.last().map(|hour| hour.hour) {
            let newest = self.hours_until(series_id, &parts, Order::NewestFirst, last, extent.newest).await?;
            hours.extend(newest.into_iter().rev());
        }
        Ok(hours)
    }

    async fn series_id(&self, series: &ScoreSeries) -> Result<Option<i64>, StoreError> {
        let wanted = series.key();
        let found: Vec<(i64, String)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT id, key FROM cell_series").fetch_all(pool).await?
        });
        for (id, key) in found {
            if rows::json::<SeriesKey>("cell_series", "key", &key)? == wanted {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// The wholes of all releases, and the segment values with enough scores over all releases.
    async fn told_parts(&self, series_id: i64, least: u64) -> Result<BTreeMap<i64, Part>, StoreError> {
        let found: Vec<(i64, String, String)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT p.id, p.key, t.sums FROM cell_parts p JOIN cell_totals t ON t.part_id = p.id \
                 WHERE p.series_id = $1",
            )
            .bind(series_id)
            .fetch_all(pool)
            .await?
        });
        let mut parts: BTreeMap<i64, Part> = BTreeMap::new();
        let mut sizes: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (id, key, sums) in found {
            let (_, part): (i64, PartKey) = rows::json("cell_parts", "key", &key)?;
            let sums: Sums = rows::json("cell_totals", "sums", &sums)?;
            match part.segment {
                None => drop(parts.insert(id, None)),
                Some((name, ValueOf::One(value))) => {
                    let part = (name, value);
                    *sizes.entry(part.clone()).or_default() += sums.drawn();
                    parts.insert(id, Some(part));
                }
                // Values that are pooled are no segment.
                Some((_, ValueOf::Other)) => {}
            }
        }
        let is_large =
            |part: &Part| part.as_ref().is_none_or(|part| sizes.get(part).is_some_and(|size| *size >= least));
        parts.retain(|_, part| is_large(part));
        Ok(parts)
    }

    /// Hours after `after` until they hold so many scores.
    async fn hours_until(
        &self,
        series_id: i64,
        parts: &BTreeMap<i64, Part>,
        order: Order,
        after: i64,
        scores: u64,
    ) -> Result<Vec<HourSums>, StoreError> {
        let (mut hours, mut held, mut between) = (Vec::new(), 0, (after, i64::MAX));
        while held < scores {
            let page = self.page_of_hours(series_id, parts, order, between).await?;
            let Some(last) = page.last().map(|hour| hour.hour) else { break };
            between = if order == Order::OldestFirst { (last, i64::MAX) } else { (after, last) };
            for hour in page {
                if held >= scores {
                    break;
                }
                held += hour.scores();
                hours.push(hour);
            }
        }
        Ok(hours)
    }

    /// The next hours strictly between two.
    async fn page_of_hours(
        &self,
        series_id: i64,
        parts: &BTreeMap<i64, Part>,
        order: Order,
        (after, before): (i64, i64),
    ) -> Result<Vec<HourSums>, StoreError> {
        let direction = if order == Order::OldestFirst { "ASC" } else { "DESC" };
        let named = format!(
            "SELECT DISTINCT c.hour FROM cells c JOIN cell_parts p ON p.id = c.part_id \
             WHERE p.series_id = $1 AND p.whole AND c.hour > $2 AND c.hour < $3 ORDER BY c.hour {direction} LIMIT {}",
            hours_at_once(parts.len())
        );
        let named: Vec<(i64,)> = read!(self, DB, pool => {
            let select = sqlx::query_as(AssertSqlSafe(named.as_str()));
            select.bind(series_id).bind(after).bind(before).fetch_all(pool).await?
        });
        let (Some(first), Some(last)) = (named.iter().min(), named.iter().max()) else { return Ok(Vec::new()) };
        let mut hours: BTreeMap<i64, HourSums> = BTreeMap::new();
        let told: Vec<(&i64, &Part)> = parts.iter().collect();
        for told in told.chunks(PARTS_PER_STATEMENT) {
            let found: Vec<(i64, i64, String)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT part_id, hour, sums FROM cells WHERE hour BETWEEN ");
                select.push_bind(first.0).push(" AND ").push_bind(last.0).push(" AND part_id IN ");
                push_list(&mut select, told.iter().map(|(id, _)| *id));
                select.build_query_as().fetch_all(pool).await?
            });
            for (part, hour, sums) in found {
                let Some(part) = parts.get(&part) else { continue };
                let sums: Sums = rows::json("cells", "sums", &sums)?;
                hours.entry(hour).or_insert_with(|| HourSums { hour, ..HourSums::default() }).add(part.as_ref(), &sums);
            }
        }
        Ok(named
            .into_iter()
            .map(|(hour,)| hours.remove(&hour).unwrap_or(HourSums { hour, ..HourSums::default() }))
            .collect())
    }
}

fn hours_at_once(parts: usize) -> usize {
    (CELLS / parts.max(1)).clamp(1, PAGE)
}

impl HourSums {
    fn add(&mut self, part: Option<&(String, String)>, sums: &Sums) {
        match part {
            None => self.whole.add(sums, 1),
            Some((name, value)) => {
                self.segments.entry(name.clone()).or_default().entry(value.clone()).or_default().add(sums, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_parts_a_series_has_the_fewer_hours_are_read_at_once() {
        assert_eq!([0, 10, 500, 1_000_000].map(hours_at_once), [PAGE, PAGE, 10, 1]);
    }
}
