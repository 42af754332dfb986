//! Evaluations by filter, newest first, a page at a time, in bounded time however many are stored.
//!
//! A page follows an index in order of time, stretch by stretch. A label and a rare outcome have an index of their own;
//! hours in which nothing of the rubric, version or judge was planned are left out. What no index knows (a segment, a text,
//! a number of documents, a value) is tried on each stretch, until the page is full or the patience is over: then the page
//! says how far it looked, and the next one goes on from there.

use std::time::{Duration, Instant};

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::evaluation_queries::{OF_EVALUATIONS, SUMMARY_COLUMNS, SummaryRow};
use super::{EvaluationSummary, PageCursor, Store, StoreError, read, rows};
use crate::model::{HOUR_MS, Outcome, SubjectId, TraceId, named_enum};

/// Which evaluations to show; what is absent does not restrict.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EvaluationFilter {
    /// The rubric's name.
    pub rubric: Option<String>,
    /// The rubric's version.
    pub version: Option<u32>,
    /// The judge's name.
    pub judge: Option<String>,
    pub outcome: Option<Outcome>,
    /// Only values below this.
    pub value_below: Option<f64>,
    /// Only values from this on.
    pub value_from: Option<f64>,
    pub label: Option<String>,
    /// Only subjects with fewer documents than this.
    pub documents_below: Option<i64>,
    /// A segment and its value.
    pub segment: Option<(String, String)>,
    /// The `service.version` of the application that answered.
    pub service_version: Option<String>,
    /// The version of its prompt.
    pub prompt_version: Option<String>,
    /// Text that the rationale or the reason contains, in any case.
    pub text: Option<String>,
    /// Only subjects of this trace.
    pub trace: Option<TraceId>,
    /// Only subjects observed from this moment on, milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Only subjects observed before this moment.
    pub until_ms: Option<i64>,
    pub order: EvaluationOrder,
}

named_enum! {
    /// The order of a list.
    #[derive(Default)]
    pub enum EvaluationOrder {
        /// The latest first.
        #[default]
        Time = "time",
        /// The lowest value first, of all that the search looked at; there is no next page.
        Value = "value",
        /// The highest value first, likewise.
        ValueDescending = "value_desc",
    }
}

impl EvaluationFilter {
    /// Nothing that passes was planned before this. A sender whose clock is ahead by less than an hour loses nothing.
    fn planned_from_ms(&self) -> i64 {
        self.since_ms.map_or(i64::MIN, |since_ms| since_ms.saturating_sub(HOUR_MS))
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationPage {
    pub evaluations: Vec<EvaluationSummary>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<PageCursor>,
    /// How far the search came, when its patience was over before the page was full.
    pub searched: Option<Searched>,
}

/// How far a search came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    /// Evaluations that were looked at.
    pub evaluations: u64,
    /// Nothing planned before this was looked at, milliseconds since the Unix epoch.
    pub until_ms: i64,
}

/// Evaluations of the first stretch, and of any.
const FIRST_STRETCH: u64 = 500;
const LONGEST_STRETCH: u64 = 20_000;

/// Labels and outcomes that an index holds: those that are looked for among many others. The words are those of the index.
const RARE_LABEL: &str = "label IS NOT NULL AND label <> 'pass'";
const RARE_OUTCOME: &str = "outcome NOT IN ('scored', 'filtered', 'sampled_out', 'pending')";

/// The index that a search follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index<'f> {
    Time,
    Label(&'f str),
    Outcome(Outcome),
}

impl<'f> Index<'f> {
    fn of(filter: &'f EvaluationFilter) -> Self {
        match (filter.outcome, filter.label.as_deref()) {
            (Some(outcome), _) if is_rare(outcome) => Self::Outcome(outcome),
            (_, Some(label)) if label != "pass" => Self::Label(label),
            _ => Self::Time,
        }
    }
}

fn is_rare(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Scored | Outcome::Filtered | Outcome::SampledOut | Outcome::Pending)
}

/// A part of the order in which evaluations are searched: those that were planned from `from_ms` on, behind `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    after: PageCursor,
    from_ms: i64,
}

impl PageCursor {
    /// Before everything planned earlier than `ms`.
    fn before(ms: i64) -> Self {
        Self { created_at_ms: ms, id: Uuid::nil().into() }
    }
}

impl Store {
    /// Evaluations that pass `filter`, in its order, `limit` of those after `after`, each with the beginning of the question. A
    /// search that has taken `patience` ends where it is.
    pub async fn evaluation_page(
        &self,
        filter: &EvaluationFilter,
        after: Option<PageCursor>,
        limit: usize,
        patience: Duration,
    ) -> Result<EvaluationPage, StoreError> {
        let mut page = self.search_page(filter, after, limit, patience).await?;
        let subjects: Vec<SubjectId> = page.evaluations.iter().map(|one| one.subject).collect();
        let questions = self.questions(&subjects).await?;
        for one in &mut page.evaluations {
            one.question = questions.get(&one.subject).cloned();
        }
        Ok(page)
    }

