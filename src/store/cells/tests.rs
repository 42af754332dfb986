//! Cells are what a recomputation makes of the evaluations, whatever happened on the way.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use crate::cells::{OTHER_MODELS, ValueOf};
use crate::model::{EvaluationId, HOUR_MS, Outcome, Probability, Release, Score};
use crate::store::{
    CellsBuilt, Conclusion, EvaluationResult, JudgeCall, LedgerProof, PartSums, PlannedFrom, PlannedSubject, Store,
    StoreError,
};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::planned;

const LEASE_MS: i64 = 60_000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

fn probability(p: f64) -> Probability {
    Probability::try_from(p).unwrap()
}

/// A subject of some conversation, hour, segment, release and probability.
fn any_plan(numbers: &mut Numbers, trace: u64, revision: u32) -> PlannedSubject {
    let outcome =
        numbers.one_of(&[Outcome::Pending, Outcome::Pending, Outcome::Pending, Outcome::Filtered, Outcome::SampledOut]);
    let mut plan = planned(trace, revision, outcome, "an answer");
    let hours = numbers.one_of(&[0, 1, 2, 30, 800, 1_600]);
    plan.subject.end = ((crate::testing::databases::START_MS - hours * HOUR_MS) as u64) * 1_000_000;
    plan.subject.session_id = numbers.one_of(&[None, Some("a"), Some("b"), Some("c")]).map(str::to_owned);
    let topic = numbers.one_of(&["billing", "returns", "other"]);
    plan.subject.segments.insert("topic".into(), topic.into());
    plan.subject.model = numbers.one_of(&[None, Some("small"), Some("large")]).map(str::to_owned);
    let version = numbers.one_of(&[None, Some("1.0"), Some("1.1")]).map(str::to_owned);
    plan.subject.release = Release { service_version: version, prompt_version: None };
    plan.evaluations[0].inclusion_probability = probability(numbers.one_of(&[0.05, 0.15, 1.0]));
    plan
}

fn any_result(numbers: &mut Numbers, id: EvaluationId) -> EvaluationResult {
    let level = numbers.below(5) as f64;
    let score = Score::Number { number: level + 1.0, passes: Some(level >= 3.0), value: level / 4.0 };
    let conclusion = match numbers.below(6) {
        0 => Conclusion::Abstained { rationale: "unclear".into() },
        1 => Conclusion::Failed { reason: "timeout", error: "late".into() },
        _ => Conclusion::Scored { score, rationale: "fine".into() },
    };
    let call = JudgeCall {
        model: Some(numbers.one_of(&["m-1", "m-2"]).into()),
        input_tokens: Some(10),
        cost_usd: Some(0.001),
        latency_ms: Some(numbers.below(3_000) as i64),
        ..JudgeCall::default()
    };
    EvaluationResult::Final { id, conclusion, call }
}

/// Lets a future run for so many polls and drops it then, as a process does that dies.
async fn killed_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

async fn fold_all(store: &Store) {
    while store.fold(7).await.unwrap().is_behind {}
    assert!(!store.has_unfolded().await.unwrap());
}

type Cells = BTreeMap<String, String>;

/// Everything that cells hold, by what it is of; a part that came to nothing is none.
async fn cells(store: &Store) -> Cells {
    let totals = store.cell_totals().await.unwrap();
    let hours = store.cell_hours(i64::MIN, true).await.unwrap();
    let named = |part: PartSums| {
        let of = format!("{:?} {:?} {:?}", part.series, part.part, part.hour);
        (of, serde_json::to_string(&part.sums).unwrap())
    };
    totals.into_iter().chain(hours).map(named).collect()
}

async fn scored(store: &Store) -> u64 {
    let totals = store.cell_totals().await.unwrap();
    let whole = totals.iter().filter(|part| part.part.segment.is_none());
    whole.map(|part| part.sums.outcome(Outcome::Scored)).sum()
}

