//! Configuration: `judged.toml`, overridden by `JUDGED__SECTION__KEY` variables. One file here for each section; every key
//! has a default, and an unknown key is an error that suggests the right one.
//!
//! The sections are plain data: the rooms turn them into what they need and report what is wrong with the values.

mod address_range;
pub mod alerts;
mod assembly;
mod calibration;
mod changes;
mod delivery;
pub mod duration;
mod environment;
mod evaluation;
pub mod intake;
pub mod judges;
pub mod kafka;
pub mod lease;
mod network;
pub mod privacy;
mod rubrics;
pub mod sampling;
mod score_resource;
mod segments;
pub mod sinks;
mod source;
mod store;
pub mod stream;
pub mod telemetry;
mod time_arg;
mod trace_link;
pub mod web;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use alerts::AlertsConfig;
pub use assembly::AssemblyConfig;
pub use calibration::CalibrationConfig;
pub use changes::changed_keys;
pub use delivery::DeliveryConfig;
pub use evaluation::EvaluationConfig;
pub use intake::IntakeConfig;
pub use judges::JudgesConfig;
pub use network::{NetworkConfig, ProxyRule};
pub use privacy::PrivacyConfig;
pub use rubrics::{Publish, RubricsConfig};
pub use sampling::SamplingConfig;
pub use score_resource::ScoreResource;
pub use segments::{SegmentConfig, SegmentPlace};
pub use sinks::SinkConfig;
pub use source::ConfigSource;
pub use store::StoreConfig;
pub use telemetry::TelemetryConfig;
pub use time_arg::TimeArg;
pub use trace_link::TraceLink;
pub use web::WebConfig;

/// The file that is read when `--config` names none and it exists.
pub const DEFAULT_FILE: &str = "judged.toml";

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where state lives.
    pub store: StoreConfig,
    /// Where spans come from.
    pub intake: IntakeConfig,
    /// Which share of the traffic is judged.
    pub sampling: SamplingConfig,
    /// When a trace is complete.
    pub assembly: AssemblyConfig,
    /// How pending evaluations are worked on.
    pub evaluation: EvaluationConfig,
    /// How judges are watched.
    pub calibration: CalibrationConfig,
    /// How owed deliveries are worked on.
    pub delivery: DeliveryConfig,
    /// Which criteria judge.
    pub rubrics: RubricsConfig,
    /// The judge models by name.
    pub judges: JudgesConfig,
    /// Which attributes make segments.
    pub segments: SegmentConfig,
    /// How other servers are reached.
    pub network: NetworkConfig,
    /// judged's own logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// What is redacted, and how long content is kept.
    pub privacy: PrivacyConfig,
    /// Where scores go.
    #[serde(skip_serializing)]
    pub sinks: Vec<SinkConfig>,
    /// What becomes of drift flags, and who is told.
    pub alerts: AlertsConfig,
    /// Pages, API, health and metrics.
    pub web: WebConfig,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named cannot be read.
    #[error("cannot read the configuration file {path}", path = .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is not TOML, or a key or value in it is wrong.
    #[error("{path}: {message}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Where in it, what, and what was probably meant.
        message: String,
    },
    /// A `JUDGED__…` variable is wrong.
    #[error("environment variable {variable}: {message}")]
    Environment {
        variable: String,
        /// What is wrong, and what was probably meant.
        message: String,
    },
}

impl Config {
    /// Reads the file (`path`, else [`DEFAULT_FILE`] if it exists, else the defaults) and lays the variables over it.
    pub fn load(path: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
        };
        Self::parse(path, &text, variables)
    }

    fn parse(path: &Path, text: &str, variables: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let in_file =
            |error: toml::de::Error| ConfigError::File { path: path.to_owned(), message: explain(text, &error) };
        // First the file alone, so that its errors have a line.
        let config: Self = toml::from_str(text).map_err(in_file)?;
        let overrides = environment::overrides(variables);
        if overrides.is_empty() {
            return Ok(config);
        }
        let mut table: toml::Table = toml::from_str(text).map_err(in_file)?;
        let mut config = config;
        for (variable, keys, value) in overrides {
            environment::insert(&mut table, &keys, value)
                .and_then(|()| read_again(&table))
                .map(|overridden| config = overridden)
                .map_err(|message| {
                    let message = if names_a_secret(&variable) { without_values(&message) } else { message };
                    ConfigError::Environment { variable, message }
                })?;
        }
        Ok(config)
    }
}

