//! A connection to RabbitMQ, plain or over TLS.
//!
//! The broker's certificate is checked by the TLS client that the other connections use. The one that lapin can bring
//! reads client certificates in PKCS #12 too, which no key configures and which takes nearly fifty crates to build.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_compat::{Compat, CompatExt};
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::in_hand::{InHand, Pause};
use crate::net::read_by::ReadBy;

/// Connects and logs in.
pub(in crate::pipeline::intake) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
) -> Result<Connection, lapin::Error> {
    connect_within(uri, Arc::default(), properties).await
}

/// The same; nothing is read while too much is in hand.
pub(super) async fn connect_within(
    uri: AMQPUri,
    in_hand: Arc<InHand>,
    properties: ConnectionProperties,
) -> Result<Connection, lapin::Error> {
    connect_trusting(uri, system_roots, in_hand, properties).await
}

async fn connect_trusting(
    uri: AMQPUri,
    roots: fn() -> io::Result<RootCertStore>,
    in_hand: Arc<InHand>,
    properties: ConnectionProperties,
) -> Result<Connection, lapin::Error> {
    let runtime = Runtime::new(RuntimeParts::new(Tokio::current(), BrokerReactor(Tokio::current())));
    let open = async move |uri: AMQPUri, _| {
        let stream: Box<dyn Wire> = Box::new(ReadBy::new(Pause::new(Arc::clone(&in_hand)), open(&uri, roots).await?));
        Ok(AsyncTcpStream::Plain(stream.compat()))
    };
    Connection::connector(uri, runtime, open, properties).await
}

/// The bytes to and from a broker.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn open(uri: &AMQPUri, roots: fn() -> io::Result<RootCertStore>) -> io::Result<Box<dyn Wire>> {
    let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    match uri.scheme {
        AMQPScheme::AMQP => Ok(Box::new(stream)),
        AMQPScheme::AMQPS => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let config = ClientConfig::builder().with_root_certificates(roots()?).with_no_client_auth();
            Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
        }
    }
}

/// The certificates that the operating system trusts.
fn system_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    match found.errors.into_iter().next() {
        Some(error) if roots.is_empty() => Err(io::Error::other(error)),
        _ => Ok(roots),
    }
}

/// Tokio's reactor, but for the type of the streams: lapin takes one type from a reactor, whether TLS is spoken or not.
#[derive(Debug, Clone)]
struct BrokerReactor(Tokio);

impl Reactor for BrokerReactor {
    type TcpStream = Compat<Box<dyn Wire>>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl futures_util::io::AsyncRead + futures_util::io::AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    #[expect(clippy::manual_async_fn, reason = "the trait's future must not borrow the runtime")]
    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        async move {
            let stream: Box<dyn Wire> = Box::new(TcpStream::connect(address).await?);
            Ok(stream.compat())
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::testing::certificate::{CERTIFICATE, KEY};

    /// What a client of AMQP 0-9-1 says first.
    const HELLO: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

    #[tokio::test]
    async fn amqps_speaks_tls_and_amqp_within() {
        let broker = broker().await;
        let acceptor = acceptor();
        let heard = tokio::spawn(async move {
            let (stream, _) = broker.listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut hello = [0; 8];
            stream.read_exact(&mut hello).await.unwrap();
            hello
        });
        let connecting = connect_trusting(broker.uri, || Ok(roots()), Arc::default(), ConnectionProperties::default());
        // The broker goes away after the greeting.
        assert!(connecting.await.is_err());
        assert_eq!(&heard.await.unwrap(), HELLO);
    }

    #[tokio::test]
    async fn a_broker_whose_certificate_nobody_vouches_for_hears_nothing() {
        let broker = broker().await;
        let acceptor = acceptor();
        let refused = tokio::spawn(async move {
            let (stream, _) = broker.listener.accept().await.unwrap();
            acceptor.accept(stream).await.is_err()
        });
        let error = open(&broker.uri, || Ok(RootCertStore::empty())).await.err().expect("nobody is trusted");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert!(refused.await.unwrap());
    }

    struct Broker {
        listener: TcpListener,
        uri: AMQPUri,
    }

    async fn broker() -> Broker {
        crate::net::tls::install_provider();
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Broker { listener, uri: format!("amqps://guest:guest@localhost:{port}/%2f").parse().unwrap() }
    }

    fn acceptor() -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn roots() -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(certificate()).unwrap();
        roots
    }

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()
    }
}
