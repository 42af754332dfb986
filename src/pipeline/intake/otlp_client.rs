//! The other end of the wire: sends export requests as an exporter does. `judged replay` is made of it.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic_types::StatusExt;

use super::amqp;
use super::kafka::{KafkaConfigError, KafkaSender};
use crate::config::intake::{AmqpConfig, IntakeConfig};
use crate::net;
use crate::otlp::{Request, Signal, wire};

/// Where requests are sent.
#[derive(Debug, Clone)]
pub enum Target {
    /// OTLP/HTTP at a base address.
    Http(String),
    /// OTLP/gRPC at `http(s)://host:port`.
    Grpc(String),
    /// A RabbitMQ broker.
    Amqp(SecretString),
    /// Brokers of Kafka, `host:port` with commas between them.
    Kafka(String),
}

/// Text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected http(s)://host:port, grpc(s)://host:port, amqp(s)://user:password@host/vhost or kafka://host:port")]
pub struct TargetError;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = text.trim().split_once("://").filter(|(_, rest)| !rest.is_empty()).ok_or(TargetError)?;
        let rest = rest.trim_end_matches('/');
        match scheme {
            "http" | "https" => {
                let base = rest.trim_end_matches("/v1/traces").trim_end_matches("/v1/logs");
                Ok(Self::Http(format!("{scheme}://{base}")))
            }
            "grpc" => Ok(Self::Grpc(format!("http://{rest}"))),
            "grpcs" => Ok(Self::Grpc(format!("https://{rest}"))),
            "kafka" => Ok(Self::Kafka(rest.to_owned())),
            "amqp" | "amqps" => Ok(Self::Amqp(text.trim().to_owned().into())),
            _ => Err(TargetError),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(base) => f.write_str(base),
            Self::Grpc(endpoint) => write!(f, "{} (gRPC)", endpoint.split("://").last().unwrap_or_default()),
            // Without the credentials.
            Self::Amqp(url) => match amqp::parse(url.expose_secret(), 0) {
                Ok(uri) => write!(f, "RabbitMQ at {}:{}", uri.authority.host, uri.authority.port),
                Err(_) => f.write_str("RabbitMQ"),
            },
            Self::Kafka(brokers) => write!(f, "Kafka at {brokers}"),
        }
    }
}

