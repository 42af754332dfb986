//! Names under which a machine speaks to itself.

use std::net::IpAddr;

/// Whether a `Host` (with or without a port) is a loopback address or one of loopback's reserved names. Any other name may
/// have been pointed at 127.0.0.1 by whoever owns it.
pub fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for name in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "[::1]:8080", "judged.localhost:1"] {
            assert!(is_loopback_host(name), "{name}");
        }
        for name in ["evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil.example"] {
            assert!(!is_loopback_host(name), "{name}");
        }
    }
}