    async fn search_page(
        &self,
        filter: &EvaluationFilter,
        after: Option<PageCursor>,
        limit: usize,
        patience: Duration,
    ) -> Result<EvaluationPage, StoreError> {
        let start = Instant::now();
        let after = after.unwrap_or(PageCursor::before(i64::MAX));
        let mut search = Search { store: self, filter, index: Index::of(filter), limit, found: Vec::new() };
        if let Some(trace) = filter.trace {
            // As many as a trace has.
            search.of_trace(trace, after).await?;
            return search.page(None, 0);
        }
        let (mut length, mut looked, mut has_looked) = (FIRST_STRETCH, 0, false);
        for mut stretch in search.stretches(after).await? {
            loop {
                if std::mem::replace(&mut has_looked, true) && start.elapsed() >= patience {
                    return search.page(Some(stretch.after), looked);
                }
                let begin = Instant::now();
                let end = search.end_of(stretch, length).await?;
                search.match_in(stretch, end).await?;
                if search.is_full() {
                    return search.page(None, looked);
                }
                let Some(end) = end else {
                    looked += search.left_in(stretch).await?;
                    break;
                };
                looked += length;
                stretch.after = end;
                length = next_length(length, begin.elapsed(), patience.saturating_sub(start.elapsed()));
            }
        }
        search.page(None, looked)
    }
}

/// As many evaluations as half of the time that is left suffices for.
fn next_length(length: u64, took: Duration, left: Duration) -> u64 {
    let per_second = length as f64 / took.as_secs_f64().max(1e-6);
    let fits = (per_second * left.as_secs_f64() / 2.0) as u64;
    fits.clamp(FIRST_STRETCH / 2, (length * 4).min(LONGEST_STRETCH))
}

struct Search<'s> {
    store: &'s Store,
    filter: &'s EvaluationFilter,
    index: Index<'s>,
    limit: usize,
    /// One more than the page holds tells that there is a next one.
    found: Vec<SummaryRow>,
}

/// Adds the conditions that make an index the one to follow, on the evaluations called `e`.
macro_rules! push_index {
    ($select:ident, $index:expr) => {
        match $index {
            Index::Time => {}
            Index::Label(label) => {
                $select.push(" AND e.label = ").push_bind(rows::text(label));
                $select.push(" AND e.").push(RARE_LABEL.replace(" AND label", " AND e.label"));
            }
            Index::Outcome(outcome) => {
                $select.push(" AND e.outcome = '").push(outcome.as_str()).push("' AND e.").push(RARE_OUTCOME);
            }
        }
    };
}

/// Adds the conditions of a stretch up to and with `end`.
macro_rules! push_stretch {
    ($select:ident, $stretch:expr, $end:expr) => {
        $select.push(" AND (e.created_at_ms, e.id) < (").push_bind($stretch.after.created_at_ms).push(", ");
        $select.push_bind($stretch.after.id.as_uuid()).push(")");
        match $end {
            None => {
                $select.push(" AND e.created_at_ms >= ").push_bind($stretch.from_ms);
            }
            Some(end) => {
                let end: PageCursor = end;
                $select.push(" AND (e.created_at_ms, e.id) >= (").push_bind(end.created_at_ms).push(", ");
                $select.push_bind(end.id.as_uuid()).push(")");
            }
        }
    };
}

