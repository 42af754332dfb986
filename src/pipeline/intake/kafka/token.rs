//! Tokens of an authorisation server, which end and are fetched again: from a file that something else keeps fresh, or by a program.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;

use super::KafkaConfigError;
use crate::config::kafka::SaslConfig;

/// How long a token is taken to hold that does not say it: the library asks again after four fifths of it.
const LIFETIME: Duration = Duration::from_mins(5);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// Where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenSource {
    File(PathBuf),
    Command { program: String, arguments: Vec<String> },
}

/// Why there is no token. Never what was found.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("token_file: `{}` cannot be read", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("token_command: `{program}` cannot be run")]
    Command { program: String, source: std::io::Error },
    #[error("token_command: `{program}` did not end within {} seconds", COMMAND_TIMEOUT.as_secs())]
    Timeout { program: String },
    #[error("token_command: `{program}` ended with {status}")]
    Failed { program: String, status: std::process::ExitStatus },
    #[error("there is no token in what `{from}` gave")]
    Empty { from: String },
}

impl TokenSource {
    pub(super) fn new(sasl: &SaslConfig) -> Result<Self, KafkaConfigError> {
        let wrong = |problem: &str| Err(KafkaConfigError::Setting(problem.to_owned()));
        if sasl.username.is_some() || sasl.password_env.is_some() || sasl.password_file.is_some() {
            return wrong("sasl: the mechanism oauthbearer has no username and password; take them out");
        }
        match (&sasl.token_file, sasl.token_command.as_deref()) {
            (Some(file), None) => Ok(Self::File(file.clone())),
            (None, Some([program, arguments @ ..])) => {
                Ok(Self::Command { program: program.clone(), arguments: arguments.to_vec() })
            }
            (Some(_), Some(_)) => wrong("sasl: token_file and token_command are both given; keep one of them"),
            (None, _) => wrong("sasl: the token is missing; set token_file or token_command"),
        }
    }

    /// A fresh token. It blocks: the library asks on a thread that may.
    pub(super) fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let (text, from) = match self {
            Self::File(path) => {
                let read = std::fs::read_to_string(path);
                (read.map_err(|source| TokenError::File { path: path.clone(), source })?, path.display().to_string())
            }
            Self::Command { program, arguments } => (run(program, arguments)?, program.clone()),
        };
        let token = text.trim();
        if token.is_empty() || token.contains('\0') {
            return Err(TokenError::Empty { from }.into());
        }
        let claims = claims(token);
        let unsaid =
            || (SystemTime::now() + LIFETIME).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let expires =
            claims.get("exp").and_then(serde_json::Value::as_i64).map(|seconds| seconds.saturating_mul(1_000));
        let subject = claims.get("sub").and_then(serde_json::Value::as_str).filter(|name| !name.contains('\0'));
        Ok(OAuthToken {
            token: token.to_owned(),
            principal_name: subject.unwrap_or("judged").to_owned(),
            lifetime_ms: expires.unwrap_or_else(unsaid),
        })
    }
}

/// What a token says of itself, where it is one that does (a JWT). Whether it is true is the broker's to check.
fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn run(program: &str, arguments: &[String]) -> Result<String, TokenError> {
    let failed = |source| TokenError::Command { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(failed)?;
    let until = Instant::now() + COMMAND_TIMEOUT;
    // A token fits into the pipe, so that the program need not wait for a reader.
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= until {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            return Err(TokenError::Timeout { program: program.to_owned() });
        }
        std::thread::sleep(PAUSE);
    };
    if !status.success() {
        return Err(TokenError::Failed { program: program.to_owned(), status });
    }
    let output = child.wait_with_output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str) -> TokenSource {
        TokenSource::Command { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script.to_owned()] }
    }

    #[test]
    fn a_token_says_itself_until_when_it_holds_and_whose_it_is() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"judge","exp":2000000000}"#);
        let token = command(&format!("echo head.{claims}.signature")).token().unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("judge", 2_000_000_000_000));
    }

    #[test]
    fn a_token_that_says_nothing_is_read_again_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let source = TokenSource::File(file.clone());
        for text in ["opaque one", "opaque two"] {
            std::fs::write(&file, format!("{text}\n")).unwrap();
            let token = source.token().unwrap();
            assert_eq!((token.token.as_str(), token.principal_name.as_str()), (text, "judged"));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            assert!(token.lifetime_ms > now);
        }
    }

    #[test]
    fn what_goes_wrong_is_said_without_what_was_found() {
        let told = |source: TokenSource| source.token().err().unwrap().to_string();
        assert!(told(command("echo a secret; exit 3")).contains("`sh` ended with exit status: 3"));
        assert!(told(command("true")).contains("there is no token in what `sh` gave"));
        assert!(told(TokenSource::File("no/such/file".into())).contains("`no/such/file` cannot be read"));
    }
}
