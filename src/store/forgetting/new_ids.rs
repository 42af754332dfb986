//! The random ids that take the place of what is forgotten, the same where the old ones were the same.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::store::drift_log::Logged;
use crate::store::{StoreError, rows};

/// The new ids by the old ones.
#[derive(Default)]
pub(super) struct NewIds {
    traces: HashMap<Vec<u8>, Vec<u8>>,
    spans: HashMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    sessions: HashMap<String, String>,
    subjects: HashMap<Uuid, Uuid>,
    evaluations: HashMap<Uuid, Uuid>,
    digests: HashMap<Vec<u8>, Vec<u8>>,
    /// Digests of content that others hold as well, which stay.
    shared: HashSet<Vec<u8>>,
}

impl NewIds {
    /// Whether there is nothing to forget.
    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    pub(super) fn name_traces(&mut self, traces: impl IntoIterator<Item = Vec<u8>>) {
        for trace in traces {
            self.traces.entry(trace).or_insert_with(|| rand::random::<[u8; 16]>().to_vec());
        }
    }

    pub(super) fn name_session(&mut self, session: String) {
        self.sessions.insert(session, random_uuid().to_string());
    }

    pub(super) fn name_subject(&mut self, subject: Uuid) {
        self.subjects.insert(subject, random_uuid());
    }

    /// Those of subjects that get another id. `evaluations` are pairs of evaluation and subject.
    pub(super) fn name_evaluations(&mut self, evaluations: &[(Uuid, Uuid)]) {
        let named = evaluations.iter().filter(|(_, subject)| self.subjects.contains_key(subject));
        self.evaluations.extend(named.map(|(evaluation, _)| (*evaluation, random_uuid())));
    }

    pub(super) fn share(&mut self, digests: impl IntoIterator<Item = Vec<u8>>) {
        self.shared.extend(digests);
    }

    /// Every trace with its new id.
    pub(super) fn traces(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.traces.iter().map(|(old, new)| (old.as_slice(), new.as_slice()))
    }

    /// The conversations that get another id.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions.keys().map(String::as_str)
    }

    pub(super) fn has_session(&self, session: &str) -> bool {
        self.sessions.contains_key(session)
    }

    pub(super) fn session(&self, session: &str) -> String {
        self.sessions.get(session).map_or_else(|| session.to_owned(), Clone::clone)
    }

    pub(super) fn subject(&self, subject: Uuid) -> Uuid {
        self.subjects.get(&subject).copied().unwrap_or(subject)
    }

    pub(super) fn evaluation(&self, evaluation: Uuid) -> Uuid {
        self.evaluations.get(&evaluation).copied().unwrap_or(evaluation)
    }

    /// The place of a subject. What was judged of a whole conversation may stand under a trace that stays.
    pub(super) fn place(&mut self, trace: &[u8], span: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let Some(new) = self.traces.get(trace).cloned() else { return (trace.to_vec(), span.to_vec()) };
        let key = (trace.to_vec(), span.to_vec());
        (new, self.spans.entry(key).or_insert_with(|| rand::random::<[u8; 8]>().to_vec()).clone())
    }

    pub(super) fn digest(&mut self, digest: &[u8]) -> Vec<u8> {
        if self.shared.contains(digest) {
            return digest.to_vec();
        }
        self.digests.entry(digest.to_vec()).or_insert_with(|| rand::random::<[u8; 32]>().to_vec()).clone()
    }

    /// An entry of the drift log under the new ids.
    pub(super) fn logged(&mut self, entry: &str) -> Result<String, StoreError> {
        let mut logged: Logged = rows::json("drift_log", "entry", entry)?;
        logged.subject = self.subject(logged.subject.as_uuid()).into();
        logged.score.evaluation = self.evaluation(logged.score.evaluation.as_uuid()).into();
        logged.session = logged.session.map(|session| self.session(&session));
        if let Ok(digest) = hex::decode(&logged.content) {
            logged.content = hex::encode(self.digest(&digest));
        }
        rows::to_json("drift_log", "entry", &logged)
    }
}

fn random_uuid() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}
