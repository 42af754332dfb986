//! The candidates of the label queue, kept ready: counted by hour, and thinned out to those that the draw can still bring.
//!
//! The draw needs how many candidates there are, how unsure the judge was on average, and those of them whose numbers are
//! small. A candidate drops out as soon as so many have come after it that no later window can draw it: a window that holds
//! it holds these too. What is left grows with the logarithm of the traffic, and the draw is the same as from all of them.

use std::collections::BTreeMap;

use super::queue::{self, BUDGET, Done, Drawn, Pool, WINDOW_DAYS};
use crate::model::{HOUR_MS, SubjectId, hour_start};
use crate::store::{FirstScore, KeptPool, PoolCandidate, PoolChange, PoolHour, PoolPosition, Store, StoreError};

const WINDOW_MS: i64 = WINDOW_DAYS * 24 * HOUR_MS;

/// Scores are taken in this long after they were finished: by then the transactions that stored them are over, on workers
/// with other clocks as well. Until then they are read as they are.
const SETTLED_AFTER_MS: i64 = 60_000;

/// Scores taken in at once.
const STEP: i64 = 5_000;

/// What is drawn for a rubric at the moment, and what has been labelled of it.
pub async fn drawn(store: &Store, rubric: &str, baselines: &[String]) -> Result<(Vec<Drawn>, Done), StoreError> {
    let mut drawn = queue::draw(rubric, &of_store(store, rubric, baselines).await?, BUDGET);
    // Since it came into the pool, late spans may have taken its score back, and retention its content.
    let still = store.still_to_label(rubric, drawn.iter().map(|item| item.subject)).await?;
    drawn.retain(|item| still.contains(&item.subject));
    let done = store.labelled_since(rubric, store.now_ms() - WINDOW_MS).await?;
    Ok((drawn, done))
}

/// The candidates of a rubric: what is kept ready, and what was scored since. Scores by `baselines` bring nobody into the
/// pool, unless nothing else has judged yet: then they are what there is to hold against people.
async fn of_store(store: &Store, rubric: &str, baselines: &[String]) -> Result<Pool, StoreError> {
    let since_ms = window_start(store.now_ms());
    let (kept_until, kept) = kept_pools(store, rubric, baselines, since_ms).await?;
    let latest = store
        .first_scores(Some(rubric), baselines, (begin(kept_until, since_ms), i64::MAX), WINDOW_MS, i64::MAX)
        .await?;
    let mut pool = Pool::default();
    for (by_baseline, kept) in kept {
        pool = of_kept(kept);
        for one in latest.iter().filter(|one| one.by_baseline == by_baseline) {
            pool.add(one.subject, doubt(one));
        }
        if pool.number > 0 {
            break;
        }
    }
    Ok(pool)
}

/// What is kept ready, of judges and of baselines, and how far: all as it stands at one moment, though a worker may be taking
/// scores in.
async fn kept_pools(
    store: &Store,
    rubric: &str,
    baselines: &[String],
    since_ms: i64,
) -> Result<(Option<PoolPosition>, [(bool, KeptPool); 2]), StoreError> {
    let mut position = store.pool_position(baselines).await?;
    while position.is_some() {
        let kept = [
            (false, store.kept_pool(rubric, false, since_ms).await?),
            (true, store.kept_pool(rubric, true, since_ms).await?),
        ];
        let now = store.pool_position(baselines).await?;
        if now == position {
            return Ok((position, kept));
        }
        position = now;
    }
    Ok((None, [false, true].map(|by_baseline| (by_baseline, KeptPool::default()))))
}

/// Behind which score those begin that are not in the pool: none before the window, for however long nobody took any in.
fn begin(kept_until: Option<PoolPosition>, since_ms: i64) -> PoolPosition {
    kept_until.filter(|position| position.finished_at_ms >= since_ms).unwrap_or(start_of(since_ms))
}

/// How unsure the judge was.
fn doubt(score: &FirstScore) -> f64 {
    match &score.distribution {
        Some(distribution) => queue::doubt_of(distribution),
        None => queue::doubt(score.value),
    }
}

fn of_kept(kept: KeptPool) -> Pool {
    Pool {
        number: kept.hours.iter().map(|hour| hour.number.max(0) as u64).sum(),
        doubt: kept.hours.iter().map(|hour| hour.doubt).sum(),
        candidates: kept.candidates.into_iter().map(|one| (one.subject, one.doubt)).collect(),
    }
}

