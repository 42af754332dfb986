//! What judges cost, summed over the evaluations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::pipeline::backfill::Spent;
use crate::store::{Store, StoreError};

/// What all workers have spent on each judge in the present UTC day and month.
pub async fn spending(store: &Store) -> Result<BTreeMap<String, Spent>, StoreError> {
    let now = Timestamp::from_millisecond(store.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH);
    let today = now.to_zoned(TimeZone::UTC).date();
    let start_ms = |date: Date| date.to_zoned(TimeZone::UTC).map_or(0, |start| start.timestamp().as_millisecond());
    let (day, month) =
        (store.spent_since(start_ms(today)).await?, store.spent_since(start_ms(today.first_of_month())).await?);
    let of_judge = |(judge, month_usd): (String, f64)| {
        let today_usd = day.get(&judge).copied().unwrap_or(0.0);
        (judge, Spent { today_usd, month_usd })
    };
    Ok(month.into_iter().map(of_judge).collect())
}
