//! Addresses and headers as the configuration gives them.

use std::collections::BTreeMap;
use std::str::FromStr;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::secrets::remember;

/// Why a text is not the address of an HTTP server. It repeats nothing of the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("this is not a URL ({0})")]
    Unreadable(<Url as FromStr>::Err),
    #[error("this is not an http or https URL")]
    NotHttp,
}

/// The address of an HTTP server.
pub fn http_url(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text).map_err(AddressError::Unreadable)?;
    if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() {
        Ok(url)
    } else {
        Err(AddressError::NotHttp)
    }
}

/// Why `headers` of a section cannot be sent. It repeats no value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("`{0}` is not a header name")]
    Name(String),
    #[error("`{0}` has a value that no header can carry")]
    Value(String),
}

/// Adds configured headers. Their values are marked as sensitive, so that no log shows them.
pub fn add_headers(headers: &mut HeaderMap, configured: &BTreeMap<String, String>) -> Result<(), HeaderError> {
    for (name, value) in configured {
        // Where it holds a scheme, the server may repeat what stands behind it.
        remember(value.rsplit(' ').next().unwrap_or_default());
        let mut value = HeaderValue::from_str(value).map_err(|_| HeaderError::Value(name.clone()))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_str(name).map_err(|_| HeaderError::Name(name.clone()))?, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_http_servers_are_taken() {
        for address in ["http://127.0.0.1:4318", "https://host/path?query=1", "HTTPS://[::1]"] {
            assert!(http_url(address).is_ok(), "{address}");
        }
        for address in ["ftp://host", "mailto:somebody@host", "file:///etc/passwd", "unix:/socket"] {
            assert_eq!(http_url(address), Err(AddressError::NotHttp), "{address}");
        }
        assert!(matches!(http_url("localhost"), Err(AddressError::Unreadable(_))));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_and_its_value_is_not() {
        let add = |name: &str, value: &str| {
            let mut headers = HeaderMap::new();
            add_headers(&mut headers, &[(name.to_owned(), value.to_owned())].into()).map(|()| headers)
        };
        assert!(add("X-Tenant", "a").unwrap()["x-tenant"].is_sensitive());
        let refused = |name, value| add(name, value).unwrap_err().to_string();
        assert_eq!(refused("X Tenant", "a"), "`X Tenant` is not a header name");
        assert_eq!(refused("X-Tenant", "secret\n"), "`X-Tenant` has a value that no header can carry");
    }
}