/// Takes scores into the pool that is kept ready, one step. Says whether there are more.
pub async fn take_in(store: &Store, baselines: &[String]) -> Result<bool, StoreError> {
    let now_ms = store.now_ms();
    let (since_ms, until_ms) = (window_start(now_ms), now_ms - SETTLED_AFTER_MS);
    let from = store.pool_position(baselines).await?;
    let range = (begin(from, since_ms), until_ms);
    let scores = store.first_scores(None, baselines, range, WINDOW_MS, STEP).await?;
    let more = scores.len() as i64 == STEP;
    let Some(to) = scores.last().map(|last| last.position) else { return Ok(false) };
    let mut changes = Vec::new();
    for ((rubric, by_baseline), scores) in by_pool(&scores) {
        let kept =
            if from.is_some() { store.kept_pool(rubric, by_baseline, since_ms).await? } else { KeptPool::default() };
        changes.push(change(rubric, by_baseline, kept, &scores));
    }
    store.commit_pool(baselines, (from, to), &changes, since_ms).await?;
    Ok(more)
}

/// The window begins with a whole hour.
fn window_start(now_ms: i64) -> i64 {
    hour_start(now_ms - WINDOW_MS)
}

fn start_of(since_ms: i64) -> PoolPosition {
    PoolPosition { finished_at_ms: since_ms - 1, id: uuid::Uuid::max() }
}

fn by_pool(scores: &[FirstScore]) -> BTreeMap<(&str, bool), Vec<&FirstScore>> {
    let mut pools: BTreeMap<(&str, bool), Vec<&FirstScore>> = BTreeMap::new();
    for score in scores {
        pools.entry((&score.rubric, score.by_baseline)).or_default().push(score);
    }
    pools
}

/// What scores change of a pool.
fn change(rubric: &str, by_baseline: bool, kept: KeptPool, scores: &[&FirstScore]) -> PoolChange {
    let mut hours: BTreeMap<i64, PoolHour> = BTreeMap::new();
    let mut come: BTreeMap<SubjectId, PoolCandidate> = BTreeMap::new();
    for score in scores {
        let hour_ms = hour_start(score.position.finished_at_ms);
        let doubt = doubt(score);
        let hour = hours.entry(hour_ms).or_insert(PoolHour { hour_ms, number: 0, doubt: 0.0 });
        hour.number += 1;
        hour.doubt += doubt;
        come.insert(score.subject, PoolCandidate { subject: score.subject, hour_ms, doubt });
    }
    let since = counted_since(kept.hours.iter().chain(hours.values()));
    let stays = |one: &PoolCandidate| {
        let number = since.get(&one.hour_ms).copied().unwrap_or(0);
        queue::may_be_drawn(rubric, one.subject, one.doubt, number)
    };
    let gone = kept.candidates.iter().filter(|one| !come.contains_key(&one.subject) && !stays(one));
    PoolChange {
        rubric: rubric.to_owned(),
        by_baseline,
        gone: gone.map(|one| one.subject).collect(),
        come: come.into_values().filter(|one| stays(one)).collect(),
        hours: hours.into_values().collect(),
    }
}

