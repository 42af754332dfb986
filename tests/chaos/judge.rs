//! A judge model on loopback that mostly works, and else does what endpoints have been seen to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::judge_replies::{completion, fitting};

#[derive(Clone)]
pub struct Judge {
    /// What goes into `base_url`.
    pub base_url: String,
    seed: u64,
    calls: Arc<AtomicUsize>,
}

impl Judge {
    pub async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let judge = Self { base_url, seed, calls: Arc::default() };
        let router = Router::new().fallback(answer).with_state(judge.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        judge
    }

    /// How many requests came.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn answer(State(judge): State<Judge>, body: Bytes) -> Response {
    let number = judge.calls.fetch_add(1, Ordering::SeqCst);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(judge.seed.wrapping_add(number as u64));
    let latency = Duration::from_millis(rng.random_range(5..80));
    let request: Json = serde_json::from_slice(&body).unwrap_or_default();
    match rng.random_range(0..100) {
        0..6 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], axum::Json(rate_limited())).into_response(),
        6..13 => (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response(),
        13..17 => after(Duration::from_secs(5), &request).await,
        17..21 => axum::response::Html("<!doctype html><title>Welcome</title>").into_response(),
        21..26 => axum::Json(completion("I would say {\"rationale\": \"it is", None, &request)).into_response(),
        26..29 => broken_off(),
        _ => after(latency, &request).await,
    }
}

async fn after(latency: Duration, request: &Json) -> Response {
    tokio::time::sleep(latency).await;
    axum::Json(completion(&fitting(request), None, request)).into_response()
}

fn rate_limited() -> Json {
    json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}})
}

/// Headers, then a broken connection.
fn broken_off() -> Response {
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("dropped"))]);
    ([("content-length", "1000")], Body::from_stream(broken)).into_response()
}
