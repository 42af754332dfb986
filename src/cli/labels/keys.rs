//! The key under which draws are sealed.

use crate::config::Config;
use crate::lifecycle::keys::Keys;
use crate::secrets::MacKey;
use crate::store::Store;

pub(in crate::cli) async fn seal_key(store: &Store, config: &Config) -> anyhow::Result<MacKey> {
    Ok(Keys::new(config, &store.installation().await?)?.seal)
}
