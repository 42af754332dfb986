//! What was scored, as sums: by series and hour, whole and by segment. Its size follows the hours, not the traffic.

use std::collections::BTreeMap;

use crate::cells::{
    Counted, Delta, Folded, FoldedScore, JudgeUse, Latencies, OTHER_MODELS, PartKey, SeriesKey, Sums, ValueOf,
    segment_values,
};
use crate::model::{HOUR_MS, Outcome, Release, hour_of};
use crate::store::{EvaluationAccount, OutcomeCount, PartSums, ScoredEvaluation, Store, StoreError};

/// The sums of one series, all releases together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesTraffic {
    /// Over all hours.
    pub(super) whole: Sums,
    /// By hour since the Unix epoch.
    pub(super) hours: BTreeMap<i64, Sums>,
    /// By segment name and value.
    pub(super) segments: BTreeMap<String, BTreeMap<ValueOf<String>, Sums>>,
}

/// The sums of every series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traffic(pub(super) BTreeMap<SeriesKey, SeriesTraffic>);

impl Traffic {
    /// What was observed since `since_ms`, whole hours; all there is without.
    pub async fn read(store: &Store, since_ms: Option<i64>) -> Result<Self, StoreError> {
        let mut traffic = Self::default();
        if let Some(since_ms) = since_ms {
            for part in store.cell_hours(hour_of(since_ms), true).await? {
                traffic.add(&PartSums { hour: None, ..part.clone() });
                traffic.add(&part);
            }
        } else {
            let totals = store.cell_totals().await?;
            for part in totals.into_iter().chain(store.cell_hours(i64::MIN, false).await?) {
                traffic.add(&part);
            }
        }
        Ok(traffic)
    }

    /// Of rows that are at hand.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a ScoredEvaluation>) -> Self {
        let mut parts: BTreeMap<(SeriesKey, PartKey), i64> = BTreeMap::new();
        let mut delta = Delta::default();
        for row in rows {
            let folded = counted(row, |part| {
                let next = parts.len() as i64;
                *parts.entry((series_of(row), part)).or_insert(next)
            });
            delta.change(None, Some(&folded));
        }
        delta.settle(&BTreeMap::new());
        let of: BTreeMap<i64, &(SeriesKey, PartKey)> = parts.iter().map(|(key, id)| (*id, key)).collect();
        let mut traffic = Self::default();
        for ((part, hour), sums) in delta.into_cells() {
            let Some((series, part)) = of.get(&part) else { continue };
            let cell = PartSums { series: series.clone(), part: part.clone(), hour: Some(hour), sums };
            traffic.add(&PartSums { hour: None, ..cell.clone() });
            traffic.add(&cell);
        }
        traffic
    }

    /// Adds series that it does not have.
    pub(super) fn extend(&mut self, others: Self) {
        for (key, series) in others.0 {
            self.0.entry(key).or_insert(series);
        }
    }

    fn add(&mut self, part: &PartSums) {
        let series = self.0.entry(part.series.clone()).or_default();
        let place = match (&part.part.segment, part.hour) {
            (None, None) => &mut series.whole,
            (None, Some(hour)) => series.hours.entry(hour).or_default(),
            (Some((name, value)), None) => {
                series.segments.entry(name.clone()).or_default().entry(value.clone()).or_default()
            }
            // Segments are told over all hours only.
            (Some(_), Some(_)) => return,
        };
        place.add(&part.sums, 1);
    }

    /// The series that have scores, but for anchors that were judged again.
    pub(super) fn scored(&self) -> impl Iterator<Item = (&SeriesKey, &SeriesTraffic)> {
        self.0.iter().filter(|(key, traffic)| !key.replay && traffic.scored() > 0)
    }

    pub(super) fn of(&self, key: &SeriesKey) -> Option<&SeriesTraffic> {
        self.0.get(key)
    }

    /// The segments some of whose values are pooled because there are too many.
    pub(super) fn pooled_segments(&self) -> std::collections::BTreeSet<&str> {
        let segments = self.0.values().flat_map(|series| &series.segments);
        segments.filter(|(_, values)| values.contains_key(&ValueOf::Other)).map(|(name, _)| name.as_str()).collect()
    }

    /// The judges some of whose models are pooled because there are too many.
    pub(super) fn pooled_judges(&self) -> std::collections::BTreeSet<&str> {
        let pooled = self.0.keys().filter(|key| key.judge_model.as_deref() == Some(OTHER_MODELS));
        pooled.map(|key| key.judge.as_str()).collect()
    }

    /// How long the calls of a judge and model took that gave a verdict or failed to.
    pub(super) fn latencies(&self, judge: &str, model: Option<&str>) -> Latencies {
        let mut sums = Sums::default();
        let own = |key: &SeriesKey| !key.replay && key.judge == judge && key.judge_model.as_deref() == model;
        for (_, series) in self.0.iter().filter(|(key, _)| own(key)) {
            sums.add(&Sums { latencies: series.whole.latencies.clone(), ..Sums::default() }, 1);
        }
        sums.latencies
    }

    /// Counts of every outcome: those of cells, and from the ledger what cells do not hold.
    pub(super) fn outcomes(&self, accounts: &[EvaluationAccount], latest_ms: i64) -> Vec<OutcomeCount> {
        let counted = self.0.iter().flat_map(|(key, series)| counts(key, &series.whole, latest_ms));
        counted.chain(accounts.iter().flat_map(|account| uncounted(account, latest_ms))).collect()
    }
}

