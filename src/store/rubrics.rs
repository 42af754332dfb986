//! The registry: published rubric versions, immutable, and the aliases that point at them.

use sqlx::QueryBuilder;

use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::ContentHash;

/// A rubric version to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRubricVersion {
    /// The rubric.
    pub name: String,
    pub version: u32,
    /// Of the normalised file text.
    pub hash: ContentHash,
    /// The question that it answers.
    pub description: String,
    /// The normalised file text: any process can judge by it without the file.
    pub source: String,
    /// Who publishes it, where that is known.
    pub author: Option<String>,
    /// The commit that holds the file, where there is one.
    pub commit: Option<String>,
}

/// A published rubric version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRubricVersion {
    /// What was published.
    pub rubric: NewRubricVersion,
    /// When, milliseconds since the Unix epoch.
    pub published_at_ms: i64,
}

/// A name for a version that may move: `production`, `candidate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RubricAlias {
    /// The rubric.
    pub name: String,
    pub alias: String,
    /// The version that it points at.
    pub version: u32,
    /// When it was moved there, milliseconds since the Unix epoch.
    pub moved_at_ms: i64,
}

/// What became of moving an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasMove {
    /// It points at the version now; before, at this one.
    Moved {
        /// The version that it pointed at.
        from: Option<u32>,
    },
    /// The version is not published; the alias stays where it was.
    NotPublished,
}

row! {
    struct VersionRow {
        name: String,
        version: i64,
        hash: String,
        description: String,
        source: String,
        author: Option<String>,
        commit_id: Option<String>,
        published_at_ms: i64,
    }
}

fn version_number(table: &'static str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| rows::inconsistent(table, "version", number.to_string()))
}

impl Store {
    /// Publishes versions in one transaction. A version that is published already stays as it is. Returns the versions
    /// that are new.
    pub async fn publish_rubric_versions(
        &self,
        versions: &[NewRubricVersion],
    ) -> Result<Vec<(String, u32)>, StoreError> {
        let now_ms = self.now_ms();
        // In key order, so that two publishers cannot deadlock.
        let mut versions: Vec<&NewRubricVersion> = versions.iter().collect();
        versions.sort_by(|left, right| (&left.name, left.version).cmp(&(&right.name, right.version)));
        let inserted = transaction!(self, DB, tx => {
            let mut inserted: Vec<(String, i64)> = Vec::new();
            for versions in versions.chunks(50) {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO rubric_versions (name, version, hash, description, source, author, commit_id, \
                     published_at_ms) ",
                );
                insert.push_values(versions, |mut row, version| {
                    row.push_bind(version.name.as_str())
                        .push_bind(i64::from(version.version))
                        .push_bind(version.hash.to_string())
                        .push_bind(version.description.as_str())
                        .push_bind(version.source.as_str())
                        .push_bind(version.author.as_deref())
                        .push_bind(version.commit.as_deref())
                        .push_bind(now_ms);
                });
                insert.push(" ON CONFLICT (name, version) DO NOTHING RETURNING name, version");
                inserted.extend(insert.build_query_as::<(String, i64)>().fetch_all(&mut *tx).await?);
            }
            inserted
        });
        let mut published = inserted
            .into_iter()
            .map(|(name, version)| Ok((name, version_number("rubric_versions", version)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        published.sort();
        Ok(published)
    }

    /// Every published version, by name and version.
    pub async fn rubric_versions(&self) -> Result<Vec<PublishedRubricVersion>, StoreError> {
        let found: Vec<VersionRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT name, version, hash, description, source, author, commit_id, published_at_ms FROM rubric_versions \
                 ORDER BY name, version",
            )
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(VersionRow::into_published).collect()
    }

    /// Every alias, by rubric and alias.
    pub async fn rubric_aliases(&self) -> Result<Vec<RubricAlias>, StoreError> {
        let found: Vec<(String, String, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT name, alias, version, moved_at_ms FROM rubric_aliases ORDER BY name, alias")
                .fetch_all(pool)
                .await?
        });
        found
            .into_iter()
            .map(|(name, alias, version, moved_at_ms)| {
                Ok(RubricAlias { name, alias, version: version_number("rubric_aliases", version)?, moved_at_ms })
            })
            .collect()
    }

    /// Points the alias of a rubric at a published version.
    pub async fn move_rubric_alias(&self, name: &str, alias: &str, version: u32) -> Result<AliasMove, StoreError> {
        let now_ms = self.now_ms();
        let moved: Option<Option<i64>> = transaction!(self, DB, tx => {
            let published: Option<i64> =
                sqlx::query_scalar("SELECT version FROM rubric_versions WHERE name = $1 AND version = $2")
                    .bind(name)
                    .bind(i64::from(version))
                    .fetch_optional(&mut *tx)
                    .await?;
            if published.is_none() { None } else {
                let before: Option<i64> =
                    sqlx::query_scalar("SELECT version FROM rubric_aliases WHERE name = $1 AND alias = $2")
                        .bind(name)
                        .bind(alias)
                        .fetch_optional(&mut *tx)
                        .await?;
                sqlx::query(
                    "INSERT INTO rubric_aliases (name, alias, version, moved_at_ms) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version, moved_at_ms = excluded.moved_at_ms",
                )
                .bind(name)
                .bind(alias)
                .bind(i64::from(version))
                .bind(now_ms)
                .execute(&mut *tx)
                .await?;
                Some(before)
            }
        });
        match moved {
            None => Ok(AliasMove::NotPublished),
            Some(before) => {
                let from = before.map(|version| version_number("rubric_aliases", version)).transpose()?;
                Ok(AliasMove::Moved { from })
            }
        }
    }
}

impl VersionRow {
    fn into_published(self) -> Result<PublishedRubricVersion, StoreError> {
        Ok(PublishedRubricVersion {
            rubric: NewRubricVersion {
                version: version_number("rubric_versions", self.version)?,
                name: self.name,
                hash: hash(&self.hash)?,
                description: self.description,
                source: self.source,
                author: self.author,
                commit: self.commit_id,
            },
            published_at_ms: self.published_at_ms,
        })
    }
}

fn hash(text: &str) -> Result<ContentHash, StoreError> {
    text.parse().map_err(|_| rows::inconsistent("rubric_versions", "hash", format!("`{text}`")))
}
