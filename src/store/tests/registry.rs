//! The contract of the registry of rubric versions, held against SQLite and PostgreSQL alike.

use crate::model::ContentHash;
use crate::store::{AliasMove, Changes, Conflict, NewRubricVersion, Publication, Store};

use crate::model::{Scale, Score};
use crate::store::rubrics::ConflictReason;
use crate::testing::conversations::{Tie, sixty_conversations};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;

fn version(name: &str, version: u32, source: &str) -> NewRubricVersion {
    NewRubricVersion {
        name: name.into(),
        version,
        hash: ContentHash::of(source),
        description: "Is it kind?".into(),
        source: source.into(),
        author: Some("Ada <ada@example.com>".into()),
        commit: None,
    }
}

fn binary(pass: bool) -> Score {
    let scale = Scale::Binary { pass: String::new(), fail: String::new() };
    Score::of_number(&scale, f64::from(pass)).unwrap()
}

/// What publishing changed; it must not be refused.
async fn publish(store: &Store, versions: &[NewRubricVersion]) -> Changes {
    match store.publish_rubric_versions(versions, false).await.unwrap() {
        Publication::Done(changes) => changes,
        Publication::Refused(conflicts) => panic!("{conflicts:?}"),
    }
}

fn named(versions: &[(&str, u32)]) -> Vec<(String, u32)> {
    versions.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
}

async fn aliases(store: &Store) -> Vec<(String, u32)> {
    store.rubric_aliases().await.unwrap().into_iter().map(|alias| (alias.alias, alias.version)).collect()
}

