//! `judged.example.toml` documents every key, and what it says of the defaults is true.

use std::collections::BTreeSet;

use crate::config::Config;

const EXAMPLE: &str = include_str!("../../../judged.example.toml");

#[test]
fn the_example_says_the_defaults() {
    let example: Config = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(example, Config::default());
}

/// The example with every commented-out key and section put in force.
fn everything() -> String {
    let in_force = |line: &str| {
        let text = line.strip_prefix("# ").unwrap_or(line);
        let is_setting = text.starts_with('[')
            || text
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        if is_setting { text.to_owned() } else { line.to_owned() }
    };
    EXAMPLE.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_commented_out_is_right_too() {
    let config: Config = toml::from_str(&everything()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.sinks.len(), config.alerts.webhook.len()), (4, 3));
    assert_eq!(config.sampling.rules.len(), 2);
    assert!(config.intake.amqp.is_some());
    assert_eq!(config.judges["default"].model.as_deref(), Some("gpt-5.4-mini"));
}

#[test]
fn every_key_with_a_default_is_documented() {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let documented: BTreeSet<&str> = EXAMPLE
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter_map(|line| line.split_once(" = ").map(|(key, _)| key.trim()))
        .collect();
    let mut missing = Vec::new();
    let mut tables = vec![(String::new(), defaults)];
    while let Some((path, table)) = tables.pop() {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => tables.push((format!("{path}{key}."), inner)),
                _ if documented.contains(key.as_str()) => {}
                _ => missing.push(format!("{path}{key}")),
            }
        }
    }
    // Lists of sections are documented by their sections.
    missing.retain(|key| {
        !["sinks", "sampling.rules", "alerts.webhook", "intake.otlp.tokens", "web.tokens"].contains(&key.as_str())
    });
    assert!(missing.is_empty(), "not in judged.example.toml: {missing:?}");
}

#[test]
fn every_key_of_judges_and_sinks_is_documented() {
    for section in ["[judges.default]", "[[sinks]]", "[judges.default.prices]", "[[alerts.webhook]]"] {
        let refusal = toml::from_str::<Config>(&format!("{section}\nno_such_key = 1")).unwrap_err().to_string();
        let keys = refusal.split("expected one of ").nth(1).expect(&refusal).split('`').skip(1).step_by(2);
        for key in keys {
            let documented = EXAMPLE.lines().any(|line| line.contains(&format!("{key} = ")));
            assert!(documented, "{section} {key} is not in judged.example.toml");
        }
    }
}