/// Makes something happen: new subjects, verdicts, late spans, deadlines, changes by a worker of an earlier version.
async fn happen(database: &Database, numbers: &mut Numbers, known: &mut BTreeMap<u64, u32>) {
    let store = &database.store;
    match numbers.below(10) {
        0..=3 => {
            let plans: Vec<PlannedSubject> = (0..=numbers.below(4))
                .map(|_| {
                    let trace = numbers.below(40);
                    let revision = known.get(&trace).map_or(0, |revision| revision + 1);
                    known.insert(trace, revision);
                    any_plan(numbers, trace, revision)
                })
                .collect();
            // One trace is in a plan once.
            let plans: BTreeMap<_, _> = plans.into_iter().map(|plan| (plan.subject.id, plan)).collect();
            let plans: Vec<PlannedSubject> = plans.into_values().collect();
            store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
        }
        4..=7 => {
            let leased = store.lease_evaluations("default", 5, LEASE_MS).await.unwrap();
            let results: Vec<EvaluationResult> = leased.iter().map(|one| any_result(numbers, one.id)).collect();
            store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
        }
        8 => {
            let statement = "UPDATE evaluations SET outcome = 'superseded', reason = 'late_spans' WHERE id IN \
                 (SELECT id FROM evaluations WHERE outcome = 'scored' ORDER BY id LIMIT 1)";
            database.execute(statement).await;
        }
        _ => {
            let statement = "UPDATE evaluations SET inclusion_probability = 0.5 WHERE id IN \
                 (SELECT id FROM evaluations WHERE outcome = 'scored' ORDER BY id DESC LIMIT 1)";
            database.execute(statement).await;
        }
    }
}

on_both_databases! {
    /// Scenario: scores, supersession, failures, changes by workers of earlier versions, folding in groups of any size by two
    /// workers, and deaths in the middle of it. Guarantee: cells and ledger equal those of a recomputation exactly.
    after_anything_that_happens_the_cells_equal_a_recomputation(database) {
        let other = database.another_worker().await;
        for seed in [3, 17] {
            let (mut numbers, mut known) = (Numbers(seed), BTreeMap::new());
            for _ in 0..120 {
                happen(&database, &mut numbers, &mut known).await;
                let worker = if numbers.below(2) == 0 { &database.store } else { &other };
                match numbers.below(4) {
                    0 => drop(worker.fold(1 + numbers.below(9) as usize).await.unwrap()),
                    1 => drop(killed_after(numbers.below(60), worker.fold(20)).await),
                    _ => {}
                }
                assert!(worker.ledger(0).await.unwrap().balanced);
                database.clock.advance(60_000);
            }
            fold_all(&other).await;
            let kept_up = cells(&other).await;
            assert!(kept_up.len() > 50, "{}", kept_up.len());
            assert!(matches!(other.verify_ledger().await.unwrap(), LedgerProof::Equal { .. }));
            let ledger = other.ledger(0).await.unwrap();

            other.rebuild_cells(false).await.unwrap();
            assert_eq!(other.ledger(0).await.unwrap(), ledger, "while cells are built the rows are summed");
            other.fold(5).await.unwrap();
            happen(&database, &mut numbers, &mut known).await;
            killed_after(40, other.fold(20)).await;
            fold_all(&other).await;
            let anew = cells(&other).await;

            // What happened during the rebuild is in both once the first are kept up as well.
            other.rebuild_cells(false).await.unwrap();
            fold_all(&other).await;
            assert_eq!(cells(&other).await, anew);
            let stored = other.ledger(0).await.unwrap().rubrics[0].scored;
            assert_eq!(scored(&other).await as i64, stored);
        }
    }
}

on_both_databases! {
    /// Guarantee: what is kept up without a rebuild in between is what the rebuild makes.
    a_rebuild_of_what_was_kept_up_changes_nothing(database) {
        let (mut numbers, mut known) = (Numbers(5), BTreeMap::new());
        for _ in 0..80 {
            happen(&database, &mut numbers, &mut known).await;
            database.store.fold(3).await.unwrap();
        }
        fold_all(&database.store).await;
        let kept_up = cells(&database.store).await;
        database.store.rebuild_cells(false).await.unwrap();
        fold_all(&database.store).await;
        assert_eq!(cells(&database.store).await, kept_up);
    }
}

/// Plans and scores `number` subjects, each with a topic of its own.
async fn score_topics(store: &Store, number: u64) {
    let plans: Vec<PlannedSubject> = (0..number)
        .map(|trace| {
            let mut plan = planned(trace, 0, Outcome::Pending, "an answer");
            plan.subject.segments = [("topic".to_owned(), format!("topic {trace}"))].into();
            plan
        })
        .collect();
    store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
    let leased = store.lease_evaluations("default", 1_000, LEASE_MS).await.unwrap();
    let score = Score::Number { number: 1.0, passes: Some(true), value: 1.0 };
    let results: Vec<EvaluationResult> = leased
        .iter()
        .map(|one| EvaluationResult::Final {
            id: one.id,
            conclusion: Conclusion::Scored { score: score.clone(), rationale: "fine".into() },
            call: JudgeCall::default(),
        })
        .collect();
    store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
}

