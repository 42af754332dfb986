//! From a `[[sinks]]` section to checked parts: address, headers, secrets.

use std::path::PathBuf;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use reqwest::{Client, Url};
use secrecy::SecretString;

use super::error::SinkConfigError;
use super::http;
use crate::config::sinks::{ApiKey, LangfuseTarget, MlflowTarget, OtlpTarget, PhoenixTarget, SinkConfig};
use crate::net;
use crate::secrets::{SecretError, SecretPlace, Variables};

/// How the API of a backend is reached.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) client: Client,
    pub(super) base: Url,
    /// User and password of basic authentication, where they are configured.
    pub(super) credentials: Option<(String, SecretString)>,
}

/// The API of MLflow under `path`.
pub(super) fn mlflow(
    config: &SinkConfig,
    target: &MlflowTarget,
    path: &str,
    variables: Variables<'_>,
) -> Result<Backend, SinkConfigError> {
    let password =
        place(("password_env", target.password_env.as_ref()), ("password_file", target.password_file.as_ref()))
            .read(variables)
            .map_err(missing_secret(config))?;
    let credentials = match (&target.username, password) {
        (Some(user), Some(password)) => Some((user.clone(), password)),
        (None, None) => None,
        (None, Some(_)) => return Err(missing(config, "username", TOGETHER)),
        (Some(_), None) => return Err(missing(config, "password_env", NAME_THE_PLACE)),
    };
    Ok(Backend {
        client: client(config, &target.api_key, variables)?,
        base: address(config, ("url", target.url.as_deref()), path)?,
        credentials,
    })
}

/// The API of Phoenix under `path`.
pub(super) fn phoenix(
    config: &SinkConfig,
    target: &PhoenixTarget,
    path: &str,
    variables: Variables<'_>,
) -> Result<Backend, SinkConfigError> {
    Ok(Backend {
        client: client(config, &target.api_key, variables)?,
        base: address(config, ("url", target.url.as_deref()), path)?,
        credentials: None,
    })
}

/// The API of Langfuse under `path`. It has no other authentication than a pair of keys.
pub(super) fn langfuse(
    config: &SinkConfig,
    target: &LangfuseTarget,
    path: &str,
    variables: Variables<'_>,
) -> Result<Backend, SinkConfigError> {
    let secret =
        place(("secret_key_env", target.secret_key_env.as_ref()), ("secret_key_file", target.secret_key_file.as_ref()))
            .read(variables)
            .map_err(missing_secret(config))?;
    let user = target.public_key.clone().ok_or_else(|| missing(config, "public_key", TOGETHER))?;
    let secret = secret.ok_or_else(|| missing(config, "secret_key_env", NAME_THE_PLACE))?;
    Ok(Backend {
        client: client(config, &ApiKey::default(), variables)?,
        base: address(config, ("url", target.url.as_deref()), path)?,
        credentials: Some((user, secret)),
    })
}

/// The address of an OTLP receiver with `path` behind whatever path it has.
pub(super) fn endpoint(config: &SinkConfig, target: &OtlpTarget, path: &str) -> Result<Url, SinkConfigError> {
    let given = address(config, ("endpoint", target.endpoint.as_deref()), "")?;
    if given.path().ends_with("/v1/traces") || given.path().ends_with("/v1/logs") {
        let problem = "leave out `/v1/…`; it is added for each signal".to_owned();
        return Err(SinkConfigError::Value { sink: config.name.clone(), key: "endpoint", problem });
    }
    address(config, ("endpoint", target.endpoint.as_deref()), path)
}

const TOGETHER: &str = "it goes together with its secret";
const NAME_THE_PLACE: &str = "name the variable or the file that holds the secret";

fn missing(config: &SinkConfig, key: &'static str, remedy: &'static str) -> SinkConfigError {
    SinkConfigError::Missing { sink: config.name.clone(), key, remedy }
}

fn client(config: &SinkConfig, api_key: &ApiKey, variables: Variables<'_>) -> Result<Client, SinkConfigError> {
    http::client(&config.name, headers(config, api_key, variables)?, config.timeout)
}

/// The address under `key` with `path` behind whatever path it has.
fn address(config: &SinkConfig, (key, text): (&'static str, Option<&str>), path: &str) -> Result<Url, SinkConfigError> {
    let refuse = |problem: &str| SinkConfigError::Value { sink: config.name.clone(), key, problem: problem.to_owned() };
    let text =
        text.ok_or_else(|| missing(config, key, "write the server's address, for example `http://127.0.0.1:4318`"))?;
    let mut url = net::http_url(text).map_err(|problem| refuse(&problem.to_string()))?;
    let joined = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    Ok(url)
}

/// The request headers, the key among them.
pub(super) fn headers(
    config: &SinkConfig,
    api_key: &ApiKey,
    variables: Variables<'_>,
) -> Result<HeaderMap, SinkConfigError> {
    let refuse = |key, problem: String| SinkConfigError::Value { sink: config.name.clone(), key, problem };
    let mut headers = HeaderMap::new();
    net::add_headers(&mut headers, &config.headers.0).map_err(|problem| refuse("headers", problem.to_string()))?;
    let name: HeaderName = match &api_key.header {
        Some(name) => name.parse().map_err(|_| refuse("api_key_header", "this is not a header name".into()))?,
        None => AUTHORIZATION,
    };
    let prefix = if api_key.header.is_some() { "" } else { "Bearer " };
    let place = place(("api_key_env", api_key.env.as_ref()), ("api_key_file", api_key.file.as_ref()));
    if let Some(key) = place.read_header(prefix, variables).map_err(missing_secret(config))? {
        headers.insert(name, key);
    }
    Ok(headers)
}

fn place<'a>(
    (env_key, env): (&'static str, Option<&'a String>),
    (file_key, file): (&'static str, Option<&'a PathBuf>),
) -> SecretPlace<'a> {
    SecretPlace { env_key, env: env.map(String::as_str), file_key, file: file.map(PathBuf::as_path) }
}

fn missing_secret(config: &SinkConfig) -> impl Fn(SecretError) -> SinkConfigError {
    let sink = config.name.clone();
    move |problem| SinkConfigError::Secret { sink: sink.clone(), problem }
}
