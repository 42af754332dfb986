//! The database that a command works on.

use anyhow::Context;

use super::exit::Usage;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Store;

/// Opens the configured database, which must be there: a command that reads it says nothing true of an empty one that it
/// made itself.
pub(super) async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    if let Some(path) = config.store.url.strip_prefix("sqlite://").map(|rest| rest.split('?').next().unwrap_or(rest))
        && !path.contains(":memory:")
        && !std::path::Path::new(path).exists()
    {
        return Err(Usage(format!(
            "there is no database {path}: run this where judged.toml is, name it with --config, or set store.url"
        ))
        .into());
    }
    open_store(config).await
}

/// Opens the configured database; SQLite's is made when it is not there.
pub(super) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    Store::open(&config.store.url, Clock::system()).await.context("the store is not usable")
}
