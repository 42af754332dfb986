//! What intake knows of its own health, for `/readyz` and `judged doctor`.

use std::sync::{Mutex, PoisonError};

/// Shared between the parts of intake that notice trouble and the pages that show it.
#[derive(Debug, Default)]
pub struct IntakeStatus {
    troubles: Mutex<Troubles>,
}

#[derive(Debug, Default)]
struct Troubles {
    store: Option<String>,
    broker: Option<String>,
    kafka: Option<String>,
}

/// Something intake depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The database.
    Store,
    /// RabbitMQ.
    Broker,
    /// Kafka.
    #[cfg(feature = "kafka")]
    Kafka,
}

impl Dependency {
    /// As people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store => "the database",
            Self::Broker => "RabbitMQ",
            #[cfg(feature = "kafka")]
            Self::Kafka => "Kafka",
        }
    }
}

impl IntakeStatus {
    /// Notes that a dependency is away, and why. The reason is shown to people: no content, no secrets.
    pub fn away(&self, dependency: Dependency, reason: impl Into<String>) {
        self.note(dependency, Some(reason.into()));
    }

    /// Notes that a dependency answers (again).
    pub fn back(&self, dependency: Dependency) {
        self.note(dependency, None);
    }

    fn note(&self, dependency: Dependency, reason: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match dependency {
            Dependency::Store => troubles.store = reason,
            Dependency::Broker => troubles.broker = reason,
            #[cfg(feature = "kafka")]
            Dependency::Kafka => troubles.kafka = reason,
        }
    }

    /// What keeps intake from working, each with the reason; empty when nothing does.
    pub fn troubles(&self) -> Vec<(&'static str, String)> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let store = troubles.store.iter().map(|reason| ("database away", reason.clone()));
        let broker = troubles.broker.iter().map(|reason| ("broker away", reason.clone()));
        let kafka = troubles.kafka.iter().map(|reason| ("Kafka away", reason.clone()));
        store.chain(broker).chain(kafka).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_until_it_is_over() {
        let status = IntakeStatus::default();
        status.away(Dependency::Broker, "connection refused");
        status.away(Dependency::Store, "disk full");
        let (database, broker) = ("database away", ("broker away", "connection refused".to_owned()));
        assert_eq!(status.troubles(), [(database, "disk full".to_owned()), broker.clone()]);
        status.back(Dependency::Store);
        assert_eq!(status.troubles(), [broker]);
    }
}