/// How many candidates came in each hour and after it.
fn counted_since<'a>(hours: impl Iterator<Item = &'a PoolHour>) -> BTreeMap<i64, u64> {
    let mut since: BTreeMap<i64, u64> = BTreeMap::new();
    for hour in hours {
        *since.entry(hour.hour_ms).or_default() += hour.number.max(0) as u64;
    }
    let mut later = 0;
    for number in since.values_mut().rev() {
        later += *number;
        *number = later;
    }
    since
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::queue::draw;
    use super::*;
    use crate::testing::evaluated::ten_days;
    use crate::testing::on_both_databases;

    fn score(number: u64, hour: i64, value: f64) -> FirstScore {
        FirstScore {
            rubric: "r".into(),
            subject: SubjectId::of_session(&number.to_string()),
            by_baseline: false,
            distribution: None,
            value: Some(value),
            position: PoolPosition { finished_at_ms: hour * HOUR_MS + number as i64, id: uuid::Uuid::nil() },
        }
    }

    /// As the store applies it.
    fn apply(kept: &mut KeptPool, change: PoolChange) {
        kept.candidates.retain(|one| {
            !change.gone.contains(&one.subject) && !change.come.iter().any(|come| come.subject == one.subject)
        });
        kept.candidates.extend(change.come);
        for hour in change.hours {
            match kept.hours.iter_mut().find(|known| known.hour_ms == hour.hour_ms) {
                Some(known) => {
                    known.number += hour.number;
                    known.doubt += hour.doubt;
                }
                None => kept.hours.push(hour),
            }
        }
    }

    /// The draws from what is kept of the scores, and from all of them, in the window from `since_hour` on.
    fn both_draws(scores: &[FirstScore], step: usize, since_hour: i64) -> (KeptPool, [Vec<Drawn>; 2]) {
        let mut kept = KeptPool::default();
        for scores in scores.chunks(step) {
            let scores: Vec<&FirstScore> = scores.iter().collect();
            let done = change("r", false, kept.clone(), &scores);
            apply(&mut kept, done);
        }
        let is_in = |hour_ms: i64| hour_ms >= since_hour * HOUR_MS;
        kept.hours.retain(|hour| is_in(hour.hour_ms));
        kept.candidates.retain(|one| is_in(one.hour_ms));
        let mut all = Pool::default();
        for score in scores.iter().filter(|score| is_in(hour_start(score.position.finished_at_ms))) {
            all.add(score.subject, doubt(score));
        }
        let draws = [draw("r", &of_kept(kept.clone()), BUDGET), draw("r", &all, BUDGET)];
        (kept, draws)
    }

    fn assert_same(draws: &[Vec<Drawn>; 2]) {
        let [kept, all] = draws;
        assert_eq!(kept.len(), all.len());
        for (kept, all) in kept.iter().zip(all) {
            assert_eq!((kept.subject, kept.stream), (all.subject, all.stream));
            // Sums of the same numbers in another order.
            assert!((kept.probability.get() - all.probability.get()).abs() < 1e-9);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Scenario: any traffic, taken in by any steps. Guarantee: the draw brings the same answers with the same
        /// probabilities as one from every candidate.
        #[test]
        fn the_draw_from_what_is_kept_is_the_draw_from_all(
            per_hour in proptest::collection::vec(0..400_u64, 1..12),
            values in proptest::collection::vec(0.0..1.0_f64, 7),
            step in 1..900_usize,
            since_hour in 0..6_i64,
        ) {
            let mut scores = Vec::new();
            for (hour, number) in per_hour.iter().enumerate() {
                for _ in 0..*number {
                    let at = scores.len() as u64;
                    scores.push(score(at, hour as i64, values[at as usize % values.len()]));
                }
            }
            let (_, draws) = both_draws(&scores, step, since_hour);
            assert_same(&draws);
        }
    }

    #[test]
    fn what_is_kept_stays_small() {
        let scores: Vec<FirstScore> = (0..20_000).map(|at| score(at, (at / 500) as i64, 0.9)).collect();
        let (kept, draws) = both_draws(&scores, 1_000, 0);
        assert!(kept.candidates.len() < 3_000, "{}", kept.candidates.len());
        assert_same(&draws);
    }

    on_both_databases! {
        /// Scenario: whoever has the duty keeps candidates ready. Guarantee: the queue is the same before, while and after,
        /// and an answer without a score any more is not in it.
        the_queue_is_the_same_with_a_pool_and_without(database) {
            ten_days(&database).await;
            database.clock.advance(2 * SETTLED_AFTER_MS);
            let store = &database.store;
            let baselines = ["baseline".to_owned()];
            let (without, _) = drawn(store, "faithfulness", &baselines).await.unwrap();
            assert!(without.len() > 50, "{}", without.len());
            assert_eq!(store.pool_position(&baselines).await.unwrap(), None);
            while take_in(store, &baselines).await.unwrap() {}
            let (with, _) = drawn(store, "faithfulness", &baselines).await.unwrap();
            assert_same(&[with, without.clone()]);
            let position = store.pool_position(&baselines).await.unwrap().unwrap();
            let later = store.first_scores(None, &baselines, (position, i64::MAX), WINDOW_MS, i64::MAX).await.unwrap();
            assert_eq!(later, [], "all of it was taken in");
            let (of_others, _) = drawn(store, "faithfulness", &[]).await.unwrap();
            assert!(!of_others.is_empty(), "a pool that was made for other baselines is not used");

            database.execute("UPDATE label_pool_position SET finished_at_ms = 0").await;
            database.execute("DELETE FROM label_pool_hours").await;
            database.execute("DELETE FROM label_pool").await;
            let (behind, _) = drawn(store, "faithfulness", &baselines).await.unwrap();
            assert_same(&[behind, without]);
            database.clock.advance(2 * WINDOW_MS);
            assert_eq!(drawn(store, "faithfulness", &baselines).await.unwrap().0, [], "what is older than the window is not drawn");
            database.clock.advance(-2 * WINDOW_MS);

            database.execute("UPDATE evaluations SET outcome = 'superseded' WHERE rubric = 'faithfulness'").await;
            assert_eq!(drawn(store, "faithfulness", &baselines).await.unwrap().0, []);
        }
    }
}
