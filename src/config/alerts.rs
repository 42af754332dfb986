//! `[alerts]`: what becomes of drift flags, and who is told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::duration;
use super::judges::ExtraHeaders;
use crate::model::{AlertEvent, named_enum};

/// What becomes of drift flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// An alert is over when its flag has been gone for so long.
    #[serde(with = "duration")]
    pub resolve_after: Duration,
    /// The address under which people reach the pages, for links in messages.
    pub public_url: Option<String>,
    /// Who is told.
    pub webhook: Vec<WebhookConfig>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self { resolve_after: Duration::from_hours(1), public_url: None, webhook: Vec::new() }
    }
}

named_enum! {
    /// What a webhook's receiver understands.
    pub enum WebhookKind {
        /// judged's own JSON, signed as Standard Webhooks are.
        Generic = "generic",
        /// An incoming webhook of Slack, or of a chat that takes the same.
        Slack = "slack",
        /// The API of Prometheus' Alertmanager.
        Alertmanager = "alertmanager",
    }
}

named_enum! {
    /// What a webhook can be asked to tell.
    pub enum WebhookEvent {
        /// An alert began, or came back.
        Opened = "opened",
        /// Somebody has looked at it.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
    }
}

impl From<WebhookEvent> for AlertEvent {
    fn from(event: WebhookEvent) -> Self {
        match event {
            WebhookEvent::Opened => Self::Opened,
            WebhookEvent::Acknowledged => Self::Acknowledged,
            WebhookEvent::Resolved => Self::Resolved,
        }
    }
}

/// A text that may be secret, so that it never shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct HiddenText(pub String);

impl fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Serialize for HiddenText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[hidden]")
    }
}

/// One `[[alerts.webhook]]` entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name in the outbox and the metrics: change it, and its backlog belongs to nobody. Absent: its kind.
    #[serde(default)]
    pub name: Option<String>,
    /// What its receiver understands.
    pub kind: WebhookKind,
    /// Where messages go. For `alertmanager` the server's address, without `/api/v2/alerts`.
    #[serde(default)]
    pub url: Option<HiddenText>,
    /// The environment variable that holds the address: Slack's is a secret.
    #[serde(default)]
    pub url_env: Option<String>,
    /// The file that holds the address.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// `generic`: the environment variable that holds the key of the signature.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// `generic`: the file that holds the key of the signature.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds a token, sent as `Authorization: Bearer`.
    #[serde(default)]
    pub token_env: Option<String>,
    /// The file that holds the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// More request headers.
    #[serde(default)]
    pub headers: ExtraHeaders,
    /// Which events are sent.
    #[serde(default = "opened_and_resolved")]
    pub on: Vec<WebhookEvent>,
    /// How long one request may take.
    #[serde(default = "ten_seconds", with = "duration")]
    pub timeout: Duration,
}

impl WebhookConfig {
    /// Its name in the outbox and the metrics.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.as_str())
    }
}

fn opened_and_resolved() -> Vec<WebhookEvent> {
    vec![WebhookEvent::Opened, WebhookEvent::Resolved]
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_needs_a_kind_and_its_address_never_shows() {
        let config: AlertsConfig =
            toml::from_str("[[webhook]]\nkind = \"slack\"\nurl = \"https://hooks.slack.com/services/T0/B0/hush\"")
                .unwrap();
        let webhook = &config.webhook[0];
        assert_eq!((webhook.name(), webhook.on.as_slice()), ("slack", opened_and_resolved().as_slice()));
        assert!(!format!("{config:?}").contains("hush"));
        assert!(!toml::to_string(&config).unwrap().contains("hush"));
    }

    #[test]
    fn only_events_that_people_can_ask_for_are_taken() {
        let parse = |event: &str| {
            toml::from_str::<WebhookConfig>(&format!("kind = \"generic\"\non = [\"{event}\"]")).map(|config| config.on)
        };
        assert_eq!(parse("acknowledged").unwrap(), [WebhookEvent::Acknowledged]);
        assert!(
            parse("standing").unwrap_err().to_string().contains("expected one of `opened`, `acknowledged`, `resolved`")
        );
    }
}
