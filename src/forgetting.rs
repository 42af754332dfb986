//! Forgetting what belongs to a trace, a conversation or a person.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Actor, TraceId};
use crate::panics;
use crate::pipeline::assembly::trace::assemble;
use crate::privacy::Redactor;
use crate::store::{ForgottenForGood, Store, StoreError, ToForget, TraceRecords};

/// By what it is found. Ids of conversations and persons are those that senders give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Trace(TraceId),
    Session(String),
    User(String),
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forgetting {
    /// Whether nothing was changed.
    pub dry_run: bool,
    #[serde(flatten)]
    pub forgotten: ForgottenForGood,
    /// Of a person: traces that retention has emptied, and those that cannot be read. Whether any was theirs is not known.
    pub unknown: Option<Unknown>,
}

/// Traces that were not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Unknown {
    pub emptied: u64,
    pub unreadable: u64,
}

/// Traces read at once.
const TRACES: usize = 64;

/// Forgets it in one transaction, or says what that would be. What comes in later is kept again. Fails while workers of an earlier
/// release share the database, which could not read the audit log afterwards.
pub async fn forget(
    store: &Store,
    redactor: &Redactor,
    whose: &Whose,
    actor: &Actor,
    dry_run: bool,
) -> Result<Forgetting, StoreError> {
    if !dry_run {
        store.may_forget().await?;
    }
    forget_now(store, redactor, whose, actor, dry_run).await
}

async fn forget_now(
    store: &Store,
    redactor: &Redactor,
    whose: &Whose,
    actor: &Actor,
    dry_run: bool,
) -> Result<Forgetting, StoreError> {
    let mut unknown = None;
    let what = match whose {
        Whose::Trace(id) => ToForget { traces: [*id].into(), found_by: "trace" },
        Whose::Session(id) => {
            let mut traces = store.traces_of_session(id).await?;
            // As it came, and as redaction has stored it.
            traces.extend(store.traces_of_session(&redactor.identity(id)).await?);
            ToForget { traces, found_by: "session" }
        }
        Whose::User(id) => {
            let (traces, unreadable) = traces_of_user(store, redactor, id).await?;
            unknown = Some(Unknown { emptied: store.emptied_traces().await?, unreadable });
            ToForget { traces, found_by: "user" }
        }
    };
    let forgotten = if what.traces.is_empty() {
        ForgottenForGood::default()
    } else {
        store.forget_for_good(&what, actor, dry_run).await?
    };
    Ok(Forgetting { dry_run, forgotten, unknown })
}

/// The traces of which a span names the person, and how many cannot be read.
async fn traces_of_user(
    store: &Store,
    redactor: &Redactor,
    user: &str,
) -> Result<(BTreeSet<TraceId>, u64), StoreError> {
    let names = [user.to_owned(), redactor.identity(user)];
    let (mut found, mut unreadable) = (BTreeSet::new(), 0);
    let mut after = None;
    loop {
        let ids = store.traces_with_spans(after, TRACES).await?;
        let Some(last) = ids.last() else { return Ok((found, unreadable)) };
        after = Some(*last);
        for (id, records) in ids.iter().zip(store.trace_records(&ids).await?) {
            match panics::caught(|| names_user(records, &names)) {
                Ok(true) => drop(found.insert(*id)),
                Ok(false) => {}
                Err(_) => unreadable += 1,
            }
        }
    }
}

fn names_user(records: TraceRecords, names: &[String; 2]) -> bool {
    let steps = assemble(records.spans, records.logs).steps;
    steps.iter().any(|step| step.user_id.as_ref().is_some_and(|user| names.contains(user)))
}

#[cfg(test)]
mod tests;
