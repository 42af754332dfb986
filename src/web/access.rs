//! Who may do what: the tokens and the log-in proxy of the configuration.

use axum::http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::access_error::AccessError;
use super::failures::Failures;
use crate::config::WebConfig;
use crate::config::web::{LoginProxy, WebToken};
use crate::model::{AccessRole, AccessWay, Actor};
use crate::net::server::Peer;
use crate::secrets::{MacKey, SecretPlace, Tokens, check_strength, process_variable};

/// A name longer than this is no name.
const NAME_MAX: usize = 80;

/// How it is found out who asks.
#[derive(Debug)]
pub struct Access {
    tokens: Tokens<TokenOwner>,
    proxy: Option<(HeaderName, LoginProxy)>,
    pub(super) failures: Failures,
}

/// Whose a token is; the one in `[web]` itself is nobody's by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenOwner {
    name: String,
    role: AccessRole,
}

impl TokenOwner {
    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), role: self.role, way: AccessWay::Token }
    }
}

impl Access {
    /// Reads the tokens of the configuration.
    pub fn from_config(config: &WebConfig) -> Result<Self, AccessError> {
        let nameless = WebToken {
            name: String::new(),
            role: AccessRole::Admin,
            token_env: config.token_env.clone(),
            token_file: config.token_file.clone(),
        };
        let mut tokens = Vec::new();
        if let Some(token) = read(&nameless)? {
            tokens.push((token, TokenOwner { name: nameless.name, role: nameless.role }));
        }
        for configured in &config.tokens {
            let name = person(&configured.name).ok_or(AccessError::Nameless)?;
            if tokens.iter().any(|(_, owner)| owner.name == name) {
                return Err(AccessError::Repeated(name));
            }
            let token = read(configured)?.ok_or_else(|| AccessError::NoPlace(name.clone()))?;
            tokens.push((token, TokenOwner { name, role: configured.role }));
        }
        let proxy = config.login_proxy.clone().map(|proxy| match proxy.header.parse() {
            Ok(header) => Ok((header, proxy)),
            Err(_) => Err(AccessError::Header(proxy.header)),
        });
        let access = Self { tokens: Tokens::new(tokens), proxy: proxy.transpose()?, failures: Failures::default() };
        access.check(config)?;
        Ok(access)
    }

    /// What others can reach asks who they are, and its tokens cannot be guessed.
    fn check(&self, config: &WebConfig) -> Result<(), AccessError> {
        if config.listen.ip().is_loopback() {
            return Ok(());
        }
        if self.is_open() {
            return Err(AccessError::Exposed(config.listen));
        }
        for (token, owner) in self.tokens.iter() {
            check_strength(token).map_err(|source| AccessError::Weak { name: owner.name.clone(), source })?;
        }
        Ok(())
    }

    /// Whether nobody is asked who they are.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.proxy.is_none()
    }

    /// Whose token this is.
    pub(super) fn owner(&self, given: &str) -> Option<&TokenOwner> {
        self.tokens.owner(given)
    }

    /// Whose token a session was given for, by the code of the token.
    pub(super) fn owner_of_code(&self, code: &str, key: &MacKey) -> Option<&TokenOwner> {
        self.tokens.iter().find(|(token, _)| token_code(key, token.expose_secret()) == code).map(|(_, owner)| owner)
    }

    /// The person that the log-in proxy names.
    pub(super) fn proxied(&self, headers: &HeaderMap, peer: Option<Peer>) -> Option<Actor> {
        let (header, proxy) = self.proxy.as_ref()?;
        let Peer(from) = peer?;
        if !proxy.from.iter().any(|network| network.contains(from)) {
            return None;
        }
        let mut values = headers.get_all(header).iter();
        // Two values are no answer of one proxy.
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let name = person(std::str::from_utf8(value.as_bytes()).ok()?)?;
        Some(Actor { name, role: proxy.role, way: AccessWay::Proxy })
    }
}

/// A name as it is stored.
pub(super) fn person(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|character| !character.is_control()).take(NAME_MAX).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// What a session keeps of the token that gave it: the session ends with the token.
pub(super) fn token_code(key: &MacKey, token: &str) -> String {
    key.seal(&["session of a token", token])
}

fn read(token: &WebToken) -> Result<Option<SecretString>, AccessError> {
    let place = SecretPlace {
        env_key: "token_env",
        env: token.token_env.as_deref(),
        file_key: "token_file",
        file: token.token_file.as_deref(),
    };
    place.read(&process_variable).map_err(AccessError::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Access, AccessError> {
        Access::from_config(&toml::from_str(text).unwrap())
    }

    #[test]
    fn a_proxy_is_believed_from_where_it_comes_only() {
        let access =
            config("[login_proxy]\nheader = \"X-Forwarded-User\"\nrole = \"annotator\"\nfrom = [\"10.0.0.0/8\"]")
                .unwrap();
        let headers = |names: &[&str]| {
            let pair = |name: &&str| ("x-forwarded-user".parse::<HeaderName>().unwrap(), name.parse().unwrap());
            names.iter().map(pair).collect::<HeaderMap>()
        };
        let named = |names: &[&str], from: [u8; 4]| access.proxied(&headers(names), Some(Peer(from.into())));
        let anna = named(&["anna"], [10, 1, 2, 3]).unwrap();
        assert_eq!((anna.name.as_str(), anna.role, anna.way), ("anna", AccessRole::Annotator, AccessWay::Proxy));
        assert_eq!(named(&["anna"], [192, 168, 0, 1]), None);
        assert_eq!(named(&["anna", "bob"], [10, 1, 2, 3]), None);
        assert_eq!(named(&[" "], [10, 1, 2, 3]), None);
        assert_eq!(access.proxied(&headers(&["anna"]), None), None);
    }

    #[test]
    fn what_others_can_reach_needs_tokens_that_nobody_guesses() {
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(files.path().join(name), text).unwrap();
            format!("token_file = \"{}\"\n", files.path().join(name).display())
        };
        let (weak, good) = (file("weak", "a"), file("good", "f3a9c1d2e4b5a697"));
        let open = "listen = \"0.0.0.0:8080\"\n";
        let refused = |text: &str| config(text).unwrap_err().to_string();
        assert!(refused(open).contains("needs a token"));
        assert!(refused(&format!("{open}{weak}")).contains("it has fewer than 16 characters"));
        assert!(config(&format!("{open}{good}")).is_ok());
        assert!(config(&weak).is_ok(), "nobody else reaches loopback");
        let named = |name: &str, place: &str| format!("[[tokens]]\nname = \"{name}\"\nrole = \"viewer\"\n{place}");
        assert!(refused(&named("anna", "")).contains("`anna`"));
        assert!(refused(&format!("{}{}", named("anna", &good), named("anna", &weak))).contains("two tokens"));
    }
}
