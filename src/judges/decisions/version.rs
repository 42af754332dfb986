//! Whether a model's name says which version it is. A name that does not may stand for another model tomorrow. Pure.

/// What is put behind a name that says no version, in the records of judged: such a judge is checked daily.
pub const UNVERSIONED: &str = "(unversioned)";

/// The model as it is recorded: what the endpoint says it was, else what was asked for.
pub(super) fn recorded(requested: &str, answered: Option<&str>) -> String {
    match answered.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) if names_a_version(name) => name.to_owned(),
        Some(name) => format!("{name} {UNVERSIONED}"),
        None => format!("{requested} {UNVERSIONED}"),
    }
}

/// A number with a dot (`1.13.0`), a date (`20261006`, `2026-10-06`), or a digest behind `@` or `:`.
fn names_a_version(name: &str) -> bool {
    if name.ends_with("latest") || name.ends_with("preview") {
        return false;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pieces: Vec<&str> = name.split(['-', '_', '/', ' ', '@', ':']).collect();
    let is_numbered = |piece: &&str| {
        let piece = piece.trim_start_matches('v');
        piece.contains('.') && piece.split('.').all(digits)
    };
    let is_date =
        |pieces: &[&str]| pieces.iter().zip([4, 2, 2]).all(|(piece, length)| piece.len() == length && digits(piece));
    let is_digest = |piece: &str| piece.len() >= 12 && piece.bytes().all(|byte| byte.is_ascii_hexdigit());
    pieces.iter().any(is_numbered)
        || pieces.iter().any(|piece| (piece.len() == 8 && digits(piece)) || is_digest(piece))
        || pieces.windows(3).any(is_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_version_is_marked() {
        for name in
            ["jev-1.13.0", "openai/gpt-6-luna-decisions-20261006", "m-2026-10-06", "clef@sha256:0123456789abcdef"]
        {
            assert_eq!(recorded("asked", Some(name)), name);
        }
        assert_eq!(recorded("asked", Some("gpt-6-luna")), "gpt-6-luna (unversioned)");
        assert_eq!(recorded("asked", Some("jev-1.13-latest")), "jev-1.13-latest (unversioned)");
        assert_eq!(recorded("jev-latest", Some("  ")), "jev-latest (unversioned)");
        assert_eq!(recorded("gemini-decision-1", None), "gemini-decision-1 (unversioned)");
    }
}