/// Why a request was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is not usable.
    #[error("`{0}` is no address to send to")]
    Address(String),
    /// Nobody answers.
    #[error("cannot reach {to}; is judged running there?")]
    Connect { to: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The broker's URL is wrong.
    #[error(transparent)]
    BrokerUrl(#[from] amqp::BrokerUrlError),
    /// Kafka cannot be written to as configured.
    #[error(transparent)]
    Kafka(#[from] KafkaConfigError),
    /// The receiver refused a request for good.
    #[error("refused: {0}")]
    Refused(String),
    /// The receiver had too much to do all the time.
    #[error("still refused after {seconds} seconds of trying again: {why}", seconds = PATIENCE.as_secs())]
    Unavailable {
        /// What it said last.
        why: String,
    },
    /// The broker has no such queue.
    #[error("queue `{0}` does not exist: start judged with intake.amqp first, or declare it")]
    NoQueue(String),
    /// The broker took a message and did not keep it.
    #[error("the broker refused a message for queue `{0}`; is the queue full?")]
    NotKept(String),
}

/// What the receiver said of a request it took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// Records it rejected.
    pub rejected: i64,
    /// Why; empty when none was.
    pub message: String,
}

/// A connection to a target.
pub struct Sender {
    to: String,
    wire: Wire,
}

#[expect(clippy::large_enum_variant, reason = "there is one per program")]
enum Wire {
    Http { client: reqwest::Client, base: String },
    Grpc(tonic::transport::Channel),
    Amqp { _connection: Connection, channel: Channel, traces_queue: String, logs_queue: String },
    Kafka(Box<KafkaSender>),
}

/// How long a receiver that says "later" is asked again.
const PATIENCE: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const LARGEST_MESSAGE: usize = 1 << 30;

/// The answer to one attempt.
enum Attempt {
    Taken(Sent),
    Later { after: Duration, why: String },
}

impl Sender {
    /// Connects. `intake` names the queues and topics of a broker; without it they are the exporters' defaults.
    pub async fn connect(to: &Target, intake: &IntakeConfig) -> Result<Self, SendError> {
        let wire = match to {
            Target::Http(base) => Wire::Http { client: http_client(base)?, base: base.clone() },
            Target::Grpc(address) => Wire::Grpc(grpc_channel(address).await?),
            Target::Amqp(url) => broker(url, to, intake.amqp.as_ref()).await?,
            Target::Kafka(brokers) => Wire::Kafka(Box::new(KafkaSender::connect(brokers, intake.kafka.as_ref())?)),
        };
        Ok(Self { to: to.to_string(), wire })
    }

    /// Sends one request, and again while the receiver asks for patience.
    pub async fn send(&self, request: Request) -> Result<Sent, SendError> {
        let start = Instant::now();
        loop {
            let (after, why) = match self.attempt(&request).await? {
                Attempt::Taken(sent) => return Ok(sent),
                Attempt::Later { after, why } => (after, why),
            };
            if start.elapsed() + after > PATIENCE {
                return Err(SendError::Unavailable { why });
            }
            tokio::time::sleep(after).await;
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Attempt, SendError> {
        match &self.wire {
            Wire::Http { client, base } => self.over_http(client, base, request).await,
            Wire::Grpc(channel) => over_grpc(channel, request).await,
            Wire::Amqp { channel, traces_queue, logs_queue, .. } => {
                let queue = if signal(request) == Signal::Traces { traces_queue } else { logs_queue };
                self.over_amqp(channel, queue, request).await
            }
            Wire::Kafka(sender) => {
                let sent = sender.send(signal(request), &encode(request)).await;
                sent.map(|()| Attempt::Taken(Sent::default())).map_err(|error| self.unreachable(error))
            }
        }
    }

    fn unreachable(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SendError {
        SendError::Connect { to: self.to.clone(), source: error.into() }
    }

    async fn over_http(&self, client: &reqwest::Client, base: &str, request: &Request) -> Result<Attempt, SendError> {
        let signal = signal(request);
        let post =
            client.post(format!("{base}/v1/{}", signal.as_str())).header("content-type", "application/x-protobuf");
        let response = post.body(encode(request)).send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let retry_after = net::retry_after(response.headers(), Timestamp::now());
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        if status.is_success() {
            return Ok(Attempt::Taken(partial_success(signal, &body)));
        }
        let why = match tonic_types::Status::decode(body) {
            Ok(told) if !told.message.is_empty() => format!("{status}: {}", told.message),
            _ => status.to_string(),
        };
        match status.as_u16() {
            429 | 502..=504 => Ok(Attempt::Later { after: retry_after.unwrap_or(Duration::from_secs(1)), why }),
            _ => Err(SendError::Refused(why)),
        }
    }

    async fn over_amqp(&self, channel: &Channel, queue: &str, request: &Request) -> Result<Attempt, SendError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let body = encode(request);
        let published = channel.basic_publish("".into(), queue.into(), options, &body, persistent).await;
        let confirmation = published.map_err(|error| self.unreachable(error))?.await;
        match confirmation.map_err(|error| self.unreachable(error))? {
            Confirmation::Ack(None) => Ok(Attempt::Taken(Sent::default())),
            // A returned message is acknowledged all the same: it had nowhere to go.
            Confirmation::Ack(Some(_)) => Err(SendError::NoQueue(queue.to_owned())),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(SendError::NotKept(queue.to_owned())),
        }
    }
}

async fn over_grpc(channel: &tonic::transport::Channel, request: &Request) -> Result<Attempt, SendError> {
    let answer = match request {
        Request::Traces(traces) => {
            let mut client = TraceServiceClient::new(channel.clone()).max_encoding_message_size(LARGEST_MESSAGE);
            client.export(traces.clone()).await.map(|answer| {
                let partial = answer.into_inner().partial_success.unwrap_or_default();
                Sent { rejected: partial.rejected_spans, message: partial.error_message }
            })
        }
        Request::Logs(logs) => {
            let mut client = LogsServiceClient::new(channel.clone()).max_encoding_message_size(LARGEST_MESSAGE);
            client.export(logs.clone()).await.map(|answer| {
                let partial = answer.into_inner().partial_success.unwrap_or_default();
                Sent { rejected: partial.rejected_log_records, message: partial.error_message }
            })
        }
    };
    answer.map(Attempt::Taken).or_else(|status| {
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let why = format!("{:?}: {}", status.code(), status.message());
        match (status.code(), after) {
            (tonic::Code::ResourceExhausted, None) => Err(SendError::Refused(why)),
            (tonic::Code::ResourceExhausted | tonic::Code::Unavailable, after) => {
                Ok(Attempt::Later { after: after.unwrap_or(Duration::from_secs(1)), why })
            }
            _ => Err(SendError::Refused(why)),
        }
    })
}

fn http_client(base: &str) -> Result<reqwest::Client, SendError> {
    reqwest::Url::parse(base).map_err(|_| SendError::Address(base.to_owned()))?;
    let client = net::plain_client().connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT).build();
    client.map_err(|error| SendError::Connect { to: base.to_owned(), source: error.into() })
}

async fn grpc_channel(address: &str) -> Result<tonic::transport::Channel, SendError> {
    let wrong = |_| SendError::Address(address.to_owned());
    let mut endpoint = Endpoint::from_shared(address.to_owned()).map_err(wrong)?;
    if address.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(wrong)?;
    }
    let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT);
    endpoint.connect().await.map_err(|error| SendError::Connect { to: address.to_owned(), source: error.into() })
}

