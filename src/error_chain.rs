//! An error with everything that caused it, on one line: for logs in any format, for answers and for the terminal.

use std::error::Error;

use crate::secrets::masked;

/// The error's text and those of its causes, without secrets; what an error already says of its cause is not said twice.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        cause = error.source();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
    }
    masked(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer{}", .0.as_ref().map(|inner| format!(": {inner}")).unwrap_or_default())]
    struct Outer(#[source] Option<std::io::Error>);

    #[derive(Debug, thiserror::Error)]
    #[error("the whole")]
    struct Whole(#[source] Outer);

    #[test]
    fn every_cause_is_named_once() {
        let error = Whole(Outer(Some(std::io::Error::other("the inner"))));
        assert_eq!(causes(&error), "the whole: the outer: the inner");
        assert_eq!(causes(&Outer(None)), "the outer");
    }
}
