//! A JSON API on loopback that records what it was asked and answers by a function.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Json,
}

type Answer = dyn Fn(&Asked) -> (u16, Json) + Send + Sync;

#[derive(Clone)]
pub struct FakeApi {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Answer>,
}

impl FakeApi {
    pub async fn start(answer: impl Fn(&Asked) -> (u16, Json) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = Self { url, asked: Arc::default(), answer: Arc::new(answer) };
        let router = Router::new().fallback(handle).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        this
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn handle(State(api): State<FakeApi>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let asked = Asked {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let (status, answer) = (api.answer)(&asked);
    api.asked.lock().unwrap().push(asked);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
