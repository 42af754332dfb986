//! Hints that there is work, within a process and between processes.

use std::time::Duration;

use crate::model::Outcome;
use crate::store::{PlannedFrom, SettleTimes, Stage, Store};
use tokio_util::sync::CancellationToken;

use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span, planned};

/// Far longer than any hint takes, far shorter than for ever.
const SOON: Duration = Duration::from_secs(20);

async fn woken(store: &Store, stage: Stage) {
    tokio::time::timeout(SOON, store.wakeups().woken(stage)).await.expect("a hint came");
}

on_both_databases! {
    every_commit_wakes_the_next_stage_of_its_process(database) {
        let store = &database.store;
        let at_once = SettleTimes { settle_ms: 0, max_wait_ms: 1_000 };
        let assembly = store.wakeups().woken(Stage::Assemble);
        store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], at_once).await.unwrap();
        tokio::time::timeout(SOON, assembly).await.unwrap();

        let evaluation = store.wakeups().woken(Stage::Evaluate);
        store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "yes")]).await.unwrap();
        tokio::time::timeout(SOON, evaluation).await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_wakes_the_workers_of_other_processes() {
    let database = Database::postgres().await;
    let other = database.another_worker().await;
    let stop = CancellationToken::new();
    let here = tokio::spawn(database.store.clone().carry_wakeups(stop.clone()));
    let there = tokio::spawn(other.clone().carry_wakeups(stop.clone()));
    // The first hint says that the other one listens now.
    woken(&other, Stage::Evaluate).await;

    let hint = other.wakeups().woken(Stage::Evaluate);
    database.store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "yes")]).await.unwrap();
    tokio::time::timeout(SOON, hint).await.expect("the other worker was told");
    stop.cancel();
    here.await.unwrap().unwrap();
    there.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_command_that_does_not_stay_tells_the_others_before_it_goes() {
    let database = Database::postgres().await;
    let other = database.another_worker().await;
    let stop = CancellationToken::new();
    let there = tokio::spawn(other.clone().carry_wakeups(stop.clone()));
    woken(&other, Stage::Evaluate).await;

    let hint = other.wakeups().woken(Stage::Evaluate);
    database.store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "yes")]).await.unwrap();
    database.store.tell_others().await.unwrap();
    tokio::time::timeout(SOON, hint).await.expect("the other worker was told");
    stop.cancel();
    there.await.unwrap().unwrap();
}
