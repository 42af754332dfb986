//! The proxy on the way to other servers, as the configuration says it: never to this machine itself, where a proxy of the
//! environment would be sent prompts and keys that nobody meant for it.

use std::sync::{PoisonError, RwLock};

use reqwest::{ClientBuilder, NoProxy, Proxy};

use super::http_url;
use crate::config::ProxyRule;
use crate::secrets::{Variables, masked_url, process_variable, remember};

/// What is on this machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

static RULE: RwLock<ProxyRule> = RwLock::new(ProxyRule::Environment);

/// Goes by this rule from now on; clients that were built before go on as they do.
pub fn use_proxy(rule: ProxyRule) {
    if let ProxyRule::Address(address) = &rule
        && let Ok(url) = http_url(address)
    {
        remember(url.password().unwrap_or_default());
    }
    *RULE.write().unwrap_or_else(PoisonError::into_inner) = rule;
}

/// The proxies in use, as people may see them; empty when there is none.
pub fn proxies_in_use() -> Vec<String> {
    let rule = RULE.read().unwrap_or_else(PoisonError::into_inner).clone();
    let shown = |(scheme, address): (&str, String)| format!("{scheme} by {}", masked_url(&address));
    addresses(&rule, &process_variable).into_iter().map(shown).collect()
}

/// A client by the rule in force.
pub(super) fn with_proxy(builder: ClientBuilder) -> ClientBuilder {
    let rule = RULE.read().unwrap_or_else(PoisonError::into_inner).clone();
    with_proxies(builder, &rule, &process_variable)
}

fn with_proxies(builder: ClientBuilder, rule: &ProxyRule, variables: Variables<'_>) -> ClientBuilder {
    let mut except = LOOPBACK.to_owned();
    if let (ProxyRule::Environment, Some(others)) = (rule, either(variables, "NO_PROXY")) {
        except = format!("{except},{others}");
    }
    // None of the client's own choosing.
    let mut builder = builder.no_proxy();
    for (scheme, address) in addresses(rule, variables) {
        let proxy = if scheme == "http" { Proxy::http(&address) } else { Proxy::https(&address) };
        match proxy {
            Ok(proxy) => builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&except))),
            Err(_) => {
                tracing::warn!(scheme, "a proxy of the environment has no address that can be read; it is left out");
            }
        }
    }
    builder
}

/// Of each scheme its proxy.
fn addresses(rule: &ProxyRule, variables: Variables<'_>) -> Vec<(&'static str, String)> {
    let of_scheme = |(scheme, variable): (&'static str, &str)| match rule {
        ProxyRule::Off => None,
        ProxyRule::Address(address) => Some((scheme, address.clone())),
        ProxyRule::Environment => {
            let address = either(variables, variable).or_else(|| either(variables, "ALL_PROXY"))?;
            Some((scheme, address))
        }
    };
    [("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY")].into_iter().filter_map(of_scheme).collect()
}

/// A variable in either case, as programs read these.
fn either(variables: Variables<'_>, name: &str) -> Option<String> {
    [name.to_lowercase(), name.to_owned()]
        .iter()
        .find_map(|name| variables(name))
        .filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every request with `name`.
    async fn server(name: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                drop(stream.read(&mut [0; 4096]).await);
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{name}", name.len());
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        address
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_other_machines_and_never_for_this_one() {
        crate::net::tls::install_provider();
        let (proxy, own) = (server("proxy").await, server("own").await);
        let variables = |name: &str| (name == "HTTP_PROXY").then(|| proxy.clone());
        let asked = async |rule: &ProxyRule, url: &str| {
            let client = with_proxies(reqwest::Client::builder(), rule, &variables).build().unwrap();
            client.get(url).send().await.ok()?.text().await.ok()
        };
        for rule in [ProxyRule::Environment, ProxyRule::Address(proxy.clone())] {
            assert_eq!(asked(&rule, "http://judge.invalid/").await.as_deref(), Some("proxy"), "{rule:?}");
            assert_eq!(asked(&rule, &own).await.as_deref(), Some("own"), "{rule:?}");
            let by_name = own.replace("127.0.0.1", "localhost");
            assert_eq!(asked(&rule, &by_name).await.as_deref(), Some("own"), "{rule:?}");
        }
        assert_eq!(asked(&ProxyRule::Off, "http://judge.invalid/").await, None);
    }

    #[test]
    fn a_variable_counts_in_either_case_and_one_may_stand_for_all() {
        let all = |name: &str| (name == "all_proxy").then(|| "http://proxy:3128".to_owned());
        assert_eq!(addresses(&ProxyRule::Environment, &all).len(), 2);
        let https = |name: &str| (name == "HTTPS_PROXY").then(|| "http://proxy:3128".to_owned());
        let found = addresses(&ProxyRule::Environment, &https);
        assert_eq!(found, [("https", "http://proxy:3128".to_owned())]);
        assert!(addresses(&ProxyRule::Off, &all).is_empty());
    }
}