impl Search<'_> {
    /// The lowest value may come last: a list by value is full when everything was looked at.
    fn is_full(&self) -> bool {
        self.filter.order == EvaluationOrder::Time && self.found.len() > self.limit
    }

    /// Of what was found, what a list by value may show.
    fn keep_best(&mut self) {
        let value = |row: &SummaryRow| row.value().unwrap_or(f64::INFINITY);
        match self.filter.order {
            EvaluationOrder::Time => return,
            // Stable: of equal values, the latest stays first.
            EvaluationOrder::Value => self.found.sort_by(|one, other| value(one).total_cmp(&value(other))),
            EvaluationOrder::ValueDescending => self.found.sort_by(|one, other| value(other).total_cmp(&value(one))),
        }
        self.found.truncate(self.limit);
    }

    /// The page; `unfinished` is where a search stands whose patience was over.
    fn page(self, unfinished: Option<PageCursor>, looked: u64) -> Result<EvaluationPage, StoreError> {
        let full = self.is_full();
        let found = self.found.into_iter().take(self.limit);
        let evaluations = found.map(SummaryRow::into_summary).collect::<Result<Vec<_>, _>>()?;
        let last = evaluations.last().filter(|_| full).map(EvaluationSummary::cursor);
        let searched = unfinished.map(|end| Searched { evaluations: looked, until_ms: end.created_at_ms });
        let goes_on = self.filter.order == EvaluationOrder::Time;
        Ok(EvaluationPage { evaluations, next: last.or(unfinished).filter(|_| goes_on), searched })
    }

    /// Where there is something to look at, newest first.
    async fn stretches(&self, after: PageCursor) -> Result<Vec<Stretch>, StoreError> {
        let from_ms = self.filter.planned_from_ms();
        if self.filter.rubric.is_none() && self.filter.version.is_none() && self.filter.judge.is_none() {
            return Ok(vec![Stretch { after, from_ms }]);
        }
        let mut hours = self.planned_hours(after.created_at_ms).await?;
        hours.retain(|hour_ms| hour_ms.saturating_add(HOUR_MS) > from_ms);
        let mut stretches: Vec<Stretch> = Vec::new();
        for hour_ms in hours {
            match stretches.last_mut() {
                Some(last) if last.from_ms == hour_ms + HOUR_MS => last.from_ms = hour_ms,
                _ => {
                    let begin = PageCursor::before(hour_ms + HOUR_MS);
                    let after = if after.created_at_ms < begin.created_at_ms { after } else { begin };
                    stretches.push(Stretch { after, from_ms: hour_ms });
                }
            }
        }
        Ok(stretches)
    }

    /// The hours in which something of the rubric, version and judge was planned, latest first. An evaluation is counted in
    /// the hour in which it is planned, by the transaction that plans it.
    async fn planned_hours(&self, until_ms: i64) -> Result<Vec<i64>, StoreError> {
        Ok(read!(self.store, DB, pool => {
            let mut select = QueryBuilder::<DB>::new("SELECT DISTINCT hour_ms FROM planning_account WHERE hour_ms <= ");
            select.push_bind(until_ms);
            if let Some(rubric) = &self.filter.rubric {
                select.push(" AND rubric = ").push_bind(rows::text(rubric));
            }
            if let Some(version) = self.filter.version {
                select.push(" AND version = ").push_bind(i64::from(version));
            }
            if let Some(judge) = &self.filter.judge {
                select.push(" AND judge = ").push_bind(rows::text(judge));
            }
            select.push(" ORDER BY hour_ms DESC");
            select.build_query_scalar().fetch_all(pool).await?
        }))
    }

    /// The last of the next `length` evaluations of a stretch; `None` when there are fewer.
    async fn end_of(&self, stretch: Stretch, length: u64) -> Result<Option<PageCursor>, StoreError> {
        let found: Option<(i64, Uuid)> = read!(self.store, DB, pool => {
            let mut select = QueryBuilder::<DB>::new("SELECT e.created_at_ms, e.id FROM evaluations e WHERE e.created_at_ms >= ");
            select.push_bind(stretch.from_ms);
            push_index!(select, self.index);
            push_stretch!(select, stretch, None::<PageCursor>);
            select.push(" ORDER BY e.created_at_ms DESC, e.id DESC LIMIT 1 OFFSET ").push_bind(length.saturating_sub(1) as i64);
            select.build_query_as().fetch_optional(pool).await?
        });
        Ok(found.map(|(created_at_ms, id)| PageCursor { created_at_ms, id: id.into() }))
    }

    /// How many evaluations a stretch has whose end was reached: less than one looks at in one go.
    async fn left_in(&self, stretch: Stretch) -> Result<u64, StoreError> {
        let (number,): (i64,) = read!(self.store, DB, pool => {
            let mut select = QueryBuilder::<DB>::new("SELECT count(*) FROM evaluations e WHERE e.created_at_ms >= ");
            select.push_bind(stretch.from_ms);
            push_index!(select, self.index);
            push_stretch!(select, stretch, None::<PageCursor>);
            select.build_query_as().fetch_one(pool).await?
        });
        Ok(number.max(0) as u64)
    }

    /// Finds what passes the filter in a stretch up to `end`, as far as the page has room.
    async fn match_in(&mut self, stretch: Stretch, end: Option<PageCursor>) -> Result<(), StoreError> {
        let segment = self.filter.segment.as_ref().map(segment_text).transpose()?;
        let (room, order) = match self.filter.order {
            EvaluationOrder::Time => (self.limit + 1 - self.found.len(), ""),
            EvaluationOrder::Value => (self.limit, "e.value, "),
            EvaluationOrder::ValueDescending => (self.limit, "e.value DESC, "),
        };
        let found: Vec<SummaryRow> = read!(self.store, DB, pool => {
            let mut select = QueryBuilder::<DB>::new(SUMMARY_COLUMNS);
            select.push(OF_EVALUATIONS).push("e.anchor_round IS NULL");
            push_index!(select, self.index);
            push_stretch!(select, stretch, end);
            push_filter(&mut select, self.filter, segment.as_deref());
            select.push(" ORDER BY ").push(order).push("e.created_at_ms DESC, e.id DESC LIMIT ").push_bind(room as i64);
            select.build_query_as().fetch_all(pool).await?
        });
        self.found.extend(found);
        self.keep_best();
        Ok(())
    }

    /// Finds what passes the filter among the evaluations of one trace.
    async fn of_trace(&mut self, trace: TraceId, after: PageCursor) -> Result<(), StoreError> {
        let segment = self.filter.segment.as_ref().map(segment_text).transpose()?;
        let everything = Stretch { after, from_ms: i64::MIN };
        self.found = read!(self.store, DB, pool => {
            let mut select = QueryBuilder::<DB>::new(SUMMARY_COLUMNS);
            select.push(
                " FROM subjects s CROSS JOIN evaluations e \
                 WHERE e.subject_id = s.id AND e.anchor_round IS NULL AND s.trace_id = ",
            );
            select.push_bind(trace.as_bytes().as_slice());
            push_stretch!(select, everything, None::<PageCursor>);
            push_filter(&mut select, self.filter, segment.as_deref());
            select.push(" ORDER BY e.created_at_ms DESC, e.id DESC LIMIT ").push_bind(self.limit as i64 + 1);
            select.build_query_as().fetch_all(pool).await?
        });
        self.keep_best();
        Ok(())
    }
}

