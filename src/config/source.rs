//! Where a configuration comes from, so that it can be read again.

use std::path::{Path, PathBuf};

use super::{Config, ConfigError, DEFAULT_FILE};

/// A file, or the default one if it exists, with this process's variables over it.
#[derive(Debug, Clone)]
pub struct ConfigSource {
    named: Option<PathBuf>,
}

impl ConfigSource {
    /// The file that was named, if one was.
    pub fn new(named: Option<PathBuf>) -> Self {
        Self { named }
    }

    /// Reads it, as it is now.
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.named.as_deref(), std::env::vars())
    }

    /// The file, whether it exists or not.
    pub fn path(&self) -> &Path {
        self.named.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }
}
