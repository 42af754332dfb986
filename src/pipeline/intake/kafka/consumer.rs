//! The consumer: sessions with the brokers, one after the other.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::KafkaConfigError;
use super::check::{KafkaCheckError, look};
use super::context::{Context, Plain};
use super::desk::Desk;
use super::error::SessionError;
use super::reader::Reader;
use super::settings::Settings;
use crate::config::kafka::KafkaConfig;
use crate::error_chain::causes;
use crate::pipeline::intake::admission::Admission;
use crate::pipeline::intake::backoff::Sessions;
use crate::pipeline::intake::{Dependency, Intake};
use crate::secrets::process_variable;

/// A member of the consumer group, ready to run.
#[derive(Debug)]
pub struct KafkaConsumer {
    settings: Settings,
}

impl KafkaConsumer {
    /// Reads the settings and secrets; nothing is connected yet.
    pub fn new(config: &KafkaConfig) -> Result<Self, KafkaConfigError> {
        let settings = Settings::new(config, &process_variable)?;
        Ok(Self { settings })
    }

    /// Looks at the cluster without joining the group: what is there of each topic.
    pub async fn check(&self) -> Result<Vec<String>, KafkaCheckError> {
        let settings = self.settings.clone();
        let looked = tokio::task::spawn_blocking(move || look(&settings));
        looked.await.unwrap_or_else(|error| Err(KafkaCheckError::Away { reason: error.to_string() }))
    }

    /// Reads until `shutdown`, whatever happens to the brokers.
    pub async fn run(self, intake: Arc<Intake>, admission: Admission, shutdown: CancellationToken) {
        self.settings.topics().into_iter().for_each(|topic| intake.metrics.topic_is_there(topic));
        let tasks = TaskTracker::new();
        let desk = Arc::new(Desk {
            intake: Arc::clone(&intake),
            admission,
            settings: self.settings.clone(),
            shutdown: shutdown.clone(),
            producer: OnceCell::new(),
        });
        let mut sessions = Sessions::with(Dependency::Kafka);
        while !shutdown.is_cancelled() {
            sessions.begin();
            match self.session(&desk, &tasks, &shutdown).await {
                Ok(()) => break,
                Err(error @ SessionError::Overtaken) => tracing::warn!("{error}; looking what is lost"),
                Err(error) => sessions.failed(causes(&error), intake.status(), &shutdown).await,
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// From joining the group to leaving it; `Ok` after a shutdown.
    async fn session(
        &self,
        desk: &Arc<Desk>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let config = self.settings.config();
        let context = Context {
            plain: Plain { token: self.settings.token.clone(), ..Plain::default() },
            books: Arc::default(),
            store: Arc::clone(&desk.intake.store),
            status: Arc::clone(&desk.intake.status),
            metrics: Arc::clone(&desk.intake.metrics),
            runtime: Handle::current(),
            group: config.group.clone(),
            start: config.start,
            is_away: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let (client, topics) =
            (self.settings.of_consumer(), self.settings.topics().into_iter().map(str::to_owned).collect::<Vec<_>>());
        let (desk, tasks, shutdown) = (Arc::clone(desk), tasks.clone(), shutdown.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer<Context> = client.create_with_context(context).map_err(SessionError::Client)?;
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            consumer.subscribe(&names).map_err(SessionError::Client)?;
            Reader::new(consumer, desk, tasks, shutdown).run()
        });
        reading.await.map_err(SessionError::Reader)?
    }
}