/// Adds every condition of a filter but that on the trace.
fn push_filter<DB>(select: &mut QueryBuilder<DB>, filter: &EvaluationFilter, segment: Option<&str>)
where
    DB: sqlx::Database,
    i64: for<'q> sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    f64: for<'q> sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    String: for<'q> sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    if let Some(rubric) = &filter.rubric {
        select.push(" AND e.rubric = ").push_bind(rows::text(rubric).into_owned());
    }
    if let Some(version) = filter.version {
        select.push(" AND e.version = ").push_bind(i64::from(version));
    }
    if let Some(judge) = &filter.judge {
        select.push(" AND e.judge = ").push_bind(rows::text(judge).into_owned());
    }
    if let Some(outcome) = filter.outcome {
        select.push(" AND e.outcome = ").push_bind(outcome.as_str().to_owned());
    }
    if let Some(below) = filter.value_below {
        select.push(" AND e.value < ").push_bind(below);
    }
    if let Some(from) = filter.value_from {
        select.push(" AND e.value >= ").push_bind(from);
    }
    for (column, wanted) in [("service_version", &filter.service_version), ("prompt_version", &filter.prompt_version)] {
        if let Some(version) = wanted {
            select.push(format_args!(" AND s.{column} = ")).push_bind(rows::text(version).into_owned());
        }
    }
    if let Some(since_ms) = filter.since_ms {
        select.push(" AND s.observed_at_ms >= ").push_bind(since_ms);
    }
    if let Some(until_ms) = filter.until_ms {
        select.push(" AND s.observed_at_ms < ").push_bind(until_ms);
    }
    if filter.order != EvaluationOrder::Time {
        select.push(" AND e.value IS NOT NULL");
    }
    if let Some(label) = &filter.label {
        select.push(" AND e.label = ").push_bind(rows::text(label).into_owned());
    }
    if let Some(below) = filter.documents_below {
        select.push(" AND s.document_count < ").push_bind(below);
    }
    if let Some(segment) = segment {
        // Exact on both databases, where LIKE and JSON access differ: the text contains what can be removed from it.
        select.push(" AND replace(s.segments, ").push_bind(segment.to_owned()).push(", '') <> s.segments");
    }
    if let Some(text) = &filter.text {
        let pattern = format!("%{}%", escape_like(&rows::text(text).to_lowercase()));
        select.push(" AND (lower(COALESCE(e.rationale, '')) LIKE ").push_bind(pattern.clone());
        select.push(" ESCAPE '!' OR lower(COALESCE(e.reason, '')) LIKE ").push_bind(pattern).push(" ESCAPE '!')");
    }
}

/// How serde writes this pair inside the segments' JSON object.
fn segment_text((name, value): &(String, String)) -> Result<String, StoreError> {
    Ok(format!("{}:{}", rows::to_json("subjects", "segments", name)?, rows::to_json("subjects", "segments", value)?))
}

/// Text that stands for itself in a LIKE pattern with the escape character `!`.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_stretch_fits_into_half_of_the_time_that_is_left() {
        let ms = Duration::from_millis;
        assert_eq!(next_length(1_000, ms(10), ms(60)), 3_000);
        assert_eq!(next_length(1_000, ms(1), ms(60)), 4_000, "one quick stretch says little of the next");
        assert_eq!(next_length(1_000, ms(50), ms(1)), FIRST_STRETCH / 2);
        assert_eq!(next_length(20_000, ms(1), Duration::MAX), LONGEST_STRETCH);
    }
}
