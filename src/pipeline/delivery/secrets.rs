//! Secrets where the configuration says they are: in a variable or in a file.

use std::path::Path;

use secrecy::SecretString;

/// Looks up an environment variable.
pub(super) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// The two keys that may say where a secret is.
pub(super) struct SecretPlace<'a> {
    pub(super) env_key: &'static str,
    pub(super) env: Option<&'a str>,
    pub(super) file_key: &'static str,
    pub(super) file: Option<&'a Path>,
}

/// Why there is no secret.
pub(super) enum SecretProblem {
    /// Both keys are given.
    GivenTwice { key: &'static str, problem: String },
    /// The place is empty, or cannot be read.
    Nothing { key: &'static str, place: String, source: Option<std::io::Error> },
}

impl SecretPlace<'_> {
    /// The secret; none when neither key is given.
    pub(super) fn read(&self, variables: Variables<'_>) -> Result<Option<SecretString>, SecretProblem> {
        let nothing = |key, place: String, source| SecretProblem::Nothing { key, place, source };
        let (text, key, place) = match (self.env, self.file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let problem = format!("`{}` is given too; keep one of them", self.env_key);
                return Err(SecretProblem::GivenTwice { key: self.file_key, problem });
            }
            (Some(variable), None) => {
                let place = format!("the environment variable `{variable}`");
                (variables(variable).unwrap_or_default(), self.env_key, place)
            }
            (None, Some(path)) => {
                let place = format!("the file `{}`", path.display());
                match std::fs::read_to_string(path) {
                    Ok(text) => (text, self.file_key, place),
                    Err(source) => return Err(nothing(self.file_key, place, Some(source))),
                }
            }
        };
        match text.trim() {
            "" => Err(nothing(key, place, None)),
            secret => Ok(Some(SecretString::from(secret))),
        }
    }
}
