//! Where each dialect is spoken, and what it costs there. Pure.

use crate::config::judges::{Dialect, Envelope, Prices};

/// The provider's own endpoint.
pub(in crate::judges) fn default_base(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Systemone => "https://api.typesafe.ai/v1",
        Dialect::Openai => "https://api.openai.com/v1",
        Dialect::Gemini => "https://generativelanguage.googleapis.com/v1beta",
    }
}

/// The path that is asked, from that of `base_url`: an origin or a prefix gets the version and the name, one that ends in a
/// version the name, and one that ends in the name is whole. Cloudflare's ends in the model.
pub(in crate::judges) fn path(dialect: Dialect, envelope: Option<Envelope>, base: &str) -> String {
    let base = base.trim_end_matches('/');
    let (version, name) = match dialect {
        Dialect::Systemone => ("v1", "systemone"),
        Dialect::Openai => ("v1", "decisions"),
        Dialect::Gemini => ("v1beta", "decisions"),
    };
    let last = base.rsplit('/').next().unwrap_or_default();
    let is_version =
        last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    match envelope {
        Some(Envelope::Cloudflare) => base.to_owned(),
        None if last == name || last == "decisions" => base.to_owned(),
        None if is_version => format!("{base}/{name}"),
        None => format!("{base}/{version}/{name}"),
    }
}

/// List prices of November 2026 at the providers' own endpoints; nobody charges for output.
pub(in crate::judges) fn price_of_host(host: &str) -> Option<Prices> {
    let price = |input, cached_input| Prices { input, output: 0.0, cached_input, cache_write: None };
    match host {
        "api.typesafe.ai" => Some(price(0.042, None)),
        "api.openai.com" => Some(price(0.10, Some(0.0))),
        "generativelanguage.googleapis.com" => Some(price(0.10, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_from_any_base() {
        for (base, expected) in [
            ("", "/v1/systemone"),
            ("/", "/v1/systemone"),
            ("/v1", "/v1/systemone"),
            ("/api/v1/", "/api/v1/systemone"),
            ("/typesafe", "/typesafe/v1/systemone"),
            ("/ai-gateway/typesafe/v1/systemone", "/ai-gateway/typesafe/v1/systemone"),
            ("/api/alpha/decisions", "/api/alpha/decisions"),
        ] {
            assert_eq!(path(Dialect::Systemone, None, base), expected, "{base}");
        }
        assert_eq!(path(Dialect::Openai, None, "/v1"), "/v1/decisions");
        assert_eq!(path(Dialect::Gemini, None, ""), "/v1beta/decisions");
        let cloudflare = "/client/v4/accounts/a/ai/run/@cf/cloudflare/clef";
        assert_eq!(path(Dialect::Systemone, Some(Envelope::Cloudflare), cloudflare), cloudflare);
    }
}
