//! A wire to a server that can be cut.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on to a server, until it is cut; new ones are passed on again.
pub struct Wire {
    /// The server's URL by way of the wire.
    pub url: String,
    cut: watch::Sender<u32>,
}

impl Wire {
    /// A wire to the server of a URL like `amqp://user@host:port/path`.
    pub async fn start(url: &str) -> Self {
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, cuts) = watch::channel(0);
        let host = host.to_owned();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (host, mut cuts) = (host.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    // A server that is away refuses: the client sees its connection end.
                    let Ok(mut server) = TcpStream::connect(host).await else { return };
                    // Small answers must not wait for more.
                    client.set_nodelay(true).unwrap_or(());
                    server.set_nodelay(true).unwrap_or(());
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { url: format!("{before}@{address}/{path}"), cut }
    }

    /// Breaks every connection.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}
