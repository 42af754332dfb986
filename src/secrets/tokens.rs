//! Tokens that others show to be let in.

use secrecy::{ExposeSecret, SecretString};

use super::derive::same;

/// A token that strangers may guess at needs so many characters.
const LEAST_CHARACTERS: usize = 16;
/// What stands in examples.
const OF_EXAMPLES: [&str; 3] = ["change-me", "choose-one", "changeme"];

/// Why a token must not guard what others can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakToken {
    #[error("it has fewer than {LEAST_CHARACTERS} characters; `openssl rand -hex 32` prints a good one")]
    Short,
    #[error("it is the one of an example; `openssl rand -hex 32` prints a good one")]
    OfAnExample,
}

/// Whether a token is fit to guard what others can reach.
pub fn check_strength(token: &SecretString) -> Result<(), WeakToken> {
    let text = token.expose_secret();
    if OF_EXAMPLES.iter().any(|example| text.to_ascii_lowercase().starts_with(example)) {
        return Err(WeakToken::OfAnExample);
    }
    if text.chars().count() < LEAST_CHARACTERS { Err(WeakToken::Short) } else { Ok(()) }
}

/// Known tokens, and whose each is.
#[derive(Debug)]
pub struct Tokens<T>(Vec<(SecretString, T)>);

impl<T> Tokens<T> {
    pub fn new(tokens: Vec<(SecretString, T)>) -> Self {
        Self(tokens)
    }

    /// Whether nobody needs a token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token this is. Takes the same time whichever it is.
    pub fn owner(&self, given: &str) -> Option<&T> {
        let mut owner = None;
        for (token, of) in &self.0 {
            if same(given, token.expose_secret()) {
                owner = owner.or(Some(of));
            }
        }
        owner
    }

    /// Every token with its owner.
    pub fn iter(&self) -> impl Iterator<Item = (&SecretString, &T)> {
        self.0.iter().map(|(token, of)| (token, of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_whole_or_not_at_all() {
        let tokens = Tokens::new(vec![("one".into(), 1), ("two".into(), 2)]);
        assert_eq!((tokens.owner("two"), tokens.owner("tw"), tokens.owner("")), (Some(&2), None, None));
        assert!(Tokens::<()>::new(Vec::new()).is_empty());
    }

    #[test]
    fn what_everybody_would_try_first_is_no_token() {
        assert_eq!(check_strength(&"a".into()), Err(WeakToken::Short));
        assert_eq!(check_strength(&"change-me-please-now".into()), Err(WeakToken::OfAnExample));
        assert_eq!(check_strength(&"f3a9c1d2e4b5a697".into()), Ok(()));
    }
}
