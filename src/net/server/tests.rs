//! A server as its peers find it.

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::certificate::{CERTIFICATE, KEY};

struct Served {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn served(tls: Option<TlsAcceptor>, patience: Patience) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let router = Router::new()
        .route("/", get(|axum::Extension(Peer(from)): axum::Extension<Peer>| async move { from.to_string() }));
    let serving = Serving { protocol: "test", router, tls };
    let task = tokio::spawn(serve_with(listener, serving, shutdown.clone(), Places::new(8), patience));
    Served { address, shutdown, task }
}

/// So short that a test may wait for it.
const IMPATIENT: Patience = Patience { head: Duration::from_millis(50), idle: Duration::from_millis(100) };

#[tokio::test]
async fn who_says_nothing_or_half_a_request_is_not_waited_for() {
    let served = served(None, IMPATIENT).await;
    let whole = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    for said in ["", "GET / HT", "GET / HTTP/1.1\r\nX:", "PRI * HT", whole, &format!("{whole}GET /")] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // The end of the stream, which only the server brings about.
        stream.read_to_end(&mut heard).await.unwrap();
        let answer = String::from_utf8(heard).unwrap();
        assert_eq!(answer.contains("127.0.0.1"), said.starts_with(whole), "{said:?}: {answer}");
    }
    served.shutdown.cancel();
    served.task.await.unwrap();
}

#[tokio::test]
async fn with_a_certificate_tls_is_spoken_and_nothing_else() {
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("tls.crt"), files.path().join("tls.key"));
    std::fs::write(&certificate, CERTIFICATE).unwrap();
    std::fs::write(&key, KEY).unwrap();
    let served = served(acceptor(Some(&certificate), Some(&key)).unwrap(), Patience::default()).await;
    let trusted = reqwest::Certificate::from_pem(CERTIFICATE.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let port = served.address.port();
    let get = |scheme: &str| client.get(format!("{scheme}://localhost:{port}/")).send();
    assert_eq!(get("https").await.unwrap().text().await.unwrap(), "127.0.0.1");
    assert!(get("http").await.is_err());

    assert!(matches!(acceptor(Some(&certificate), None), Err(ServerTlsError::Half)));
    let swapped = acceptor(Some(&key), Some(&certificate)).err().unwrap().to_string();
    assert!(swapped.contains("tls_cert_file"), "{swapped}");
}

#[tokio::test]
async fn a_request_under_way_is_finished_after_the_shutdown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, go_on) =
        (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Notify::new()));
    let (in_handler, waits) = (begun.clone(), go_on.clone());
    let handler = move || async move {
        in_handler.notify_one();
        waits.notified().await;
        "done"
    };
    let serving = Serving { protocol: "test", router: Router::new().route("/", get(handler)), tls: None };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, serving, shutdown.clone()));
    crate::net::tls::install_provider();
    let answer = tokio::spawn(async move { reqwest::get(format!("http://{address}/")).await.unwrap().text().await });
    begun.notified().await;
    shutdown.cancel();
    go_on.notify_one();
    assert_eq!(answer.await.unwrap().unwrap(), "done");
    task.await.unwrap();
}
