//! The one reader of secrets that the configuration names: in an environment variable or in a file.

use std::path::Path;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::masking::remember;

/// Looks up an environment variable.
pub type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// A variable of this process.
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The two keys of a section that may say where a secret is. Permissions of the file are its owner's affair: mounted
/// secrets are often readable by a group.
#[derive(Debug, Clone, Copy)]
pub struct SecretPlace<'a> {
    /// The name of the key that names a variable.
    pub env_key: &'static str,
    /// The variable.
    pub env: Option<&'a str>,
    /// The name of the key that names a file.
    pub file_key: &'static str,
    pub file: Option<&'a Path>,
}

/// Why there is no secret. It names the key and never holds what was found there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Both keys are given.
    #[error("{file_key}: `{env_key}` is given too; keep one of them")]
    GivenTwice {
        /// The key that names a variable.
        env_key: &'static str,
        /// The key that names a file.
        file_key: &'static str,
    },
    /// The variable is not set, or nothing but blanks.
    #[error("{key}: the environment variable `{variable}` is not set or empty; set it, or use `{file_key}`")]
    Variable {
        /// The key that names it.
        key: &'static str,
        variable: String,
        /// The other way to give the secret.
        file_key: &'static str,
    },
    /// The file holds nothing but blanks.
    #[error("{key}: the file `{path}` is empty; write the secret into it")]
    EmptyFile {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: String,
    },
    /// The file cannot be read, or is no text.
    #[error("{key}: the file `{path}` cannot be read ({problem}); check the path and who may read it")]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: String,
        problem: std::io::Error,
    },
    /// A secret for a header that holds, say, a line end.
    #[error("{key}: what is there holds characters that no HTTP header can carry")]
    Header {
        /// The key that was given.
        key: &'static str,
    },
}

impl SecretPlace<'_> {
    /// The secret without the blanks and line ends around it; none when neither key is given.
    pub fn read(&self, variables: Variables<'_>) -> Result<Option<SecretString>, SecretError> {
        let Some(bytes) = self.bytes(variables)? else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => {
                remember(&text);
                Ok(Some(SecretString::from(text.trim())))
            }
            Err(_) => Err(self.unreadable(std::io::ErrorKind::InvalidData.into())),
        }
    }

    /// The secret behind `prefix` as the value of a request header, marked so that no log shows it.
    pub fn read_header(&self, prefix: &str, variables: Variables<'_>) -> Result<Option<HeaderValue>, SecretError> {
        let Some(secret) = self.read(variables)? else { return Ok(None) };
        let text = SecretString::from(format!("{prefix}{}", secret.expose_secret()));
        let key = if self.env.is_some() { self.env_key } else { self.file_key };
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| SecretError::Header { key })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Key material: every byte as it stands. Trimming it would make another key of it, and with that other placeholders
    /// than workers of earlier versions write.
    pub fn read_key(&self, variables: Variables<'_>) -> Result<Option<SecretSlice<u8>>, SecretError> {
        Ok(self.bytes(variables)?.map(SecretSlice::from))
    }

    fn bytes(&self, variables: Variables<'_>) -> Result<Option<Vec<u8>>, SecretError> {
        match (self.env, self.file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(SecretError::GivenTwice { env_key: self.env_key, file_key: self.file_key }),
            (Some(variable), None) => {
                let text = variables(variable).filter(|text| !text.trim().is_empty());
                text.map(|text| Some(text.into_bytes())).ok_or_else(|| SecretError::Variable {
                    key: self.env_key,
                    variable: variable.to_owned(),
                    file_key: self.file_key,
                })
            }
            (None, Some(path)) => match std::fs::read(path) {
                Ok(bytes) if bytes.trim_ascii().is_empty() => {
                    Err(SecretError::EmptyFile { key: self.file_key, path: path.display().to_string() })
                }
                Ok(bytes) => Ok(Some(bytes)),
                Err(problem) => Err(self.unreadable(problem)),
            },
        }
    }

    fn unreadable(&self, problem: std::io::Error) -> SecretError {
        let path = self.file.map(|path| path.display().to_string()).unwrap_or_default();
        SecretError::File { key: self.file_key, path, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(env: Option<&'a str>, file: Option<&'a Path>) -> SecretPlace<'a> {
        SecretPlace { env_key: "api_key_env", env, file_key: "api_key_file", file }
    }

    fn variables(name: &str) -> Option<String> {
        match name {
            "KEY" => Some(" sk-1 \n".to_owned()),
            "BLANK" => Some(" \n".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_secret_is_read_the_same_way_from_a_variable_and_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, " sk-1 \n").unwrap();
        for place in [place(Some("KEY"), None), place(None, Some(&path))] {
            assert_eq!(place.read(&variables).unwrap().unwrap().expose_secret(), "sk-1");
            assert_eq!(place.read_key(&variables).unwrap().unwrap().expose_secret(), b" sk-1 \n");
        }
        assert!(place(None, None).read(&variables).unwrap().is_none());
    }

    #[test]
    fn a_secret_in_a_header_does_not_show_and_must_fit_into_one() {
        let value = place(Some("KEY"), None).read_header("Bearer ", &variables).unwrap().unwrap();
        assert_eq!((value.to_str().unwrap(), format!("{value:?}").as_str()), ("Bearer sk-1", "Sensitive"));
        let broken = |_: &str| Some("sk\n1".to_owned());
        let error = place(Some("KEY"), None).read_header("", &broken).unwrap_err().to_string();
        assert_eq!(error, "api_key_env: what is there holds characters that no HTTP header can carry");
    }

    #[test]
    fn what_is_missing_is_named_by_its_key_and_place() {
        let directory = tempfile::tempdir().unwrap();
        let (blank, absent) = (directory.path().join("blank"), directory.path().join("absent"));
        std::fs::write(&blank, "\n").unwrap();
        let said = |place: SecretPlace<'_>| place.read(&variables).unwrap_err().to_string();
        for variable in ["BLANK", "UNSET"] {
            let expected = format!(
                "api_key_env: the environment variable `{variable}` is not set or empty; set it, or use `api_key_file`"
            );
            assert_eq!(said(place(Some(variable), None)), expected);
        }
        assert!(said(place(None, Some(&blank))).starts_with("api_key_file: the file `"));
        assert!(said(place(None, Some(&absent))).contains("cannot be read (No such file"));
        assert_eq!(
            said(place(Some("KEY"), Some(&blank))),
            "api_key_file: `api_key_env` is given too; keep one of them"
        );
    }
}
