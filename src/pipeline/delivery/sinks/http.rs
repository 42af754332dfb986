//! A bounded HTTP exchange with a sink or a webhook, and what its status means.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::error::{DeliveryError, SinkConfigError};
use super::refusal::own_words;
use crate::net;
use crate::secrets::masked;

/// More than any answer of these APIs.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// As much of a refusal as belongs into a log line.
const LONGEST_MESSAGE: usize = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn client(sink: &str, headers: HeaderMap, timeout: Duration) -> Result<Client, SinkConfigError> {
    bounded_client(headers, timeout).map_err(|source| SinkConfigError::Client { sink: sink.to_owned(), source })
}

/// The same without a name.
pub(in crate::pipeline::delivery) fn bounded_client(headers: HeaderMap, timeout: Duration) -> reqwest::Result<Client> {
    net::http_client().default_headers(headers).connect_timeout(CONNECT_TIMEOUT.min(timeout)).timeout(timeout).build()
}

/// `host:port`, for errors: a URL may hold credentials.
pub(super) fn host_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// A complete answer.
pub(in crate::pipeline::delivery) struct Answer {
    pub(in crate::pipeline::delivery) status: StatusCode,
    pub(super) body: Vec<u8>,
    retry_after: Option<Duration>,
}

/// Sends and reads to the end, within the client's timeout and a bounded size.
pub(in crate::pipeline::delivery) async fn exchange(
    request: RequestBuilder,
    url: &Url,
    timeout: Duration,
) -> Result<Answer, DeliveryError> {
    let failed = |error: reqwest::Error| {
        if error.is_timeout() {
            DeliveryError::Timeout { host: host_of(url), timeout }
        } else {
            DeliveryError::Unreachable { host: host_of(url), source: Arc::new(error.without_url()) }
        }
    };
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let retry_after = net::retry_after(response.headers(), Timestamp::now());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(DeliveryError::UnexpectedAnswer { what: format!("more than {LARGEST_ANSWER} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body, retry_after })
}

impl Answer {
    #[cfg(test)]
    pub(super) fn for_test(status: u16, body: &[u8]) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or_default(), body: body.to_vec(), retry_after: None }
    }

    /// The error that the status means, whichever API it is: overload and outage pass, credentials and addresses can be
    /// repaired, the rest is the request's fault.
    pub(super) fn error(&self) -> DeliveryError {
        let (status, message) = (self.status.as_u16().to_string(), self.message());
        match self.status.as_u16() {
            408 | 429 | 502 | 503 | 504 => DeliveryError::NotReady { status, message, retry_after: self.retry_after },
            300..=399 | 401 | 403 | 404 | 405 | 407 => DeliveryError::Misconfigured { status, message },
            _ => DeliveryError::Refused { status, message },
        }
    }

    /// The same for an API that is idempotent, where a server's own failure may be tried again.
    pub(in crate::pipeline::delivery) fn idempotent_error(&self) -> DeliveryError {
        match self.error() {
            DeliveryError::Refused { status, message } if self.status.is_server_error() => {
                DeliveryError::NotReady { status, message, retry_after: self.retry_after }
            }
            error => error,
        }
    }

    /// What the server says for itself: printable, short, on one line.
    pub(super) fn message(&self) -> String {
        let words = own_words(&self.body);
        // Before it is cut: half of a key would not be known again.
        let text = masked(&words);
        let printable: String = text
            .chars()
            .map(|character| if character.is_control() || character == '\u{fffd}' { ' ' } else { character })
            .take(LONGEST_MESSAGE)
            .collect();
        let words: Vec<&str> = printable.split_whitespace().collect();
        if words.is_empty() { "no message".to_owned() } else { words.join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disposition;
    use super::*;

    fn answer(status: u16) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, body: b"why\n\x00not".to_vec(), retry_after: Some(Duration::from_secs(7)) }
    }

    #[test]
    fn only_what_passes_is_tried_again_soon() {
        let after = |status: u16| answer(status).error().disposition();
        for status in [429, 502, 503, 504] {
            assert_eq!(after(status), Disposition::Retry { after: Some(Duration::from_secs(7)) });
        }
        assert_eq!(after(401), Disposition::Retry { after: Some(Duration::from_mins(1)) });
        for status in [400, 413, 422, 500] {
            assert_eq!(after(status), Disposition::GiveUp);
        }
        assert!(matches!(answer(500).idempotent_error().disposition(), Disposition::Retry { .. }));
        assert_eq!(answer(400).message(), "why not");
    }
}