on_both_databases! {
    a_published_version_never_changes_unasked(database) {
        let store = &database.store;
        assert_eq!(publish(store, &[]).await, Changes::default());
        let first = publish(store, &[version("tone", 2, "b"), version("tone", 1, "a")]).await;
        assert_eq!(first.new, named(&[("tone", 1), ("tone", 2)]));
        let published_at_ms = store.now_ms();
        database.clock.advance(1_000);
        let again = [version("tone", 1, "CHANGED"), version("tone", 3, "c")];
        let reason = ConflictReason::Differs;
        let conflict = Conflict { name: "tone".into(), version: 1, reason };
        assert_eq!(store.publish_rubric_versions(&again, false).await.unwrap(), Publication::Refused(vec![conflict]));
        assert_eq!(publish(store, &again[1..]).await.new, named(&[("tone", 3)]));
        let all = store.rubric_versions().await.unwrap();
        assert_eq!(all.iter().map(|known| known.rubric.version).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(all[0].rubric, version("tone", 1, "a"));
        assert_eq!(all[0].published_at_ms, published_at_ms);
    }
}

on_both_databases! {
    the_first_publication_is_in_production_and_no_later_one(database) {
        let store = &database.store;
        let first = publish(store, &[version("tone", 2, "b"), version("tone", 1, "a")]).await;
        assert_eq!(first.production, named(&[("tone", 2)]));
        let second = publish(store, &[version("tone", 3, "c"), version("other", 1, "d")]).await;
        assert_eq!(second.production, named(&[("other", 1)]));
        // A worker of an earlier release publishes without an alias; the next publication sets it.
        database
            .execute("INSERT INTO rubric_versions (name, version, hash, description, source, published_at_ms) VALUES ('late', 4, 'h', '', '', 1)")
            .await;
        assert_eq!(publish(store, &[]).await.production, named(&[("late", 4)]));
    }
}

on_both_databases! {
    text_is_replaced_while_nothing_refers_to_it(database) {
        let store = &database.store;
        publish(store, &[version("tone", 1, "a"), version("other", 1, "b")]).await;
        database.clock.advance(1_000);
        let edited = [version("tone", 1, "EDITED")];
        let Publication::Done(changes) = store.publish_rubric_versions(&edited, true).await.unwrap() else { panic!() };
        assert_eq!((changes.replaced, changes.new.len()), (named(&[("tone", 1)]), 0));
        assert_eq!(store.rubric_versions().await.unwrap()[1].rubric, edited[0]);
            }
}

on_both_databases! {
    text_stays_once_something_was_judged_or_labelled_with_it(database) {
        let store = &database.store;
        publish(store, &[version("tone", 1, "a"), version("tone", 2, "b")]).await;
        sixty_conversations(&database, "tone", Tie::Session, binary, binary).await;
        database.clock.advance(3_600_000);
        publish(store, &[version("tone", 3, "c")]).await;
        let before = store.registry_state().await.unwrap();
        let edited = [version("tone", 1, "A"), version("tone", 2, "B"), version("tone", 3, "C")];
        let conflict = |version, reason| Conflict { name: "tone".into(), version, reason };
        let refused = vec![conflict(1, ConflictReason::Evaluations), conflict(2, ConflictReason::Labels)];
        assert_eq!(store.publish_rubric_versions(&edited, true).await.unwrap(), Publication::Refused(refused));
        assert_eq!(store.registry_state().await.unwrap(), before, "one that cannot be replaced keeps all as they are");
        let Publication::Done(changes) = store.publish_rubric_versions(&edited[2..], true).await.unwrap() else {
            panic!("nothing refers to it")
        };
        assert_eq!(changes.replaced, named(&[("tone", 3)]));
    }
}

on_both_databases! {
    what_breaks_off_between_two_steps_leaves_the_registry_as_it_was(database) {
        let store = &database.store;
        publish(store, &[version("tone", 1, "a")]).await;
        store.move_rubric_alias("tone", "candidate", 1).await.unwrap();
        let before = store.registry_state().await.unwrap();
        let changes = [version("tone", 1, "A"), version("tone", 2, "b"), version("other", 1, "c")];
        for step in ["INSERT ON rubric_versions", "UPDATE ON rubric_versions", "INSERT ON rubric_aliases"] {
            break_off_after(&database, step).await;
            store.publish_rubric_versions(&changes, true).await.unwrap_err();
            go_on_after(&database, step).await;
            assert_eq!(store.registry_state().await.unwrap(), before, "{step}");
        }
        break_off_after(&database, "UPDATE ON rubric_aliases").await;
        store.move_rubric_alias("tone", "production", 1).await.unwrap_err();
        go_on_after(&database, "UPDATE ON rubric_aliases").await;
        assert_eq!(store.registry_state().await.unwrap(), before);
        let Publication::Done(done) = store.publish_rubric_versions(&changes, true).await.unwrap() else { panic!() };
        assert_eq!((done.new.len(), done.replaced.len(), done.production.len()), (2, 1, 1));
    }
}

/// From now on whoever takes this step fails, and with it the transaction.
async fn break_off_after(database: &Database, step: &str) {
    let statement = if database.url.starts_with("sqlite") {
        format!("CREATE TRIGGER broken AFTER {step} BEGIN SELECT RAISE(ABORT, 'broken off'); END")
    } else {
        format!(
            "CREATE OR REPLACE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off'; END $$; \
             CREATE TRIGGER broken AFTER {step} FOR EACH ROW EXECUTE FUNCTION break_off()"
        )
    };
    database.execute(&statement).await;
}

async fn go_on_after(database: &Database, step: &str) {
    let on = if database.url.starts_with("sqlite") { "" } else { step.trim_start_matches(char::is_uppercase) };
    database.execute(&format!("DROP TRIGGER broken{on}")).await;
}

on_both_databases! {
    an_alias_points_only_at_published_versions(database) {
        let store = &database.store;
        assert_eq!(store.move_rubric_alias("tone", "production", 1).await.unwrap(), AliasMove::NotPublished);
        publish(store, &[version("tone", 1, "a"), version("tone", 2, "b")]).await;
        assert_eq!(store.move_rubric_alias("tone", "production", 3).await.unwrap(), AliasMove::NotPublished);
        assert_eq!(store.move_rubric_alias("tone", "production", 1).await.unwrap(), AliasMove::Moved { from: Some(2) });
        assert_eq!(store.move_rubric_alias("tone", "candidate", 2).await.unwrap(), AliasMove::Moved { from: None });
        assert_eq!(aliases(store).await, named(&[("candidate", 2), ("production", 1)]));
    }
}

on_both_databases! {
    a_candidate_needs_something_in_production(database) {
        let store = &database.store;
        database
            .execute("INSERT INTO rubric_versions (name, version, hash, description, source, published_at_ms) VALUES ('tone', 1, 'h', '', '', 1)")
            .await;
        assert_eq!(store.move_rubric_alias("tone", "candidate", 1).await.unwrap(), AliasMove::NoProduction);
        assert_eq!(aliases(store).await, []);
    }
}

on_both_databases! {
    two_publishers_at_once_publish_every_version_once(database) {
        let many: Vec<NewRubricVersion> = (1..=120).map(|number| version("tone", number, "a")).collect();
        let reversed: Vec<NewRubricVersion> = many.iter().rev().cloned().collect();
        let (one, other) = tokio::join!(publish(&database.store, &many), publish(&database.store, &reversed));
        assert_eq!(one.new.len() + other.new.len(), 120);
        assert_eq!(database.store.rubric_versions().await.unwrap().len(), 120);
    }
}
