//! Serving HTTP/1 and HTTP/2 to whoever connects, so that no peer can keep the others out: connections are bounded and shared
//! among addresses, a request must begin soon, and what nobody uses is closed.

mod activity;
mod answering;
mod awaited;
mod places;
mod tls;

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::read_by::ReadBy;
use activity::{Activity, Patience};
use answering::Answering;
use places::{Place, Places};

pub use answering::{Peer, as_one};
pub use tls::{ServerTlsError, acceptor};

/// Connections of one listener at a time. Every one may hold its buffers.
const CONNECTIONS: usize = 512;
/// What is read of a connection ahead of its handler, over HTTP/1 and for each request and each connection over HTTP/2.
const READ_AHEAD: usize = 64 * 1024;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// Requests of one HTTP/2 connection at a time.
const STREAMS: u32 = 64;
/// Asking a silent HTTP/2 peer whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Without descriptors, say, nothing can be accepted until some connection has ended.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// What keeps happening is told so often.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// What a listener speaks.
#[derive(Clone)]
pub struct Serving {
    /// For the log.
    pub protocol: &'static str,
    pub router: Router,
    /// Present for TLS.
    pub tls: Option<TlsAcceptor>,
}

/// Serves until `shutdown`, then finishes the requests under way.
pub async fn serve(listener: TcpListener, serving: Serving, shutdown: CancellationToken) {
    serve_with(listener, serving, shutdown, Places::new(CONNECTIONS), Patience::default()).await;
}

async fn serve_with(
    listener: TcpListener,
    serving: Serving,
    shutdown: CancellationToken,
    places: Places,
    patience: Patience,
) {
    let protocol = serving.protocol;
    let (mut failures, mut refusals) = (Told::default(), Told::default());
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if failures.is_due() {
                    tracing::error!(protocol, %error, "connections cannot be accepted; trying again every second");
                }
                shutdown.run_until_cancelled(tokio::time::sleep(AFTER_FAILURE)).await;
                continue;
            }
        };
        let Some(place) = places.take(from.ip()) else {
            if refusals.is_due() {
                tracing::warn!(protocol, address = %from.ip(), limit = CONNECTIONS, "too many connections; new ones of this address are closed");
            }
            continue;
        };
        // Answers are small; without this they would wait for an acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        connections.spawn(connection(stream, from.ip(), serving.clone(), place, patience, shutdown.clone()));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// When something was told last.
#[derive(Default)]
struct Told(Option<tokio::time::Instant>);

impl Told {
    fn is_due(&mut self) -> bool {
        let now = tokio::time::Instant::now();
        let is_due = self.0.is_none_or(|last| now - last >= TELL_EVERY);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

async fn connection(
    stream: TcpStream,
    from: IpAddr,
    serving: Serving,
    place: Place,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let talk = async {
        let Some(acceptor) = &serving.tls else {
            return talk(stream, from, serving.router, patience, shutdown).await;
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => talk(stream, from, serving.router, patience, shutdown).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "no TLS connection was made"),
            Err(_) => tracing::debug!(%from, "no TLS connection was made in time"),
        }
    };
    // An address that holds most of the connections gives way to others.
    place.is_needed().run_until_cancelled(talk).await;
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    from: IpAddr,
    router: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let activity = Activity::new(patience);
    let answering = Answering::new(router, Peer(from), activity.clone());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(READ_AHEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let connection = builder.serve_connection(TokioIo::new(ReadBy::new(activity.clone(), stream)), answering);
    let overdue = activity.overdue();
    tokio::pin!(connection, overdue);
    let mut stopping = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%from, %error, "a connection broke");
                }
                return;
            }
            () = &mut overdue => return,
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[cfg(test)]
mod tests;
