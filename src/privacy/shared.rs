//! The redactor in force, shared by the stages that redact and exchanged on reload.

use std::sync::{Arc, PoisonError, RwLock};

use super::Redactor;

/// A handle on the redactor in force.
#[derive(Debug, Clone)]
pub struct SharedRedactor(Arc<RwLock<Arc<Redactor>>>);

impl SharedRedactor {
    /// A handle on `redactor`.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self(Arc::new(RwLock::new(redactor)))
    }

    /// One with the defaults and a key of its own, for tests of what uses it.
    #[cfg(test)]
    pub fn of_defaults() -> Self {
        let key = super::PlaceholderKey::Shared(b"salt".to_vec().into());
        Self::new(Arc::new(Redactor::from_config(&crate::config::PrivacyConfig::default(), &key).unwrap()))
    }

    /// The one in force.
    pub fn current(&self) -> Arc<Redactor> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in force.
    pub fn set(&self, redactor: Arc<Redactor>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = redactor;
    }
}