on_both_databases! {
    /// Scenario: a segment attribute that has another value on each request. Guarantee: a bounded number of cells, and the rest
    /// counted.
    a_segment_with_a_value_for_each_request_is_pooled_beyond_a_bound(database) {
        let most = crate::store::cells::dictionary::MOST_VALUES as u64;
        score_topics(&database.store, most + 30).await;
        fold_all(&database.store).await;
        let totals = database.store.cell_totals().await.unwrap();
        let of_topics = |other: bool| {
            let own = totals.iter().filter(move |part| {
                part.part.segment.as_ref().is_some_and(|(_, value)| (*value == ValueOf::Other) == other)
            });
            own.map(|part| part.sums.outcome(Outcome::Scored)).collect::<Vec<_>>()
        };
        assert_eq!((of_topics(false).len() as u64, of_topics(true)), (most, vec![30]));
    }
}

on_both_databases! {
    /// Scenario: a database that was filled before there were cells. Guarantee: they are built from the newest evaluations on,
    /// one group after the other, and say how far.
    what_was_there_before_is_added_in_groups_newest_first(database) {
        for trace in 0..9 {
            let plan = planned(trace, 0, Outcome::Filtered, "an answer");
            database.store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
            database.clock.advance(1_000);
        }
        database.execute("DELETE FROM evaluation_changes").await;
        assert_eq!(database.store.cells_built().await.unwrap(), CellsBuilt::Since(i64::MAX));
        database.store.fold(4).await.unwrap();
        let since = crate::testing::databases::START_MS + 5_000;
        assert_eq!(database.store.cells_built().await.unwrap(), CellsBuilt::Since(since));
        fold_all(&database.store).await;
        assert_eq!(database.store.cells_built().await.unwrap(), CellsBuilt::Complete);
        let LedgerProof::Equal { evaluations, .. } = database.store.verify_ledger().await.unwrap() else { panic!("differs") };
        assert_eq!(evaluations, 9);
    }
}

on_both_databases! {
    /// Scenario: the totals are wrong. Guarantee: the proof names where, and a rebuild mends it.
    a_total_that_is_not_what_is_stored_is_named(database) {
        score_topics(&database.store, 3).await;
        fold_all(&database.store).await;
        database.execute("UPDATE evaluation_totals SET number = number + 1").await;
        let LedgerProof::Differs { accounts, .. } = database.store.verify_ledger().await.unwrap() else { panic!("equal") };
        assert_eq!((accounts[0].outcome, accounts[0].kept, accounts[0].stored), (Outcome::Scored, 4, 3));
        assert!(!database.store.ledger(0).await.unwrap().balanced);
        database.store.rebuild_cells(false).await.unwrap();
        fold_all(&database.store).await;
        assert!(database.store.ledger(0).await.unwrap().balanced);
    }
}

on_both_databases! {
    /// Scenario: an evaluation is being changed while it is folded. Guarantee: folding neither waits nor forgets it.
    an_evaluation_that_another_transaction_is_changing_stays_in_the_queue(database) {
        score_topics(&database.store, 2).await;
        if database.url.starts_with("sqlite") {
            return;
        }
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&database.url).await.unwrap();
        let mut transaction = sqlx::Connection::begin(&mut connection).await.unwrap();
        sqlx::query("UPDATE evaluations SET attempts = attempts + 1 WHERE id = (SELECT min(id::text)::uuid FROM evaluations)")
            .execute(&mut *transaction)
            .await
            .unwrap();
        database.store.fold(10).await.unwrap();
        assert_eq!(scored(&database.store).await, 1);
        assert!(database.store.has_unfolded().await.unwrap());
        transaction.commit().await.unwrap();
        fold_all(&database.store).await;
        assert_eq!(scored(&database.store).await, 2);
    }
}

on_both_databases! {
    /// Scenario: rows that this release cannot read. Guarantee: the others are counted, the ledger balances, and a row that can be
    /// read again is counted.
    what_cannot_be_read_is_set_aside_and_the_rest_is_counted(database) {
        let store = &database.store;
        score_topics(store, 5).await;
        let statement = "UPDATE subjects SET segments = 'no map' WHERE id IN \
             (SELECT subject_id FROM evaluations ORDER BY id LIMIT 2)";
        database.execute(statement).await;
        fold_all(store).await;
        assert_eq!((scored(store).await, store.set_aside_evaluations().await.unwrap()), (3, 2));
        assert!(store.ledger(0).await.unwrap().balanced);
        assert!(matches!(store.verify_ledger().await.unwrap(), LedgerProof::Equal { evaluations: 5, .. }));
        store.rebuild_cells(false).await.unwrap();
        fold_all(store).await;
        assert_eq!((scored(store).await, store.set_aside_evaluations().await.unwrap()), (3, 2));

        database.execute("UPDATE subjects SET segments = '{}' WHERE segments = 'no map'").await;
        database.execute("UPDATE evaluations SET reason = reason").await;
        fold_all(store).await;
        assert_eq!((scored(store).await, store.set_aside_evaluations().await.unwrap()), (5, 0));
    }
}

