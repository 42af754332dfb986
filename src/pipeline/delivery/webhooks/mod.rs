//! Webhooks: people and systems that are told of alerts, through an outbox, until they accept or three days are over.
//!
//! A message is sent at least once: a crash between sending and recording sends it again, with the same `webhook-id`.

mod error;
mod message;
mod settings;
mod signature;
mod stage;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, Url};

use self::message::Message;
use self::signature::SigningKey;
use super::sinks::DeliveryError;
use super::sinks::http::{bounded_client, exchange};
use crate::config::AlertsConfig;
use crate::config::alerts::{WebhookConfig, WebhookKind};
use crate::model::{Alert, AlertDeliveryId, AlertEvent, AlertEvidence, AlertFinding, Attribution, DriftKind, Estimate};
use crate::net;
use crate::store::{AlertRoute, OwedAlert};

pub use error::WebhookConfigError;
pub use stage::Notification;

/// A configured webhook.
pub struct Webhook {
    name: String,
    kind: WebhookKind,
    url: Url,
    client: Client,
    key: Option<SigningKey>,
    timeout: Duration,
    public_url: Option<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may be a secret.
        f.debug_struct("Webhook").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The webhook of one `[[alerts.webhook]]` section; `variables` looks up environment variables.
    pub fn from_config(
        config: &WebhookConfig,
        public_url: Option<&str>,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, WebhookConfigError> {
        let name = config.name().to_owned();
        let headers = settings::headers(config, variables)?;
        let client = bounded_client(headers, config.timeout)
            .map_err(|source| WebhookConfigError::Client { webhook: name.clone(), source })?;
        Ok(Self {
            kind: config.kind,
            url: settings::address(config, variables)?,
            client,
            key: settings::signing_key(config, variables)?,
            timeout: config.timeout,
            public_url: public_url.map(str::to_owned),
            name,
        })
    }

    /// All configured webhooks.
    pub fn all(
        config: &AlertsConfig,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Arc<Self>>, WebhookConfigError> {
        let public_url = config.public_url.as_deref();
        if let Some(text) = public_url.filter(|text| net::http_url(text).is_err()) {
            return Err(WebhookConfigError::PublicUrl(text.to_owned()));
        }
        let mut names = BTreeSet::new();
        if let Some(repeated) = config.webhook.iter().find(|webhook| !names.insert(webhook.name())) {
            return Err(WebhookConfigError::Repeated(repeated.name().to_owned()));
        }
        let built =
            config.webhook.iter().map(|webhook| Self::from_config(webhook, public_url, variables).map(Arc::new));
        built.collect()
    }

    /// Its name in the outbox and the metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its messages are signed.
    pub fn is_signed(&self) -> bool {
        self.key.is_some()
    }

    /// Sends one message; `now_ms` is the time that its signature bears.
    pub async fn send(&self, owed: &OwedAlert, now_ms: i64) -> Result<(), DeliveryError> {
        let message = Message {
            event: owed.event,
            alert: &owed.alert,
            at_ms: owed.created_at_ms,
            public_url: self.public_url.as_deref(),
        };
        self.post(owed.id, message.body(self.kind).to_string().into_bytes(), now_ms).await
    }

    /// Sends a made-up alert that says so; for `judged alerts test`. Alertmanager is told that it is over already.
    pub async fn send_test(&self, now_ms: i64) -> Result<(), DeliveryError> {
        let mut owed = OwedAlert {
            id: AlertDeliveryId::derive(sample(now_ms).id, &self.name, 0),
            event: AlertEvent::Opened,
            alert: sample(now_ms),
            attempts: 0,
            created_at_ms: now_ms,
        };
        if self.kind == WebhookKind::Alertmanager {
            owed.event = AlertEvent::Resolved;
            owed.alert.resolved_at_ms = Some(now_ms);
        }
        self.send(&owed, now_ms).await
    }

    async fn post(&self, id: AlertDeliveryId, body: Vec<u8>, now_ms: i64) -> Result<(), DeliveryError> {
        let (id, seconds) = (id.to_string(), now_ms.div_euclid(1_000));
        let mut request =
            self.client.post(self.url.clone()).header("webhook-id", &id).header("webhook-timestamp", seconds);
        if let Some(signature) = self.key.as_ref().map(|key| key.sign(&id, seconds, &body))
            && let Ok(value) = HeaderValue::from_str(&signature)
        {
            request = request.header("webhook-signature", value);
        }
        let answer = exchange(request.body(body), &self.url, self.timeout).await?;
        // Receivers know a message by its id, so that a failure of their own may be tried again.
        if answer.status.is_success() { Ok(()) } else { Err(answer.idempotent_error()) }
    }

    /// Whether the receiver answers at all; for `judged doctor`. Sends no message. What it answers says how far that goes:
    /// only Alertmanager has something to ask for.
    pub async fn check(&self) -> Result<String, DeliveryError> {
        if self.kind == WebhookKind::Alertmanager {
            let mut url = self.url.clone();
            let beside = url.path().strip_suffix("/alerts").map(|path| format!("{path}/status"));
            url.set_path(&beside.unwrap_or_default());
            let answer = exchange(self.client.get(url.clone()), &url, self.timeout).await?;
            return if answer.status.is_success() {
                Ok("alertmanager reachable".to_owned())
            } else {
                Err(answer.idempotent_error())
            };
        }
        let answer = exchange(self.client.head(self.url.clone()), &self.url, self.timeout).await?;
        if answer.status.is_server_error() && answer.status.as_u16() != 501 {
            return Err(answer.idempotent_error());
        }
        let signed = match (self.kind, self.is_signed()) {
            (WebhookKind::Generic, true) => ", messages are signed",
            (WebhookKind::Generic, false) => ", messages are NOT signed (set secret_env)",
            (WebhookKind::Slack | WebhookKind::Alertmanager, _) => "",
        };
        Ok(format!("{} reachable{signed}; `judged alerts test` sends a message", self.kind.as_str()))
    }
}

/// What each configured webhook wants to hear of; its secrets are not asked for.
pub fn routes(config: &AlertsConfig) -> Vec<AlertRoute> {
    let route = |webhook: &WebhookConfig| {
        let mut events: BTreeSet<AlertEvent> = webhook.on.iter().map(|event| AlertEvent::from(*event)).collect();
        if webhook.kind == WebhookKind::Alertmanager && events.contains(&AlertEvent::Opened) {
            events.insert(AlertEvent::Standing);
        }
        AlertRoute { webhook: webhook.name().to_owned(), events }
    };
    config.webhook.iter().map(route).collect()
}

/// An alert that nothing happened for.
pub fn sample(now_ms: i64) -> Alert {
    let finding = AlertFinding {
        rubric: "test".to_owned(),
        version: 1,
        judge: "test".to_owned(),
        kind: DriftKind::Agreement,
        segment: None,
        since_ms: now_ms,
        detected_at_ms: now_ms,
        labels_to_detection: 0,
        effect: Estimate::Bare(0.0, "this is a test").into(),
        evidence: AlertEvidence {
            statistic: 0.0,
            threshold: 0.0,
            guarantee: "nothing moved".to_owned(),
            algorithm: None,
        },
        attribution: Attribution::Ambiguous,
        advice: "nothing: this message was sent by `judged alerts test`".to_owned(),
    };
    Alert::open(finding, now_ms)
}
