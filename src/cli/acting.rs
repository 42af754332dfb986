//! Who runs a command, for the audit log.

use crate::model::{AccessRole, AccessWay, Actor};
use crate::store::{AuditAction, Store, StoreError};

/// Whoever runs this command.
pub(super) fn actor() -> Actor {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|variable| std::env::var(variable).ok()).unwrap_or_default();
    Actor { name, role: AccessRole::Admin, way: AccessWay::Command }
}

/// Notes that whoever runs this command did something.
pub(super) async fn note(store: &Store, action: AuditAction, target: &str, detail: &str) -> Result<(), StoreError> {
    store.note_action(&actor(), action, target, detail).await
}
