//! A judge model that costs next to nothing: a process of its own that answers every request alike, after a latency.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The argument that makes this program the mock.
pub const ARGUMENT: &str = "mock-judge";

/// The mock as its user sees it; it ends with this.
pub struct Mock {
    process: Child,
    /// What goes into `base_url`.
    pub url: String,
    pub latency: Duration,
}

impl Mock {
    pub async fn start(latency: Duration) -> Self {
        // The port is free at this moment; nobody else on a machine that measures will take it in the next.
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let process = Command::new(std::env::current_exe().unwrap())
            .args([ARGUMENT, &port.to_string(), &latency.as_millis().to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { process, url: format!("http://127.0.0.1:{port}/v1"), latency }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Serves until killed.
pub fn serve(port: u16, latency: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        let listener = socket.listen(4096).unwrap();
        let answer = std::sync::Arc::new(answer());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = std::sync::Arc::clone(&answer);
            // A client that goes away is no failure.
            tokio::spawn(async move { drop(converse(stream, &answer, latency).await) });
        }
    });
}

async fn converse(stream: TcpStream, answer: &[u8], latency: Duration) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(16 * 1024, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        stream.get_mut().write_all(answer).await?;
    }
}

fn answer() -> Vec<u8> {
    let verdict =
        serde_json::json!({"rationale": "Nothing in it helps anybody to harm.", "abstain": false, "label": "pass"});
    let completion = serde_json::json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "mock-1",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": verdict.to_string(), "refusal": null},
            "finish_reason": "stop"
        }],
        "usage": {"prompt_tokens": 800, "completion_tokens": 30, "total_tokens": 830}
    })
    .to_string();
    let length = completion.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{completion}")
        .into_bytes()
}
