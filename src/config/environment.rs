//! `JUDGED__SECTION__KEY=value` variables: keys are lower-cased, values are TOML where they read as TOML, else text.

use toml::{Table, Value};

const PREFIX: &str = "JUDGED__";

/// The overriding variables: name, path of keys, value. In order of name, so that the result does not depend on the system.
pub(super) fn overrides(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, Vec<String>, Value)> {
    let mut overrides: Vec<_> = variables
        .filter_map(|(name, value)| {
            let keys = name.strip_prefix(PREFIX)?.split("__").map(str::to_ascii_lowercase).collect();
            Some((name, keys, read_value(value)))
        })
        .collect();
    overrides.sort_by(|(left, ..), (right, ..)| left.cmp(right));
    overrides
}

fn read_value(text: String) -> Value {
    let as_toml = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    match as_toml {
        // A date is more likely a text that looks like one.
        Some(Value::Datetime(_)) | None => Value::String(text),
        Some(value) => value,
    }
}

/// Puts `value` at the end of the path `keys`. A number in the path is an index into a list such as `[[sinks]]`.
pub(super) fn insert(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = keys.split_first() else { return Err("names no key".to_owned()) };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => insert(inner, rest, value),
        Value::Array(items) => {
            let index: usize =
                rest[0].parse().map_err(|_| format!("`{first}` is a list: the next part must be an index"))?;
            match items.get_mut(index) {
                Some(Value::Table(inner)) => insert(inner, &rest[1..], value),
                _ => Err(format!("`{first}` has no table at index {index}")),
            }
        }
        _ => Err(format!("`{first}` is a value, not a section")),
    }
}
