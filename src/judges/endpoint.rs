//! One judge's HTTP endpoint: where it is, the key, and a bounded POST.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};

use crate::config::judges::{Dialect, JudgeConfig, Provider};
use crate::net;
use crate::secrets::SecretPlace;

use super::decisions::places;
use super::error::{Failure, JudgeConfigError};
use super::refusal::Refusal;

/// A reply is a rationale and a score; more than this is none.
const LARGEST_ANSWER: usize = 2 * 1024 * 1024;
/// As much of a refusal as is worth reading.
const LARGEST_REFUSAL: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Looks up an environment variable.
pub(super) type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Why a POST has no usable answer.
#[derive(Debug)]
pub(super) enum PostError {
    /// The endpoint answered with anything but success.
    Refused(Refusal),
    /// There is no answer.
    Failed(Failure),
}

/// Where a judge model is reached.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    key_header: HeaderName,
    key_prefix: &'static str,
    key: RwLock<Option<HeaderValue>>,
    key_file: Option<PathBuf>,
}

impl Endpoint {
    /// The endpoint of a configured judge; without its key when no call is made.
    pub(super) fn from_config(
        name: &str,
        config: &JudgeConfig,
        reads_key: bool,
        variables: &Variables,
    ) -> Result<Self, JudgeConfigError> {
        let refuse = |key, problem: String| JudgeConfigError::Value { judge: name.to_owned(), key, problem };
        let default_header = match config.provider {
            Provider::Anthropic => "x-api-key",
            Provider::Decisions if config.dialect == Some(Dialect::Gemini) => "x-goog-api-key",
            Provider::Openai | Provider::Baseline | Provider::Decisions => AUTHORIZATION.as_str(),
        };
        let header = config.api_key_header.as_deref().unwrap_or(default_header);
        let key_header: HeaderName =
            header.parse().map_err(|_| refuse("api_key_header", "this is not a header name".into()))?;
        // `Bearer` belongs to the header it was made for; any other carries the bare key.
        let key_prefix = if key_header == AUTHORIZATION { "Bearer " } else { "" };
        let key = if reads_key {
            key_place(config.api_key_env.as_deref(), config.api_key_file.as_deref())
                .read_header(key_prefix, variables)
                .map_err(|problem| JudgeConfigError::Key { judge: name.to_owned(), problem })?
        } else {
            None
        };
        let client = client(default_headers(name, config)?)
            .map_err(|source| JudgeConfigError::Client { judge: name.to_owned(), source })?;
        Ok(Self {
            client,
            url: url(config).map_err(|problem| refuse("base_url", problem))?,
            key_header,
            key_prefix,
            key: RwLock::new(key),
            key_file: config.api_key_file.clone(),
        })
    }

    /// The host, for prices and spans.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, for spans.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether there is a key to read again.
    pub(super) fn has_key_file(&self) -> bool {
        self.key_file.is_some()
    }

    /// Reads the key file again, because the key in hand was refused and may have been replaced.
    pub(super) async fn reload_key(&self) -> Result<(), Failure> {
        let Some(path) = self.key_file.clone() else { return Ok(()) };
        let prefix = self.key_prefix;
        let read = move || key_place(None, Some(&path)).read_header(prefix, &|_| None);
        let Ok(read) = tokio::task::spawn_blocking(read).await else { return Ok(()) };
        let value = read.map_err(Failure::KeyFile)?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    /// Sends `body` and reads the answer, all within `timeout`.
    pub(super) async fn post(
        &self,
        body: Vec<u8>,
        traceparent: Option<&str>,
        timeout: Duration,
        now: Timestamp,
    ) -> Result<Vec<u8>, PostError> {
        match tokio::time::timeout(timeout, self.exchange(body, traceparent, now)).await {
            Ok(answer) => answer,
            Err(_) => Err(PostError::Failed(Failure::Timeout(timeout))),
        }
    }

    async fn exchange(&self, body: Vec<u8>, traceparent: Option<&str>, now: Timestamp) -> Result<Vec<u8>, PostError> {
        let mut request = self.client.post(self.url.clone()).body(body);
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = key {
            request = request.header(&self.key_header, key);
        }
        if let Some(context) = traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
            request = request.header("traceparent", context);
        }
        let mut response = request.send().await.map_err(connection)?;
        if response.status().is_success() {
            let answer = read_up_to(&mut response, LARGEST_ANSWER).await;
            let answer = answer.map_err(|error| PostError::Failed(Failure::CutOff(error.without_url())))?;
            return if answer.len() > LARGEST_ANSWER {
                Err(PostError::Failed(Failure::BadResponse("larger than 2 MiB")))
            } else {
                Ok(answer)
            };
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let answer = read_up_to(&mut response, LARGEST_REFUSAL).await.unwrap_or_default();
        Err(PostError::Refused(Refusal::of_response(status, &headers, &answer, now)))
    }
}

fn connection(error: reqwest::Error) -> PostError {
    // The URL may hold a user name and password.
    PostError::Failed(Failure::Connection(error.without_url()))
}

/// Reads until the end or just beyond `limit`, so that no server can fill the memory.
async fn read_up_to(response: &mut reqwest::Response, limit: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
    }
    Ok(body)
}

