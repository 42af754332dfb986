//! From a `[[sinks]]` section to checked parts: which keys belong to which type, secrets, headers, address.

use std::path::PathBuf;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use secrecy::SecretString;

use super::error::SinkConfigError;
use crate::config::sinks::{OtlpProtocol, SinkConfig, SinkType};
use crate::net;
use crate::secrets::{SecretError, SecretPlace, Variables};

/// The type's name as it is configured.
pub(super) fn type_name(kind: SinkType) -> &'static str {
    match kind {
        SinkType::Otlp => "otlp",
        SinkType::Mlflow => "mlflow",
        SinkType::Phoenix => "phoenix",
        SinkType::Langfuse => "langfuse",
    }
}

/// Refuses keys that the sink's type does not have: a key without effect is a mistake waiting to be found.
pub(super) fn refuse_foreign_keys(config: &SinkConfig) -> Result<(), SinkConfigError> {
    use SinkType::{Langfuse, Mlflow, Otlp, Phoenix};
    let keys: [(&'static str, bool, &[SinkType]); 17] = [
        ("endpoint", config.endpoint.is_some(), &[Otlp]),
        ("protocol", config.protocol != OtlpProtocol::HttpProtobuf, &[Otlp]),
        ("logs", !config.logs, &[Otlp]),
        ("spans", !config.spans, &[Otlp]),
        ("resource", !config.resource.is_empty(), &[Otlp]),
        ("url", config.url.is_some(), &[Mlflow, Phoenix, Langfuse]),
        ("experiment_id", config.experiment_id.is_some(), &[Mlflow]),
        ("environment", config.environment.is_some(), &[Langfuse]),
        ("public_key", config.public_key.is_some(), &[Langfuse]),
        ("secret_key_env", config.secret_key_env.is_some(), &[Langfuse]),
        ("secret_key_file", config.secret_key_file.is_some(), &[Langfuse]),
        ("username", config.username.is_some(), &[Mlflow]),
        ("password_env", config.password_env.is_some(), &[Mlflow]),
        ("password_file", config.password_file.is_some(), &[Mlflow]),
        ("api_key_env", config.api_key_env.is_some(), &[Otlp, Mlflow, Phoenix]),
        ("api_key_file", config.api_key_file.is_some(), &[Otlp, Mlflow, Phoenix]),
        ("api_key_header", config.api_key_header.is_some(), &[Otlp, Mlflow, Phoenix]),
    ];
    match keys.into_iter().find(|(_, given, types)| *given && !types.contains(&config.kind)) {
        Some((key, ..)) => {
            Err(SinkConfigError::Foreign { sink: config.name.clone(), key, kind: type_name(config.kind) })
        }
        None => Ok(()),
    }
}

/// The sink's address with `path` behind whatever path it has.
pub(super) fn address(config: &SinkConfig, path: &str) -> Result<Url, SinkConfigError> {
    let (key, text) = match config.kind {
        SinkType::Otlp => ("endpoint", &config.endpoint),
        SinkType::Mlflow | SinkType::Phoenix | SinkType::Langfuse => ("url", &config.url),
    };
    let missing = || SinkConfigError::Missing {
        sink: config.name.clone(),
        key,
        remedy: "write the server's address, for example `http://127.0.0.1:4318`",
    };
    let refuse = |problem: &str| SinkConfigError::Value { sink: config.name.clone(), key, problem: problem.to_owned() };
    let text = text.as_deref().ok_or_else(missing)?;
    let mut url = net::http_url(text).map_err(|problem| refuse(&problem.to_string()))?;
    if config.kind == SinkType::Otlp && (url.path().ends_with("/v1/traces") || url.path().ends_with("/v1/logs")) {
        return Err(refuse("leave out `/v1/…`; it is added for each signal"));
    }
    let joined = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    Ok(url)
}

/// The request headers, credentials among them.
pub(super) fn headers(config: &SinkConfig, variables: Variables<'_>) -> Result<HeaderMap, SinkConfigError> {
    let refuse = |key, problem: String| SinkConfigError::Value { sink: config.name.clone(), key, problem };
    let mut headers = HeaderMap::new();
    net::add_headers(&mut headers, &config.headers.0).map_err(|problem| refuse("headers", problem.to_string()))?;
    let name: HeaderName = match &config.api_key_header {
        Some(name) => name.parse().map_err(|_| refuse("api_key_header", "this is not a header name".into()))?,
        None => AUTHORIZATION,
    };
    let prefix = if config.api_key_header.is_some() { "" } else { "Bearer " };
    let place = place(("api_key_env", config.api_key_env.as_ref()), ("api_key_file", config.api_key_file.as_ref()));
    if let Some(key) = place.read_header(prefix, variables).map_err(missing_secret(config))? {
        headers.insert(name, key);
    }
    Ok(headers)
}

/// User and password of basic authentication, where the type has them.
pub(super) fn basic_credentials(
    config: &SinkConfig,
    variables: Variables<'_>,
) -> Result<Option<(String, SecretString)>, SinkConfigError> {
    let missing = |key, remedy| SinkConfigError::Missing { sink: config.name.clone(), key, remedy };
    let (user, secret, user_key, secret_key) = if config.kind == SinkType::Langfuse {
        let secret = place(
            ("secret_key_env", config.secret_key_env.as_ref()),
            ("secret_key_file", config.secret_key_file.as_ref()),
        )
        .read(variables)
        .map_err(missing_secret(config))?;
        (&config.public_key, secret, "public_key", "secret_key_env")
    } else {
        let secret =
            place(("password_env", config.password_env.as_ref()), ("password_file", config.password_file.as_ref()))
                .read(variables)
                .map_err(missing_secret(config))?;
        (&config.username, secret, "username", "password_env")
    };
    match (user, secret) {
        (Some(user), Some(secret)) => Ok(Some((user.clone(), secret))),
        (None, None) if config.kind != SinkType::Langfuse => Ok(None),
        (None, _) => Err(missing(user_key, "it goes together with its secret")),
        (Some(_), None) => Err(missing(secret_key, "name the variable or the file that holds the secret")),
    }
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