impl SeriesTraffic {
    /// How many were scored.
    pub(super) fn scored(&self) -> u64 {
        self.whole.outcome(Outcome::Scored)
    }

    /// The first and the last hour with a score.
    pub(super) fn period(&self) -> Option<(i64, i64)> {
        let mut hours = self.hours.iter().filter(|(_, sums)| sums.outcome(Outcome::Scored) > 0).map(|(hour, _)| *hour);
        let first = hours.next()?;
        Some((first * HOUR_MS, hours.next_back().unwrap_or(first) * HOUR_MS))
    }

    /// The sums of hours that begin from `from_ms` on and before `until_ms`.
    pub(super) fn between(&self, from_ms: i64, until_ms: i64) -> Sums {
        let mut sums = Sums::default();
        for (hour, own) in &self.hours {
            if (from_ms..until_ms).contains(&(hour * HOUR_MS)) {
                sums.add(own, 1);
            }
        }
        sums
    }
}

/// The series of a row.
pub(super) fn series_of(row: &ScoredEvaluation) -> SeriesKey {
    SeriesKey {
        rubric: row.rubric.clone(),
        version: row.version,
        judge: row.judge.clone(),
        judge_model: row.judge_model.clone(),
        revisions: Some(row.revisions),
        replay: false,
    }
}

fn counted(row: &ScoredEvaluation, mut number: impl FnMut(PartKey) -> i64) -> Folded {
    let part = |segment| PartKey { release: ValueOf::One(Release::default()), segment };
    let segments = segment_values(row.model.as_deref(), &row.segments);
    let segments =
        segments.into_iter().map(|(name, value)| Some((name.into_owned(), ValueOf::One(value.into_owned()))));
    let score = FoldedScore::of(&row.score, row.inclusion_probability);
    // Conversations of different series are different ones.
    let conversation = row.session_id.as_ref().filter(|_| score.weight.is_some());
    let counted = Counted {
        hour: hour_of(row.observed_at_ms),
        parts: std::iter::once(None).chain(segments).map(|segment| number(part(segment))).collect(),
        conversation: conversation.map(|session| format!("{:?} {session}", series_of(row))),
        score: Some(score),
        judge: JudgeUse::of(None, None, None, row.latency_ms),
    };
    Folded { epoch: 0, outcome: Outcome::Scored, reason: None, counted: Some(counted) }
}

/// The outcomes of a series; what its judge took stands with the first for which it was asked.
fn counts(key: &SeriesKey, sums: &Sums, latest_ms: i64) -> Vec<OutcomeCount> {
    let count = |number: i128| number.max(0) as u64;
    let asked =
        |outcome: Outcome| matches!(outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed);
    let (mut found, mut is_told) = (Vec::new(), false);
    for (outcome, reasons) in sums.by_outcome() {
        for (reason, number) in reasons {
            let first = !is_told && asked(outcome);
            is_told |= first;
            let taken = |number: i128| if first { count(number) } else { 0 };
            found.push(OutcomeCount {
                rubric: key.rubric.clone(),
                version: key.version,
                judge: key.judge.clone(),
                judge_model: key.judge_model.clone(),
                revisions: key.revisions,
                outcome,
                reason: (!reason.is_empty()).then(|| reason.clone()),
                replay: key.replay,
                count: count(i128::from(*number)),
                priced: taken(sums.priced),
                cost_usd: if first { sums.cost_usd() } else { 0.0 },
                input_tokens: taken(sums.input_tokens),
                output_tokens: taken(sums.output_tokens),
                latest_ms,
            });
        }
    }
    found
}

/// What an account counts that cells do not.
fn uncounted(account: &EvaluationAccount, latest_ms: i64) -> impl Iterator<Item = OutcomeCount> {
    let left = [
        (Outcome::SampledOut, account.sampled_out),
        (Outcome::Pending, account.pending),
        (Outcome::Superseded, account.superseded),
    ];
    left.into_iter().filter(|(_, number)| *number > 0).map(move |(outcome, number)| OutcomeCount {
        rubric: account.rubric.clone(),
        version: account.version as u32,
        judge: account.judge.clone(),
        judge_model: None,
        revisions: None,
        outcome,
        reason: None,
        replay: false,
        count: number as u64,
        priced: 0,
        cost_usd: 0.0,
        input_tokens: 0,
        output_tokens: 0,
        latest_ms,
    })
}
