//! The receivers as a service: sockets are bound first, so that whoever starts judged knows when it is reachable.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::amqp::{AmqpConsumer, BrokerUrlError};
use super::otlp_http::Receiver;
use super::{Intake, otlp_grpc, otlp_http};
use crate::config::intake::{IntakeConfig, Listen, OtlpConfig};

/// Why intake could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {protocol} ({key}); is another program, perhaps a Collector, using it?")]
    Bind {
        /// The address as configured.
        address: String,
        /// OTLP/HTTP or OTLP/gRPC.
        protocol: &'static str,
        /// The configuration key.
        key: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The broker's URL cannot be read.
    #[error(transparent)]
    BrokerUrl(#[from] BrokerUrlError),
    /// A receiver broke.
    #[error("the {protocol} receiver stopped")]
    Serve {
        /// OTLP/HTTP or OTLP/gRPC.
        protocol: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Bound sockets, not served yet.
#[derive(Debug)]
pub struct Listeners {
    http: Option<TcpListener>,
    grpc: Option<TcpListener>,
    amqp: Option<AmqpConsumer>,
    otlp: OtlpConfig,
}

const HTTP: &str = "OTLP/HTTP";
const GRPC: &str = "OTLP/gRPC";

/// Binds every configured receiver and checks the broker's URL; the broker itself may come later.
pub async fn bind(config: &IntakeConfig) -> Result<Listeners, IntakeError> {
    let OtlpConfig { http, grpc, .. } = &config.otlp;
    Ok(Listeners {
        http: listen(http, HTTP, "intake.otlp.http").await?,
        grpc: listen(grpc, GRPC, "intake.otlp.grpc").await?,
        amqp: config.amqp.clone().map(AmqpConsumer::new).transpose()?,
        otlp: config.otlp.clone(),
    })
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
        self.http.is_none() && self.grpc.is_none() && self.amqp.is_none()
    }

    /// Where OTLP/HTTP is reachable.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// Where OTLP/gRPC is reachable.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref()?.local_addr().ok()
    }

    /// Serves until `shutdown`, then finishes the requests under way.
    pub async fn serve(self, intake: Arc<Intake>, shutdown: CancellationToken) -> Result<(), IntakeError> {
        // One memory limiter for both receivers.
        let receiver = Receiver::new(&self.otlp, Arc::clone(&intake));
        let http = serve(self.http, otlp_http::router(receiver.clone()), HTTP, shutdown.clone());
        let grpc = serve(self.grpc, otlp_grpc::router(receiver), GRPC, shutdown.clone());
        let amqp = async {
            if let Some(consumer) = self.amqp {
                consumer.run(intake, shutdown).await;
            }
            Ok(())
        };
        tokio::try_join!(http, grpc, amqp).map(|_| ())
    }
}

async fn serve(
    listener: Option<TcpListener>,
    router: Router,
    protocol: &'static str,
    shutdown: CancellationToken,
) -> Result<(), IntakeError> {
    let Some(listener) = listener else { return Ok(()) };
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, protocol, "receiver listens");
    }
    let listener = listener.tap_io(|connection| {
        // Answers are small; without this they would wait for an acknowledgement.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .map_err(|source| IntakeError::Serve { protocol, source })
}
