//! The receivers as a service: sockets are bound first, so that whoever starts judged knows when it is reachable.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::amqp::AmqpConsumer;
use super::intake_error::IntakeError;
use super::kafka::KafkaConsumer;
use super::otlp_http::Receiver;
use super::{Intake, door, otlp_grpc, otlp_http};
use crate::config::intake::{IntakeConfig, Listen, OtlpConfig};
use crate::net::server::{self, Serving};
use crate::secrets::Tokens;

/// Bound sockets, not served yet.
pub struct Listeners {
    http: Option<TcpListener>,
    grpc: Option<TcpListener>,
    amqp: Option<AmqpConsumer>,
    kafka: Option<KafkaConsumer>,
    otlp: OtlpConfig,
    tokens: Tokens<String>,
    tls: Option<TlsAcceptor>,
}

const HTTP: &str = "OTLP/HTTP";
const GRPC: &str = "OTLP/gRPC";

/// Binds every configured receiver and reads what is needed of the brokers; they themselves may come later.
pub async fn bind(config: &IntakeConfig) -> Result<Listeners, IntakeError> {
    let OtlpConfig { http, grpc, tls_cert_file, tls_key_file, .. } = &config.otlp;
    let tokens = door::tokens(&config.otlp)?;
    let tls = server::acceptor(tls_cert_file.as_deref(), tls_key_file.as_deref()).map_err(IntakeError::Tls)?;
    let listeners = Listeners {
        http: listen(http, HTTP, "intake.otlp.http").await?,
        grpc: listen(grpc, GRPC, "intake.otlp.grpc").await?,
        amqp: config.amqp.clone().map(AmqpConsumer::new).transpose()?,
        kafka: config.kafka.as_ref().map(KafkaConsumer::new).transpose()?,
        otlp: config.otlp.clone(),
        tokens,
        tls,
    };
    for address in [listeners.http_address(), listeners.grpc_address()].into_iter().flatten() {
        door::check_tokens(&listeners.tokens, address)?;
    }
    Ok(listeners)
}

async fn listen(
    listen: &Listen,
    protocol: &'static str,
    key: &'static str,
) -> Result<Option<TcpListener>, IntakeError> {
    match listen {
        Listen::Off => Ok(None),
        Listen::At(address) => TcpListener::bind(address).await.map(Some).map_err(|source| IntakeError::Bind {
            address: address.clone(),
            protocol,
            key,
            source,
        }),
    }
}

impl Listeners {
    /// Whether there is no way in at all.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.grpc.is_none() && self.amqp.is_none() && self.kafka.is_none()
    }

    /// Where OTLP/HTTP is reachable.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// Where OTLP/gRPC is reachable.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref()?.local_addr().ok()
    }

    /// What strangers can do with the receivers, where others can reach them; for `judged doctor`.
    pub fn exposures(&self) -> Vec<String> {
        let addresses = [("intake.otlp.http", self.http_address()), ("intake.otlp.grpc", self.grpc_address())];
        let of = |(key, address): (&str, Option<SocketAddr>)| {
            let exposure = exposure(address?, !self.tokens.is_empty(), self.tls.is_some())?;
            Some(format!("{key}: {exposure}"))
        };
        addresses.into_iter().filter_map(of).collect()
    }

    /// Serves until `shutdown`, then finishes the requests under way.
    pub async fn serve(self, intake: Arc<Intake>, shutdown: CancellationToken) {
        // One memory for all ways in.
        let patience = Duration::from_secs(u64::from(self.otlp.retry_after_seconds.max(1)));
        let admission = Admission::new(self.otlp.max_in_flight_bytes, patience);
        let receiver = Receiver::new(&self.otlp, self.tokens, admission.clone(), Arc::clone(&intake));
        let http = serve(self.http, &receiver, otlp_http::router, HTTP, self.tls.clone(), shutdown.clone());
        let grpc = serve(self.grpc, &receiver, otlp_grpc::router, GRPC, self.tls, shutdown.clone());
        let amqp = async {
            if let Some(consumer) = self.amqp {
                consumer.run(Arc::clone(&intake), admission.clone(), shutdown.clone()).await;
            }
        };
        let kafka = async {
            if let Some(consumer) = self.kafka {
                consumer.run(Arc::clone(&intake), admission.clone(), shutdown.clone()).await;
            }
        };
        tokio::join!(http, grpc, amqp, kafka);
    }
}

async fn serve(
    listener: Option<TcpListener>,
    receiver: &Receiver,
    router: fn(Receiver) -> Router,
    protocol: &'static str,
    tls: Option<TlsAcceptor>,
    shutdown: CancellationToken,
) {
    let Some(listener) = listener else { return };
    let Ok(address) = listener.local_addr() else { return };
    tracing::info!(%address, protocol, tls = tls.is_some(), "receiver listens");
    if let Some(exposure) = exposure(address, receiver.needs_token(), tls.is_some()) {
        tracing::warn!(%address, protocol, "{exposure}");
    }
    let serving = Serving { protocol, router: router(receiver.at(address)), tls };
    server::serve(listener, serving, shutdown).await;
}

/// What strangers can do with a receiver that others can reach.
fn exposure(address: SocketAddr, needs_token: bool, tls: bool) -> Option<&'static str> {
    match (needs_token, tls) {
        _ if address.ip().is_loopback() => None,
        (true, true) => None,
        (true, false) => Some(
            "this receiver can be reached from other machines without TLS: spans and tokens can be read on the way; set tls_cert_file",
        ),
        (false, _) => Some(
            "this receiver can be reached from other machines and asks for no token: whoever reaches it can send spans; set [[intake.otlp.tokens]], or let only the Collector connect",
        ),
    }
}
