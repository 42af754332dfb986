//! The one place where secrets are taken out of text that leaves: errors in logs, in the database, on pages and on the terminal.
//!
//! Every secret that the configuration names is remembered when it is read, and is hidden wherever it turns up, say in what a server
//! repeats of a request. What looks like credentials is hidden besides.

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
const HIDDEN: &str = "***";
/// A shorter one would be found in words that have nothing to do with it.
const SHORTEST: usize = 8;

static KNOWN: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Hides this text from now on.
pub fn remember(secret: &str) {
    let secret = secret.trim();
    if secret.len() < SHORTEST {
        return;
    }
    let is_known = |known: &[SecretString]| known.iter().any(|known| known.expose_secret() == secret);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if !is_known(&known) {
        known.push(SecretString::from(secret));
        // A secret that holds another is hidden as a whole.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }
}

/// The text without secrets.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for secret in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if masked.contains(secret.expose_secret()) {
            masked = Cow::Owned(masked.replace(secret.expose_secret(), HIDDEN));
        }
    }
    for credentials in LOOK_ALIKES.iter() {
        if let Cow::Owned(replaced) = credentials.replace_all(&masked, "${before}***${after}") {
            masked = Cow::Owned(replaced);
        }
    }
    masked
}

/// What is said in messages only, and never in a sentence: the scheme of a header, the user of an address, a member of a connection
/// string.
static LOOK_ALIKES: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        r"(?i)(?P<before>\b(?:bearer|basic)\s+)[A-Za-z0-9+/_=.~-]{8,}(?P<after>)",
        r"(?P<before>://[^\s/:@]*:)[^\s/]+(?P<after>@)",
        r"(?i)(?P<before>\b(?:password|passwd|pwd)\s*=\s*)[^\s&;]+(?P<after>)",
    ]
    .map(|pattern| {
        #[expect(clippy::unwrap_used, reason = "a test makes them all")]
        Regex::new(pattern).unwrap()
    })
});

/// An address of a database or broker without its credentials, whatever its form; for messages. Options go too, as they may hold
/// credentials.
pub fn masked_url(url: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, ""), |(address, _)| (address, "?…"));
    // A password may hold an `@`, a host may not.
    let Some((credentials, host)) = address.rsplit_once('@') else {
        return format!("{}{options}", masked(address));
    };
    let scheme =
        credentials.split_once("://").map(|(scheme, rest)| (scheme, rest.split(':').next().unwrap_or_default()));
    match scheme {
        Some((scheme, user)) => format!("{scheme}://{user}:{HIDDEN}@{host}{options}"),
        None => format!("{HIDDEN}@{host}{options}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_read_is_hidden_wherever_it_turns_up() {
        assert_eq!(masked("the key 8d1f-violet-heron is wrong"), "the key 8d1f-violet-heron is wrong");
        remember("8d1f-violet-heron");
        remember("8d1f-violet-heron-2\n");
        assert_eq!(masked("the key 8d1f-violet-heron is wrong"), "the key *** is wrong");
        assert_eq!(masked("keys 8d1f-violet-heron-2, 8d1f-violet-heron"), "keys ***, ***");
        remember("a");
        assert_eq!(masked("a word"), "a word", "no secret, and no sentence would be left");
    }

    #[test]
    fn what_looks_like_credentials_is_hidden_too() {
        for (said, shown) in [
            ("got Authorization: Bearer abc123def456", "got Authorization: Bearer ***"),
            ("basic dXNlcjpwYXNzd29yZA== refused", "basic *** refused"),
            ("cannot reach postgres://me:pa@ss@db/x", "cannot reach postgres://me:***@db/x"),
            ("host=db password=secret user=me", "host=db password=*** user=me"),
        ] {
            assert_eq!(masked(said), shown);
        }
        for plain in
            ["a basic error", "http://127.0.0.1:4318/v1/traces", "write amqp://mq:5672, or ask bob@example.org"]
        {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn an_address_shows_no_password_in_any_form() {
        for (url, shown) in [
            ("postgres://me:secret@db/judged", "postgres://me:***@db/judged"),
            ("postgres://me:se@cret@db/judged", "postgres://me:***@db/judged"),
            ("postgres://me@db/judged?password=secret", "postgres://me:***@db/judged?…"),
            ("postgres:/me:secret@db", "***@db"),
            ("postgres//me:secret@db", "***@db"),
            ("host=db password=secret", "host=db password=***"),
            ("sqlite://me:secret@x", "sqlite://me:***@x"),
            ("me:secret@mq", "***@mq"),
            ("sqlite://judged.db", "sqlite://judged.db"),
        ] {
            assert_eq!(masked_url(url), shown);
        }
    }
}
