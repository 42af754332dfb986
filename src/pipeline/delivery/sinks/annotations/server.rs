//! A backend's API: requests with credentials, tried again where that can help.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::super::error::DeliveryError;
use super::super::http::{self, Answer};
use super::super::settings::Backend;

/// The wait after the first failure where the server asks for none; doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a person at a terminal, or a scheduled job, is asked to take.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A backend's API: requests with credentials, tried again where that can help.
#[derive(Debug)]
pub(in super::super) struct Server {
    pub(in super::super) backend: Backend,
    pub(in super::super) timeout: Duration,
    /// Attempts at one request before the whole is given up.
    pub(in super::super) attempts: u32,
}

impl Server {
    /// The address of parts of a path, each escaped.
    pub(in super::super) fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.backend.base.clone();
        // An http address always has a path to extend.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(parts);
        }
        url
    }

    /// Asks until there is an answer that is not about load or outage.
    pub(super) async fn ask(
        &self,
        url: &Url,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, DeliveryError> {
        let mut failures = 0;
        loop {
            let mut request = request(&self.backend.client);
            if let Some((user, password)) = &self.backend.credentials {
                request = request.basic_auth(user, Some(password.expose_secret()));
            }
            let error = match http::exchange(request, url, self.timeout).await {
                Ok(answer) if answer.status.is_server_error() || answer.status.as_u16() == 429 => {
                    answer.idempotent_error()
                }
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let wait = wait_after(&error, failures).filter(|_| failures < self.attempts).ok_or(error)?;
            tokio::time::sleep(wait).await;
        }
    }

    pub(in super::super) async fn get(&self, url: &Url) -> Result<Answer, DeliveryError> {
        self.ask(url, |client| client.get(url.clone())).await
    }

    pub(super) async fn post(&self, url: &Url, body: &Json) -> Result<Answer, DeliveryError> {
        self.ask(url, |client| client.post(url.clone()).json(body)).await
    }
}

/// How long to wait before trying again; none where that cannot help.
fn wait_after(error: &DeliveryError, failures: u32) -> Option<Duration> {
    let own = FIRST_WAIT * 2_u32.saturating_pow(failures - 1);
    match error {
        DeliveryError::Unreachable { .. } | DeliveryError::Timeout { .. } => Some(own),
        DeliveryError::NotReady { retry_after, .. } => Some(retry_after.unwrap_or(own).min(LONGEST_WAIT)),
        _ => None,
    }
}

/// The body of a successful answer.
pub(in super::super) fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, DeliveryError> {
    if !answer.status.is_success() {
        return Err(answer.idempotent_error());
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| DeliveryError::UnexpectedAnswer { what: format!("a page that cannot be read: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_load_and_outage_are_waited_for() {
        let not_ready =
            |retry_after| DeliveryError::NotReady { status: "429".into(), message: String::new(), retry_after };
        assert_eq!(wait_after(&not_ready(None), 3), Some(Duration::from_secs(2)));
        assert_eq!(wait_after(&not_ready(Some(Duration::from_hours(1))), 1), Some(LONGEST_WAIT));
        let refused = DeliveryError::Misconfigured { status: "401".into(), message: String::new() };
        assert_eq!(wait_after(&refused, 1), None);
    }
}
