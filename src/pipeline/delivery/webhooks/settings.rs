//! From an `[[alerts.webhook]]` section to checked parts: address, headers, key of the signature.

use std::path::PathBuf;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::WebhookConfigError;
use super::signature::SigningKey;
use crate::config::alerts::{WebhookConfig, WebhookKind};
use crate::net;
use crate::secrets::{SecretError, SecretPlace, Variables};

/// What Alertmanager's address is completed by.
const ALERTS_PATH: &str = "/api/v2/alerts";

fn place<'a>(
    (env_key, env): (&'static str, Option<&'a String>),
    (file_key, file): (&'static str, Option<&'a PathBuf>),
) -> SecretPlace<'a> {
    SecretPlace { env_key, env: env.map(String::as_str), file_key, file: file.map(PathBuf::as_path) }
}

fn missing(config: &WebhookConfig) -> impl Fn(SecretError) -> WebhookConfigError {
    let webhook = config.name().to_owned();
    move |problem| WebhookConfigError::Secret { webhook: webhook.clone(), problem }
}

/// Where messages go.
pub(super) fn address(config: &WebhookConfig, variables: Variables<'_>) -> Result<Url, WebhookConfigError> {
    let webhook = || config.name().to_owned();
    let elsewhere = place(("url_env", config.url_env.as_ref()), ("url_file", config.url_file.as_ref()))
        .read(variables)
        .map_err(missing(config))?;
    let text = match (&config.url, elsewhere) {
        (Some(_), Some(_)) => {
            let problem = "it is given elsewhere too; keep one of `url`, `url_env` and `url_file`".to_owned();
            return Err(WebhookConfigError::Value { webhook: webhook(), key: "url", problem });
        }
        (Some(url), None) => SecretString::from(url.0.clone()),
        (None, Some(url)) => url,
        (None, None) => {
            let remedy =
                "write the receiver's address, or name the variable (`url_env`) or file (`url_file`) that holds it";
            return Err(WebhookConfigError::Missing { webhook: webhook(), key: "url", remedy });
        }
    };
    let mut url = net::http_url(text.expose_secret()).map_err(|problem| WebhookConfigError::Value {
        webhook: webhook(),
        key: "url",
        problem: problem.to_string(),
    })?;
    if config.kind == WebhookKind::Alertmanager {
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(ALERTS_PATH) {
            url.set_path(&format!("{path}{ALERTS_PATH}"));
        }
    }
    Ok(url)
}

/// The request headers, credentials among them.
pub(super) fn headers(config: &WebhookConfig, variables: Variables<'_>) -> Result<HeaderMap, WebhookConfigError> {
    let refuse = |key, problem: String| WebhookConfigError::Value { webhook: config.name().to_owned(), key, problem };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    net::add_headers(&mut headers, &config.headers.0).map_err(|problem| refuse("headers", problem.to_string()))?;
    let token = place(("token_env", config.token_env.as_ref()), ("token_file", config.token_file.as_ref()));
    if let Some(value) = token.read_header("Bearer ", variables).map_err(missing(config))? {
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The key of the signature, which only the generic kind has: the others' receivers look at none.
pub(super) fn signing_key(
    config: &WebhookConfig,
    variables: Variables<'_>,
) -> Result<Option<SigningKey>, WebhookConfigError> {
    let given = [("secret_env", config.secret_env.is_some()), ("secret_file", config.secret_file.is_some())];
    if let Some((key, _)) = given.iter().find(|(_, given)| *given)
        && config.kind != WebhookKind::Generic
    {
        let (webhook, kind) = (config.name().to_owned(), config.kind.as_str());
        return Err(WebhookConfigError::Foreign { webhook, key, kind });
    }
    let secret = place(("secret_env", config.secret_env.as_ref()), ("secret_file", config.secret_file.as_ref()))
        .read(variables)
        .map_err(missing(config))?;
    secret
        .map(|secret| {
            SigningKey::of(&secret).map_err(|problem| WebhookConfigError::Value {
                webhook: config.name().to_owned(),
                key: given.iter().find(|(_, given)| *given).map_or("secret_env", |(key, _)| key),
                problem: problem.to_string(),
            })
        })
        .transpose()
}
