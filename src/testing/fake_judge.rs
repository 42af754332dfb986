//! A scripted judge model on loopback that speaks chat completions and Anthropic messages, well or badly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use futures_util::StreamExt;
use serde_json::{Value as Json, json};

use super::decision_replies::deciding;
use super::judge_replies::{completion, fitting};

/// What the fake does with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A completion whose text (or tool input) is this.
    Says(String),
    /// A completion that fits the schema that was asked for: the best score, the first label.
    Fits,
    /// A decision that gives the first option of every question this probability.
    Decides(f64),
    /// A completion with this finish or stop reason.
    Stops { text: String, reason: String },
    /// Any response.
    Status { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// The answer, later.
    Slow(Duration, Box<Answer>),
    /// Headers, then a broken connection.
    Drops,
    /// The beginning of a body, then a broken connection.
    CutsOff,
    /// A body of this many bytes.
    Floods(usize),
}

impl Answer {
    /// A verdict with this score.
    pub fn score(score: f64) -> Self {
        Self::Says(json!({"rationale": "as scripted", "score": score}).to_string())
    }

    /// An error response with a JSON body.
    pub fn error(status: u16, body: Json) -> Self {
        Self::Status { status, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
    }

    /// HTTP 429 with a header that asks for a pause.
    pub fn rate_limited(header: &'static str, value: &str) -> Self {
        let body =
            json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}});
        Self::Status { status: 429, headers: vec![(header, value.into())], body: body.to_string() }
    }

    /// A web page, as a proxy or a wrong URL would send it.
    pub fn html() -> Self {
        let body = "<!doctype html><title>Welcome</title>".into();
        Self::Status { status: 200, headers: vec![("content-type", "text/html".into())], body }
    }

    pub fn after(self, latency: Duration) -> Self {
        Self::Slow(latency, Box::new(self))
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Json,
    pub at: Instant,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Decides what to answer to the n-th request.
type Script = dyn Fn(usize, &Recorded) -> Answer + Send + Sync;

struct Shared {
    script: Box<Script>,
    record: bool,
    count: AtomicUsize,
    requests: Mutex<Vec<Recorded>>,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
}

/// A running fake; it stops when dropped.
pub struct FakeJudge {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

impl FakeJudge {
    /// Answers in this order; the last answer repeats.
    pub async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "a script needs an answer");
        Self::start(true, move |index, _| answers[index.min(answers.len() - 1)].clone()).await
    }

    /// Answers as `script` says.
    pub async fn deciding(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(true, move |_, request| script(request)).await
    }

    /// Answers the n-th request as `script` says, for load: requests are counted, not kept.
    pub async fn under_load(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(false, move |index, _| script(index)).await
    }

    async fn start(record: bool, script: impl Fn(usize, &Recorded) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            record,
            count: AtomicUsize::new(0),
            requests: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, server }
    }

    /// What goes into `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// The most requests that were under way at a time.
    pub fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }
}

impl Drop for FakeJudge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Counts a request as under way until it is answered or given up.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn begin(shared: &'a Shared) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.peak.fetch_max(now, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let _in_flight = InFlight::begin(&shared);
    let body = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let recorded = Recorded { method, uri, headers, body, at: Instant::now() };
    let index = shared.count.fetch_add(1, Ordering::SeqCst);
    let mut answer = (shared.script)(index, &recorded);
    if shared.record {
        shared.requests.lock().unwrap().push(recorded.clone());
    }
    while let Answer::Slow(latency, then) = answer {
        tokio::time::sleep(latency).await;
        answer = *then;
    }
    respond(answer, &recorded)
}

fn respond(answer: Answer, request: &Recorded) -> Response<Body> {
    let anthropic = request.uri.path().ends_with("/messages");
    let complete = |text: &str, reason: Option<&str>| {
        if anthropic { message(text, reason, &request.body) } else { completion(text, reason, &request.body) }
    };
    let json =
        |body: Json| Response::builder().header("content-type", "application/json").body(body.to_string().into());
    match answer {
        Answer::Says(text) => json(complete(&text, None)),
        Answer::Decides(probability) => json(deciding(request.uri.path(), &request.body, probability)),
        Answer::Fits => json(complete(&fitting(&request.body), None)),
        Answer::Stops { text, reason } => json(complete(&text, Some(&reason))),
        Answer::Status { status, headers, body } => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(body.into())
        }
        Answer::Drops => {
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("dropped"))]);
            Response::builder().header("content-length", "1000").body(Body::from_stream(broken))
        }
        Answer::CutsOff => {
            let begun = futures_util::stream::iter([Ok(Bytes::from_static(b"{\"model\""))]);
            let broken = futures_util::stream::once(async {
                // Until what was begun has arrived.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("cut off"))
            });
            Response::builder().header("content-length", "1000").body(Body::from_stream(begun.chain(broken)))
        }
        Answer::Floods(bytes) => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            let chunks = std::iter::repeat_n(chunk, bytes / (64 * 1024)).map(Ok::<_, std::io::Error>);
            Response::builder().body(Body::from_stream(futures_util::stream::iter(chunks)))
        }
        Answer::Slow(..) => unreachable!("waited for above"),
    }
    .unwrap()
}

fn message(text: &str, reason: Option<&str>, request: &Json) -> Json {
    let forced = request["tool_choice"]["name"].as_str();
    let content = match (forced, serde_json::from_str::<Json>(text)) {
        (Some(name), Ok(input)) => json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input}),
        _ => json!({"type": "text", "text": text}),
    };
    json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": format!("{}-20261101", request["model"].as_str().unwrap_or("unnamed")),
        "content": [content],
        "stop_reason": reason.unwrap_or(if forced.is_some() { "tool_use" } else { "end_turn" }),
        "usage": {
            "input_tokens": 60, "output_tokens": 20, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0
        }
    })
}