on_both_databases! {
    /// Guarantee: which series is the newest is a matter of planning, as the rows have it, whatever the hour of the answers.
    the_newest_series_is_the_one_that_was_planned_last(database) {
        let store = &database.store;
        for (trace, model, hours) in [(1, "early", 0), (2, "late", 500)] {
            let mut plan = planned(trace, 0, Outcome::Pending, "an answer");
            plan.subject.end = ((crate::testing::databases::START_MS - hours * HOUR_MS) as u64) * 1_000_000;
            store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
            let leased = store.lease_evaluations("default", 1, LEASE_MS).await.unwrap();
            store.finish_evaluations(&[scored_by(leased[0].id, model, 1.0)], &|_| Vec::new()).await.unwrap();
            database.clock.advance(1_000);
        }
        let by_rows = store.score_series().await.unwrap();
        let newest = by_rows.iter().max_by_key(|series| series.newest_ms).unwrap();
        assert_eq!(newest.judge_model.as_deref(), Some("late"));
        fold_all(store).await;
        assert_eq!(store.score_series().await.unwrap(), by_rows);
    }
}

/// A score on the scale from -1,000,000 to 1,000,000.
fn scored_by(id: EvaluationId, model: &str, number: f64) -> EvaluationResult {
    let value = (number + 1e6) / 2e6;
    let score = Score::Number { number, passes: Some(true), value };
    let call = JudgeCall { model: Some(model.into()), ..JudgeCall::default() };
    EvaluationResult::Final { id, conclusion: Conclusion::Scored { score, rationale: "fine".into() }, call }
}

on_both_databases! {
    /// Scenario: a judge that answers under another name each time, and scores of any size. Guarantee: a bounded number of
    /// series and levels, with the rest counted.
    models_and_large_levels_are_pooled_beyond_a_bound(database) {
        let store = &database.store;
        let most = crate::store::cells::dictionary::MOST_VALUES as u64;
        let plans: Vec<PlannedSubject> =
            (0..most + 20).map(|trace| planned(trace, 0, Outcome::Pending, "an answer")).collect();
        store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
        let leased = store.lease_evaluations("default", 1_000, LEASE_MS).await.unwrap();
        let result = |(number, one): (usize, &crate::store::LeasedEvaluation)| {
            scored_by(one.id, &format!("model {number}"), 1_000.0 + number as f64)
        };
        let results: Vec<EvaluationResult> = leased.iter().enumerate().map(result).collect();
        store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
        fold_all(store).await;
        let totals = store.cell_totals().await.unwrap();
        let pooled: Vec<u64> = totals
            .iter()
            .filter(|part| part.part.segment.is_none() && part.series.judge_model.as_deref() == Some(OTHER_MODELS))
            .map(|part| part.sums.outcome(Outcome::Scored))
            .collect();
        assert_eq!(pooled, [20]);
        let mut levels: BTreeMap<&str, i128> = BTreeMap::new();
        for part in totals.iter().filter(|part| part.part.segment.is_none()) {
            for (level, sums) in &part.sums.levels {
                *levels.entry(level).or_default() += sums.scores;
            }
        }
        assert_eq!((levels.len() as u64, levels["tenth 5"]), (most + 1, 20));
    }
}

on_both_databases! {
    /// Scenario: a worker of a newer release keeps the cells. Guarantee: this one neither changes nor replaces them, unless told that
    /// the other will not come back.
    cells_of_a_newer_release_are_left_alone(database) {
        let store = &database.store;
        score_topics(store, 3).await;
        fold_all(store).await;
        database.execute("UPDATE cell_state SET algorithm = algorithm + 1").await;
        let before = cells(store).await;
        assert!(matches!(store.rebuild_cells(false).await, Err(StoreError::NewerCells)));
        store.fold(10).await.unwrap();
        assert_eq!((cells(store).await, store.cells_built().await.unwrap()), (before.clone(), CellsBuilt::Foreign));
        store.rebuild_cells(true).await.unwrap();
        fold_all(store).await;
        assert_eq!((cells(store).await, store.cells_built().await.unwrap()), (before, CellsBuilt::Complete));
    }
}
