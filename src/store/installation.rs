//! The installation's one row: the secret and the salt that all workers on this database share.

use super::{Store, StoreError, read, rows, transaction};
use crate::secrets::{InstallationSecret, random_salt};

/// What the workers on a database share and nobody else knows.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The source of all keys.
    pub secret: InstallationSecret,
    /// When it was made, milliseconds since the Unix epoch.
    pub secret_since_ms: i64,
    /// Draws the samples where no salt is configured. None in a database of an earlier version whose salt no worker has
    /// noted yet.
    pub salt: Option<String>,
    /// Whether the salt makes the placeholders, as it did in earlier versions.
    pub salt_makes_placeholders: bool,
}

type InstallationRow = (Vec<u8>, i64, Option<String>, bool);

impl Store {
    /// The installation's secret and salt.
    pub async fn installation(&self) -> Result<Installation, StoreError> {
        let row: InstallationRow = read!(self, DB, pool => {
            sqlx::query_as("SELECT secret, secret_since_ms, salt, salt_makes_placeholders FROM installation")
                .fetch_one(pool)
                .await?
        });
        installation(row)
    }

    /// Notes the salt that a database of an earlier version was run with, unless a worker did so before: samples and
    /// placeholders stay what they were when the configuration changes. Returns what holds from now on.
    pub async fn note_earlier_salt(&self, salt: &str) -> Result<Installation, StoreError> {
        transaction!(self, DB, tx => {
            sqlx::query("UPDATE installation SET salt = $1 WHERE salt IS NULL")
                .bind(salt)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        });
        self.installation().await
    }

    /// Makes a new secret and a new salt: new samples, placeholders, keys of data blocks and seals.
    pub async fn rotate_installation(&self) -> Result<Installation, StoreError> {
        let (secret, salt, now_ms) = (InstallationSecret::random(), random_salt(), self.now_ms());
        let row: InstallationRow = transaction!(self, DB, tx => {
            sqlx::query_as(
                "UPDATE installation SET secret = $1, secret_since_ms = $2, salt = $3, salt_makes_placeholders = FALSE \
                 RETURNING secret, secret_since_ms, salt, salt_makes_placeholders",
            )
            .bind(secret.as_bytes())
            .bind(now_ms)
            .bind(&salt)
            .fetch_one(&mut *tx)
            .await?
        });
        installation(row)
    }
}

fn installation(
    (secret, secret_since_ms, salt, salt_makes_placeholders): InstallationRow,
) -> Result<Installation, StoreError> {
    let secret = InstallationSecret::try_from(secret.as_slice())
        .map_err(|error| rows::inconsistent("installation", "secret", error.to_string()))?;
    Ok(Installation { secret, secret_since_ms, salt, salt_makes_placeholders })
}
