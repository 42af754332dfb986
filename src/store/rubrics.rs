//! The registry: published rubric versions, immutable, and the aliases that point at them.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, QueryBuilder};

use super::dialect::Dialect;
use super::earlier_workers::Since;
use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::{CANDIDATE, ContentHash, PRODUCTION};

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

/// What became of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// All of it is in the registry.
    Done(Changes),
    /// Nothing was changed, because of these versions.
    Refused(Vec<Conflict>),
}

/// What publishing changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Versions that are new, by name and version.
    pub new: Vec<(String, u32)>,
    /// Versions whose text was replaced.
    pub replaced: Vec<(String, u32)>,
    /// Versions that are in production now, of rubrics that had none there.
    pub production: Vec<(String, u32)>,
}

/// A published version that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The rubric.
    pub name: String,
    pub version: u32,
    pub reason: ConflictReason,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConflictReason {
    /// It was published with another text, and nobody asked to replace that.
    #[error("it was published with another text")]
    Differs,
    /// It would be planned with a version that such a worker leaves to others for ever.
    #[error(
        "a worker of an earlier release shares the database and cannot read its block `decision`; publish it when all are replaced"
    )]
    EarlierWorkers,
    #[error("evaluations refer to it")]
    Evaluations,
    /// It cannot be told which version of a rubric a label was given for: these are younger than this one.
    #[error("labels were given since it was published")]
    Labels,
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
    /// There is nothing in production that a candidate could stand beside.
    NoProduction,
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

/// Whether the front matter has the block `decision`.
fn has_decision_block(source: &str) -> bool {
    let front = source.lines().skip(1).take_while(|line| line.trim_end() != "---");
    front.into_iter().any(|line| line.starts_with("decision:"))
}

fn version_number(table: &'static str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| rows::inconsistent(table, "version", number.to_string()))
}

fn references(rows: Vec<(String, i64)>) -> Result<Vec<(String, u32)>, StoreError> {
    rows.into_iter().map(|(name, version)| Ok((name, version_number("rubric_versions", version)?))).collect()
}

/// What refers to a published version, if anything does: a row, or an account of one.
macro_rules! reference {
    ($tx:ident, $version:ident) => {{
        let (evaluations, labels): (bool, bool) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM evaluations WHERE rubric = $1 AND version = $2) \
                 OR EXISTS (SELECT 1 FROM planning_account WHERE rubric = $1 AND version = $2), \
             EXISTS (SELECT 1 FROM labels l JOIN rubric_versions v ON v.name = l.rubric \
                 WHERE l.rubric = $1 AND v.version = $2 AND l.imported_at_ms >= v.published_at_ms)",
        )
        .bind($version.name.as_str())
        .bind(i64::from($version.version))
        .fetch_one(&mut *$tx)
        .await?;
        match (evaluations, labels) {
            (true, _) => Some(ConflictReason::Evaluations),
            (false, true) => Some(ConflictReason::Labels),
            (false, false) => None,
        }
    }};
}

