//! The contract of the registry of rubric versions, held against SQLite and PostgreSQL alike.

use crate::model::ContentHash;
use crate::store::{AliasMove, NewRubricVersion};

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

on_both_databases! {
    a_published_version_never_changes(database) {
        let store = &database.store;
        assert_eq!(store.publish_rubric_versions(&[]).await.unwrap(), []);
        let first = [version("tone", 2, "b"), version("tone", 1, "a")];
        let new = store.publish_rubric_versions(&first).await.unwrap();
        assert_eq!(new, [("tone".to_owned(), 1), ("tone".to_owned(), 2)]);
        let published_at_ms = store.now_ms();
        database.clock.advance(1_000);
        let again = [version("tone", 1, "CHANGED"), version("tone", 3, "c")];
        assert_eq!(store.publish_rubric_versions(&again).await.unwrap(), [("tone".to_owned(), 3)]);
        let all = store.rubric_versions().await.unwrap();
        assert_eq!(all.iter().map(|known| known.rubric.version).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(all[0].rubric, version("tone", 1, "a"));
        assert_eq!(all[0].published_at_ms, published_at_ms);
    }
}

on_both_databases! {
    an_alias_points_only_at_published_versions(database) {
        let store = &database.store;
        store.publish_rubric_versions(&[version("tone", 1, "a"), version("tone", 2, "b")]).await.unwrap();
        assert_eq!(store.move_rubric_alias("tone", "production", 3).await.unwrap(), AliasMove::NotPublished);
        assert_eq!(store.move_rubric_alias("other", "production", 1).await.unwrap(), AliasMove::NotPublished);
        assert_eq!(store.rubric_aliases().await.unwrap(), []);
        assert_eq!(store.move_rubric_alias("tone", "production", 1).await.unwrap(), AliasMove::Moved { from: None });
        assert_eq!(store.move_rubric_alias("tone", "production", 2).await.unwrap(), AliasMove::Moved { from: Some(1) });
        assert_eq!(store.move_rubric_alias("tone", "candidate", 1).await.unwrap(), AliasMove::Moved { from: None });
        let aliases: Vec<(String, u32)> =
            store.rubric_aliases().await.unwrap().into_iter().map(|alias| (alias.alias, alias.version)).collect();
        assert_eq!(aliases, [("candidate".to_owned(), 1), ("production".to_owned(), 2)]);
    }
}

on_both_databases! {
    two_publishers_at_once_publish_every_version_once(database) {
        let many: Vec<NewRubricVersion> = (1..=120).map(|number| version("tone", number, "a")).collect();
        let reversed: Vec<NewRubricVersion> = many.iter().rev().cloned().collect();
        let (one, other) = tokio::join!(
            database.store.publish_rubric_versions(&many),
            database.store.publish_rubric_versions(&reversed)
        );
        assert_eq!(one.unwrap().len() + other.unwrap().len(), 120);
        assert_eq!(database.store.rubric_versions().await.unwrap().len(), 120);
    }
}