/// The configuration of a table that was changed, by way of its text: a second deserializer, that of tables, would compile
/// every section a second time.
fn read_again(table: &toml::Table) -> Result<Config, String> {
    let text = toml::to_string(table).map_err(|error| error.to_string())?;
    toml::from_str(&text).map_err(|error| with_suggestion(error.message(), error.message()))
}

/// The parser's complaint with the line, and the key that was probably meant when one is unknown. A line that may hold a secret is
/// not shown, nor is what the complaint repeats of it.
fn explain(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count();
    if !may_hold_a_secret(text, line) {
        return with_suggestion(error.to_string().trim_end(), error.message());
    }
    let message = without_values(error.message());
    with_suggestion(&format!("TOML parse error at line {}: {message}", line + 1), &message)
}

/// A complaint without what it quotes.
fn without_values(message: &str) -> String {
    message.split('"').step_by(2).collect::<Vec<_>>().join("***")
}

fn names_a_secret(key: &str) -> bool {
    const KEYS: [&str; 7] = ["url", "headers", "salt", "key", "token", "password", "secret"];
    KEYS.iter().any(|part| key.to_ascii_lowercase().contains(part))
}

/// Whether a line of a file gives a key that may hold a secret, or goes on with one.
fn may_hold_a_secret(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().take(line + 1).collect();
    let section = lines.iter().rev().find(|line| line.trim_start().starts_with('['));
    if section.is_some_and(|section| names_a_secret(section)) {
        return true;
    }
    // A value over several lines begins at the last line that names a key.
    let named = lines.iter().rev().find_map(|line| line.split_once('=').map(|(key, _)| key));
    named.is_some_and(names_a_secret) || lines.last().is_some_and(|line| names_a_secret(line))
}

fn with_suggestion(shown: &str, message: &str) -> String {
    match unknown_key_suggestion(message) {
        Some(suggestion) => format!("{shown}\ndid you mean `{suggestion}`?"),
        None => shown.to_owned(),
    }
}

/// From serde's "unknown field `a`, expected one of `b`, `c`", the expected key nearest to the unknown one.
fn unknown_key_suggestion(message: &str) -> Option<&str> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (unknown, expected) = message.starts_with("unknown field").then(|| quoted.split_first())??;
    similar::get_close_matches(*unknown, expected, 1, 0.6).first().copied()
}

#[cfg(test)]
mod tests {
    mod example;

    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(Path::new("judged.toml"), text, variables)
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(parse("", &[]).unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line_and_a_suggestion() {
        let error = parse("[assembly]\nsetle = \"3s\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("judged.toml: TOML parse error at line 2"), "{error}");
        assert!(error.contains("did you mean `settle`?"), "{error}");
    }

    #[test]
    fn a_variable_overrides_the_file() {
        let config = parse(
            "[assembly]\nsettle = \"3s\"\n",
            &[("JUDGED__ASSEMBLY__SETTLE", "5s"), ("JUDGED__EVALUATION__ATTEMPTS", "9"), ("HOME", "/")],
        )
        .unwrap();
        assert_eq!(config.assembly.settle.as_secs(), 5);
        assert_eq!(config.evaluation.attempts, 9);
    }

    #[test]
    fn an_error_in_a_line_with_a_secret_does_not_show_it() {
        for (text, line) in [
            ("[[sinks]]\nname = \"a\"\nheaders = { Authorization = \"Bearer abc\" X = 1 }", 3),
            ("[sampling]\nsalt = [\"abc\"]", 2),
            ("[intake.amqp]\nurl = \"amqp://me:abc@mq\" x", 2),
            ("[[sinks]]\nname = \"a\"\n[sinks.headers]\nX-Tenant = \"abc\" y", 4),
            ("[judges.a]\napi_key_env = abc", 2),
        ] {
            let error = parse(text, &[]).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")) && !error.contains("abc"), "{error}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = parse("", &[("JUDGED__ASSEMBLY__SETTLE", "soon")]).unwrap_err().to_string();
        assert!(error.starts_with("environment variable JUDGED__ASSEMBLY__SETTLE: "), "{error}");
        let error = parse("", &[("JUDGED__STOR__URL", "x")]).unwrap_err().to_string();
        assert!(error.contains("did you mean `store`?"), "{error}");
    }
}