impl Store {
    /// Publishes versions in one transaction: all of them or, where one cannot be, none. Of a rubric that has nothing in
    /// production, the newest version comes there. A version that is published with another text is refused; with
    /// `replace` it gets the new text, as long as nothing refers to it.
    pub async fn publish_rubric_versions(
        &self,
        versions: &[NewRubricVersion],
        replace: bool,
    ) -> Result<Publication, StoreError> {
        let now_ms = self.now_ms();
        let reads_decisions = self.all_workers_read(Since::Decisions).await?;
        transaction!(self, DB, tx => {
            // One publisher at a time.
            let hold = format!("SELECT one FROM installation WHERE one = 1{}", <DB as Dialect>::FOR_UPDATE);
            sqlx::query(AssertSqlSafe(hold)).execute(&mut *tx).await?;
            let known: Vec<(String, i64, String)> =
                sqlx::query_as("SELECT name, version, hash FROM rubric_versions").fetch_all(&mut *tx).await?;
            let known: BTreeMap<(&str, i64), &str> =
                known.iter().map(|(name, version, hash)| ((name.as_str(), *version), hash.as_str())).collect();
            let (mut new, mut other): (Vec<&NewRubricVersion>, Vec<&NewRubricVersion>) = (Vec::new(), Vec::new());
            for version in versions {
                match known.get(&(version.name.as_str(), i64::from(version.version))) {
                    None => new.push(version),
                    Some(hash) if *hash == version.hash.to_string() => {}
                    Some(_) => other.push(version),
                }
            }
            // In key order, so that a worker of an earlier release that publishes as well cannot deadlock with this one.
            new.sort_by_key(|version| (&version.name, version.version));

            let unread = |version: &&&NewRubricVersion| !reads_decisions && has_decision_block(&version.source);
            let mut conflicts: Vec<Conflict> = new.iter().chain(&other).filter(unread).map(|version| Conflict {
                name: version.name.clone(),
                version: version.version,
                reason: ConflictReason::EarlierWorkers,
            }).collect();
            if replace && !other.is_empty() {
                // Nobody adds what refers to a version between the look and the change.
                sqlx::query(<DB as Dialect>::STAND_STILL).execute(&mut *tx).await?;
            }
            for version in &other {
                let reason = if replace { reference!(tx, version) } else { Some(ConflictReason::Differs) };
                conflicts.extend(reason.map(|reason| Conflict {
                    name: version.name.clone(),
                    version: version.version,
                    reason,
                }));
            }
            if conflicts.is_empty() {
                let mut changes = Changes::default();
                for versions in new.chunks(50) {
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
                    changes.new.extend(references(insert.build_query_as().fetch_all(&mut *tx).await?)?);
                }
                for version in &other {
                    sqlx::query(
                        "UPDATE rubric_versions SET hash = $3, description = $4, source = $5, author = $6, commit_id = $7, \
                         published_at_ms = $8 WHERE name = $1 AND version = $2",
                    )
                    .bind(version.name.as_str())
                    .bind(i64::from(version.version))
                    .bind(version.hash.to_string())
                    .bind(version.description.as_str())
                    .bind(version.source.as_str())
                    .bind(version.author.as_deref())
                    .bind(version.commit.as_deref())
                    .bind(now_ms)
                    .execute(&mut *tx)
                    .await?;
                    changes.replaced.push((version.name.clone(), version.version));
                }
                // Of what a worker of an earlier release published as well: it sets no alias.
                let put = "INSERT INTO rubric_aliases (name, alias, version, moved_at_ms) \
                     SELECT name, 'production', max(version), $1 FROM rubric_versions v WHERE NOT EXISTS \
                         (SELECT 1 FROM rubric_aliases a WHERE a.name = v.name AND a.alias = 'production') GROUP BY name \
                     ON CONFLICT (name, alias) DO NOTHING RETURNING name, version";
                changes.production = references(sqlx::query_as(put).bind(now_ms).fetch_all(&mut *tx).await?)?;
                for changed in [&mut changes.new, &mut changes.replaced, &mut changes.production] {
                    changed.sort();
                }
                Ok(Publication::Done(changes))
            } else {
                Ok(Publication::Refused(conflicts))
            }
        })
    }

    /// Changes with everything that publishing and promoting can change.
    pub async fn registry_state(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        Ok(read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT name, CAST(version AS TEXT), hash FROM rubric_versions \
                 UNION ALL SELECT name, alias, CAST(version AS TEXT) FROM rubric_aliases ORDER BY 1, 2, 3",
            )
            .fetch_all(pool)
            .await?
        }))
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

    /// Points the alias of a rubric at a published version; `candidate` only where one is in production.
    pub async fn move_rubric_alias(&self, name: &str, alias: &str, version: u32) -> Result<AliasMove, StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            let hold = format!("SELECT one FROM installation WHERE one = 1{}", <DB as Dialect>::FOR_UPDATE);
            sqlx::query(AssertSqlSafe(hold)).execute(&mut *tx).await?;
            let published: Option<i64> =
                sqlx::query_scalar("SELECT version FROM rubric_versions WHERE name = $1 AND version = $2")
                    .bind(name)
                    .bind(i64::from(version))
                    .fetch_optional(&mut *tx)
                    .await?;
            let before: Vec<(String, i64)> = sqlx::query_as("SELECT alias, version FROM rubric_aliases WHERE name = $1")
                .bind(name)
                .fetch_all(&mut *tx)
                .await?;
            let target = |alias: &str| before.iter().find(|(known, _)| known == alias).map(|(_, version)| *version);
            if published.is_none() {
                Ok(AliasMove::NotPublished)
            } else if alias == CANDIDATE && target(PRODUCTION).is_none() {
                Ok(AliasMove::NoProduction)
            } else {
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
                let from = target(alias).map(|version| version_number("rubric_aliases", version)).transpose()?;
                Ok(AliasMove::Moved { from })
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_found_in_the_front_matter_alone() {
        assert!(has_decision_block("---\ndescription: a\ndecision:\n  verdict: expected\n---\ntext"));
        assert!(!has_decision_block("---\ndescription: a\n---\ndecision: text\n"));
    }
}
