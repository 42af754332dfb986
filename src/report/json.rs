//! The report's JSON twin.

use serde_json::Value;

use super::ReportData;

/// The report as JSON, keys in a fixed order, fractions to six decimals: more would be noise.
pub fn render(report: &ReportData) -> Result<String, serde_json::Error> {
    render_value(serde_json::to_value(report)?)
}

/// The same of a report that is JSON already.
pub(super) fn render_value(mut value: Value) -> Result<String, serde_json::Error> {
    round(&mut value);
    let mut text = serde_json::to_string_pretty(&value)?;
    text.push('\n');
    Ok(text)
}

fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(fraction) = number.as_f64() {
                *value = Value::from((fraction * 1e6).round() / 1e6);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