async fn broker(url: &SecretString, to: &Target, queues: Option<&AmqpConfig>) -> Result<Wire, SendError> {
    let defaults = AmqpConfig::at(url.clone());
    let queues = queues.unwrap_or(&defaults);
    let uri = amqp::parse(url.expose_secret(), queues.heartbeat_seconds)?;
    let properties = ConnectionProperties::default().with_connection_name("judged replay".into());
    let unreachable = |error: lapin::Error| SendError::Connect { to: to.to_string(), source: error.into() };
    let connection = amqp::connection::connect(uri, properties).await.map_err(unreachable)?;
    let channel = connection.create_channel().await.map_err(unreachable)?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(unreachable)?;
    let (traces_queue, logs_queue) = (queues.traces_queue.clone(), queues.logs_queue.clone());
    Ok(Wire::Amqp { _connection: connection, channel, traces_queue, logs_queue })
}

fn signal(request: &Request) -> Signal {
    match request {
        Request::Traces(_) => Signal::Traces,
        Request::Logs(_) => Signal::Logs,
    }
}

fn encode(request: &Request) -> Vec<u8> {
    match request {
        Request::Traces(traces) => traces.encode_to_vec(),
        Request::Logs(logs) => logs.encode_to_vec(),
    }
}

/// A receiver may answer with nothing at all.
fn partial_success(signal: Signal, body: &[u8]) -> Sent {
    match signal {
        Signal::Traces => wire::ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|partial| Sent { rejected: partial.rejected_spans, message: partial.error_message }),
        Signal::Logs => wire::ExportLogsServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|partial| Sent { rejected: partial.rejected_log_records, message: partial.error_message }),
    }
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_by_its_scheme() {
        assert!(matches!("http://h:1/v1/traces/".parse().unwrap(), Target::Http(base) if base == "http://h:1"));
        assert!(matches!("grpcs://h:1".parse().unwrap(), Target::Grpc(address) if address == "https://h:1"));
        assert!(matches!("amqps://u:p@h".parse().unwrap(), Target::Amqp(_)));
        assert_eq!("kafka://a:1,b:2/".parse::<Target>().unwrap().to_string(), "Kafka at a:1,b:2");
        for wrong in ["h:1", "ftp://h", "http://", ""] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_target_is_shown_without_its_password() {
        let target: Target = "amqp://otel:hunter2@mq:5672/%2f".parse().unwrap();
        assert_eq!(target.to_string(), "RabbitMQ at mq:5672");
        assert_eq!("amqps://otel:hunter2@mq".parse::<Target>().unwrap().to_string(), "RabbitMQ at mq:5671");
        assert!(!format!("{target:?}").contains("hunter2"));
        assert_eq!("grpc://h:1".parse::<Target>().unwrap().to_string(), "h:1 (gRPC)");
    }
}
