//! Who may send: no web page that happens to be open on this machine, and where tokens are configured nobody without one.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Request, header};

use super::admission::Sender;
use super::intake_error::IntakeError;
use super::otlp_response::Refusal;
use crate::config::intake::{OtlpConfig, OtlpToken};
use crate::net;
use crate::net::server::{Peer, as_one};
use crate::secrets::{SecretPlace, Tokens, WeakToken, check_strength, process_variable};

/// What browsers say of the page that made them send, and exporters never do.
const OF_BROWSERS: [header::HeaderName; 2] = [header::ORIGIN, header::HeaderName::from_static("sec-fetch-site")];

/// The tokens of `[[intake.otlp.tokens]]` by their names.
pub(super) fn tokens(config: &OtlpConfig) -> Result<Tokens<String>, IntakeError> {
    let mut tokens: Vec<(_, String)> = Vec::new();
    for OtlpToken { name, token_env, token_file } in &config.tokens {
        let place = SecretPlace {
            env_key: "token_env",
            env: token_env.as_deref(),
            file_key: "token_file",
            file: token_file.as_deref(),
        };
        let problem = |problem| IntakeError::Token { name: name.clone(), problem };
        let token = place.read(&process_variable).map_err(|source| problem(source.to_string()))?;
        let token = token.ok_or_else(|| problem("name its place: `token_env` or `token_file`".to_owned()))?;
        if tokens.iter().any(|(_, other)| other == name) {
            return Err(problem("another token has this name".to_owned()));
        }
        tokens.push((token, name.clone()));
    }
    Ok(Tokens::new(tokens))
}

/// Refuses tokens that could be guessed where others can reach them.
pub(super) fn check_tokens(tokens: &Tokens<String>, listens: SocketAddr) -> Result<(), IntakeError> {
    if listens.ip().is_loopback() {
        return Ok(());
    }
    for (token, name) in tokens.iter() {
        let weak = |problem: WeakToken| IntakeError::Token { name: name.clone(), problem: problem.to_string() };
        check_strength(token).map_err(weak)?;
    }
    Ok(())
}

/// The door of one receiver.
#[derive(Debug)]
pub(super) struct Door<'a> {
    pub(super) tokens: &'a Tokens<String>,
    pub(super) is_loopback: bool,
}

impl Door<'_> {
    /// Whether a request may come in; asked before its body is read.
    /// Says among whom the memory is shared.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<Sender, Refusal> {
        let headers = request.headers();
        if let Some(name) = OF_BROWSERS.iter().find(|name| headers.contains_key(*name)) {
            return Err(Refusal::forbidden(format!(
                "a web page sent this (`{name}`); judged takes telemetry of exporters only, send it through a Collector"
            )));
        }
        if !self.tokens.is_empty() {
            return self.check_token(headers);
        }
        if self.is_loopback && !net::is_loopback_host(net::named_host(request)) {
            return Err(Refusal::forbidden(
                "this receiver listens on loopback and answers to its names only: send to 127.0.0.1 or localhost, or set [[intake.otlp.tokens]]",
            ));
        }
        let address = request.extensions().get::<Peer>().map_or(IpAddr::from([0; 4]), |Peer(address)| as_one(*address));
        Ok(Sender::Address(address))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<Sender, Refusal> {
        match net::bearer_token(headers).map(|given| self.tokens.owner(given)) {
            Some(Some(name)) => Ok(Sender::Token(name.as_str().into())),
            Some(None) => Err(Refusal::unauthenticated("this token is none of [[intake.otlp.tokens]]")),
            None => Err(Refusal::unauthenticated(
                "send a token of [[intake.otlp.tokens]] as `Authorization: Bearer …`; in a Collector that is the extension `bearertokenauth`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::otlp_response::Advice;
    use super::*;

    fn asked(door: &Door<'_>, headers: &[(&str, &str)]) -> Option<Advice> {
        let mut request = Request::builder().uri("/v1/traces");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        door.admit(&request.body(()).unwrap()).err().map(|refusal| refusal.advice)
    }

    #[test]
    fn a_web_page_is_refused_whatever_it_brings() {
        let tokens = Tokens::new(vec![("secret".into(), "collector".to_owned())]);
        let (open, closed) = (Tokens::new(Vec::new()), &tokens);
        for tokens in [&open, closed] {
            let door = Door { tokens, is_loopback: true };
            for of_browser in [("origin", "https://a.example"), ("sec-fetch-site", "none")] {
                let headers = [of_browser, ("host", "127.0.0.1:4328"), ("authorization", "Bearer secret")];
                assert_eq!(asked(&door, &headers), Some(Advice::Forbid), "{of_browser:?}");
            }
        }
    }

    #[test]
    fn loopback_answers_to_its_own_names() {
        let open = Tokens::new(Vec::new());
        let loopback = Door { tokens: &open, is_loopback: true };
        assert_eq!(asked(&loopback, &[("host", "localhost:4328")]), None);
        assert_eq!(asked(&loopback, &[("host", "rebound.example:4328")]), Some(Advice::Forbid));
        let elsewhere = Door { tokens: &open, is_loopback: false };
        assert_eq!(asked(&elsewhere, &[("host", "judged.observability:4328")]), None);
    }

    #[test]
    fn where_tokens_are_configured_one_is_needed() {
        let tokens = Tokens::new(vec![("one".into(), "a".to_owned()), ("two".into(), "b".to_owned())]);
        let door = Door { tokens: &tokens, is_loopback: true };
        assert_eq!(asked(&door, &[("authorization", "bearer two"), ("host", "judged:4328")]), None);
        for wrong in ["Bearer three", "Basic one", "one"] {
            assert_eq!(asked(&door, &[("authorization", wrong)]), Some(Advice::Authenticate), "{wrong}");
        }
        assert_eq!(asked(&door, &[]), Some(Advice::Authenticate));
    }
}