fn client(headers: HeaderMap) -> reqwest::Result<Client> {
    net::http_client()
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        // Over HTTP/2 all calls share one connection, and the server's limit on its streams would cap concurrency unseen.
        .http1_only()
        .tcp_nodelay(true)
        .build()
}

fn default_headers(name: &str, config: &JudgeConfig) -> Result<HeaderMap, JudgeConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if config.provider == Provider::Anthropic {
        let version = config.api_version.as_deref().unwrap_or(ANTHROPIC_VERSION);
        let value = HeaderValue::from_str(version).map_err(|_| JudgeConfigError::Value {
            judge: name.to_owned(),
            key: "api_version",
            problem: "this is not a header value".into(),
        })?;
        headers.insert("anthropic-version", value);
    }
    net::add_headers(&mut headers, &config.headers.0).map_err(|problem| JudgeConfigError::Value {
        judge: name.to_owned(),
        key: "headers",
        problem: problem.to_string(),
    })?;
    Ok(headers)
}

fn url(config: &JudgeConfig) -> Result<Url, String> {
    let (default_base, path) = match config.provider {
        Provider::Anthropic => ("https://api.anthropic.com/v1", "messages"),
        Provider::Openai | Provider::Baseline => ("https://api.openai.com/v1", "chat/completions"),
        Provider::Decisions => (places::default_base(config.dialect.unwrap_or_default()), ""),
    };
    let base = config.base_url.as_deref().unwrap_or(default_base);
    let mut url = net::http_url(base).map_err(|problem| problem.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave out user name and password; a key belongs in `api_key_env` or `api_key_file`".into());
    }
    if config.provider == Provider::Decisions {
        let path = places::path(config.dialect.unwrap_or_default(), config.envelope, url.path());
        url.set_path(&path);
        return Ok(url);
    }
    if url.path().ends_with(path) {
        return Err(format!("leave out `/{path}`; it is added"));
    }
    let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    if let (Provider::Openai, Some(version)) = (config.provider, &config.api_version) {
        url.query_pairs_mut().append_pair("api-version", version);
    }
    Ok(url)
}

fn key_place<'a>(variable: Option<&'a str>, file: Option<&'a Path>) -> SecretPlace<'a> {
    SecretPlace { env_key: "api_key_env", env: variable, file_key: "api_key_file", file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_key_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-old\n").unwrap();
        let config =
            JudgeConfig { provider: Provider::Openai, api_key_file: Some(path.clone()), ..JudgeConfig::default() };
        let endpoint = Endpoint::from_config("default", &config, true, &|_| None).unwrap();
        let key = || endpoint.key.read().unwrap().clone().unwrap();
        assert_eq!(key(), "Bearer sk-old");
        std::fs::write(&path, "sk-new\n").unwrap();
        endpoint.reload_key().await.unwrap();
        assert_eq!(key(), "Bearer sk-new");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(endpoint.reload_key().await.unwrap_err().code(), "unauthorized");
        assert_eq!(key(), "Bearer sk-new", "the last one that was read stays");
        assert!(!format!("{endpoint:?}").contains("sk-new"));
    }

    #[test]
    fn who_calls_no_judge_needs_no_key() {
        let config = JudgeConfig {
            provider: Provider::Openai,
            api_key_env: Some("NOT_THERE".to_owned()),
            ..JudgeConfig::default()
        };
        assert!(Endpoint::from_config("default", &config, false, &|_| None).is_ok());
        let refused = Endpoint::from_config("default", &config, true, &|_| None).unwrap_err().to_string();
        assert!(refused.contains("NOT_THERE"), "{refused}");
    }

    #[test]
    fn the_path_is_added_to_any_base() {
        let of = |provider, base: &str, version: Option<&str>| {
            let config = JudgeConfig {
                provider,
                base_url: Some(base.to_owned()),
                api_version: version.map(str::to_owned),
                ..JudgeConfig::default()
            };
            url(&config).map(String::from)
        };
        for (base, expected) in [
            ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
            ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
            ("https://host", "https://host/chat/completions"),
            ("https://host/v1?tenant=a", "https://host/v1/chat/completions?tenant=a"),
        ] {
            assert_eq!(of(Provider::Openai, base, None).as_deref(), Ok(expected));
        }
        assert_eq!(
            of(Provider::Openai, "https://r.openai.azure.com/openai/deployments/d", Some("2024-10-21")).as_deref(),
            Ok("https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21")
        );
        assert_eq!(of(Provider::Anthropic, "https://host/v1", Some("x")).as_deref(), Ok("https://host/v1/messages"));
    }
}
