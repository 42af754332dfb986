//! Legal OTLP/JSON that the generated types refuse: fields left out (protobuf's JSON mapping leaves out every default),
//! nulls, names in snake case, enumerations by name, numbers as text, `NaN` and `Infinity`, halves of surrogate pairs;
//! and records that are wrong beside others that are right. Slow, so it is tried only on what was refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value as Json};

use super::wire::{LogRecord, Span};

/// The same request in the only form that the generated types read; `None` when the text is no JSON.
pub(super) fn mended(body: &[u8]) -> Option<Json> {
    let mut tree: Json = serde_json::from_slice(&with_whole_characters(body)).ok()?;
    mend(&mut tree);
    Some(tree)
}

/// Puts an empty record, which is counted as rejected later on, in the place of each record that cannot be read.
pub(super) fn without_bad_records(tree: &mut Json) {
    blank_records::<Span>(tree, SPANS);
    blank_records::<LogRecord>(tree, LOG_RECORDS);
}

/// Where records stand.
const SPANS: [&str; 3] = ["resourceSpans", "scopeSpans", "spans"];
const LOG_RECORDS: [&str; 3] = ["resourceLogs", "scopeLogs", "logRecords"];

fn blank_records<R: DeserializeOwned>(tree: &mut Json, path: [&str; 3]) {
    each_bad_record::<R>(tree, path, |record| *record = Json::Object(Map::new()));
}

fn each_bad_record<R: DeserializeOwned>(tree: &mut Json, path: [&str; 3], mut act: impl FnMut(&mut Json)) {
    let [blocks, scopes, records] = path;
    for block in items(tree, blocks) {
        for scope in items(block, scopes) {
            for record in items(scope, records) {
                if serde_json::from_value::<R>(record.clone()).is_err() {
                    act(record);
                }
            }
        }
    }
}

/// Of each record that cannot be read because a number does not fit its field: which record, which field, and what fits.
pub fn numbers_out_of_range(body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let Some(mut tree) = mended(body) else { return found };
    let mut note = |record: &mut Json| {
        found.extend(number_out_of_range(record));
    };
    each_bad_record::<Span>(&mut tree, SPANS, &mut note);
    each_bad_record::<LogRecord>(&mut tree, LOG_RECORDS, &mut note);
    found
}

/// The same of one record that is mended.
pub(super) fn number_out_of_range(record: &Json) -> Option<String> {
    let misfit = misfit(record, None)?;
    let id = record.get("spanId").and_then(Json::as_str).filter(|id| !id.is_empty() && id.len() <= 16);
    let record = id.map_or_else(|| "a record".to_owned(), |id| format!("the record of span {id}"));
    Some(format!("{record}: {misfit}"))
}

/// The first number below `node` that does not fit its field; `key` is the attribute that `node` belongs to.
fn misfit(node: &Json, key: Option<&str>) -> Option<String> {
    /// Characters of an attribute's name that are repeated.
    const MAX_KEY: usize = 100;
    match node {
        Json::Array(items) => items.iter().find_map(|item| misfit(item, key)),
        Json::Object(members) => {
            let key = members.get("key").and_then(Json::as_str).or(key);
            let own = members.iter().find_map(|(name, value)| {
                let (least, most) = range_of(name)?;
                let is_outside = whole(value).is_some_and(|number| number < least || number > most);
                is_outside.then(|| format!("{name} is not between {least} and {most}"))
            });
            match (own, key) {
                (Some(own), Some(key)) => {
                    Some(format!("attribute `{}`: {own}", key.chars().take(MAX_KEY).collect::<String>()))
                }
                (Some(own), None) => Some(own),
                (None, _) => members.values().find_map(|inner| misfit(inner, key)),
            }
        }
        _ => None,
    }
}

/// What the integer fields of OTLP hold.
fn range_of(field: &str) -> Option<(i128, i128)> {
    Some(match field {
        "intValue" => (i128::from(i64::MIN), i128::from(i64::MAX)),
        "startTimeUnixNano" | "endTimeUnixNano" | "timeUnixNano" | "observedTimeUnixNano" => (0, i128::from(u64::MAX)),
        "droppedAttributesCount" | "droppedEventsCount" | "droppedLinksCount" | "flags" => (0, i128::from(u32::MAX)),
        "kind" | "code" | "severityNumber" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => return None,
    })
}

/// A number, or the text of one, without its fraction.
fn whole(value: &Json) -> Option<i128> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i128))
}

/// The items of the list under `name`.
fn items<'a>(node: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> {
    node.get_mut(name).and_then(Json::as_array_mut).into_iter().flatten()
}

/// The text with U+FFFD in the place of escaped surrogates that lack their other half: a limit on the length of
/// attributes cut a character in two.
fn with_whole_characters(body: &[u8]) -> Cow<'_, [u8]> {
    /// Bytes of an escape: backslash, `u` and four hexadecimal digits.
    const ESCAPE: usize = 6;
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    // A body that ends in a backslash has nothing behind it.
    while let Some(backslash) = memchr::memchr(b'\\', body.get(at..).unwrap_or_default()).map(|found| at + found) {
        at = backslash + 2;
        let Some(first) = surrogate(body, backslash) else { continue };
        let is_pair = first < 0xDC00 && surrogate(body, backslash + ESCAPE).is_some_and(|second| second >= 0xDC00);
        at = backslash + if is_pair { 2 * ESCAPE } else { ESCAPE };
        if !is_pair {
            mended.get_or_insert_with(|| body.to_vec())[backslash..at].copy_from_slice(br"\ufffd");
        }
    }
    mended.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// The surrogate escaped at `at`.
fn surrogate(body: &[u8], at: usize) -> Option<u16> {
    let escape = body.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(br"\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xD800..0xE000).contains(unit))
}

fn mend(node: &mut Json) {
    match node {
        Json::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(mend);
        }
        Json::Object(members) => {
            *members = std::mem::take(members).into_iter().filter(|(_, value)| !value.is_null()).map(renamed).collect();
            // Which entity a resource is about; nothing here reads it, and its absent fields are refused.
            members.remove("entityRefs");
            fill_lists(members);
            keep_odd_doubles(members);
            members.values_mut().for_each(mend);
        }
        Json::Number(number) => {
            if let Some(whole) = number.as_f64().and_then(whole_number) {
                *node = Json::from(whole);
            }
        }
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}

/// `12.0` is an integer to protobuf's JSON mapping.
fn whole_number(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9.0e15).then_some(value as i64)
}

/// Member names in camel case, enumerations and counts as numbers. Attribute names are values in OTLP/JSON and not
/// touched.
fn renamed((name, value): (String, Json)) -> (String, Json) {
    let name = if name.contains('_') { camel_case(&name) } else { name };
    let number = match &*name {
        "kind" | "code" | "severityNumber" => {
            value.as_str().and_then(|text| enumeration(text).or_else(|| text.parse().ok()))
        }
        "flags" | "droppedAttributesCount" | "droppedEventsCount" | "droppedLinksCount" => {
            value.as_str().and_then(|text| text.parse::<i64>().ok())
        }
        _ => None,
    };
    let value = match (&*name, &value) {
        ("traceId" | "spanId" | "parentSpanId", Json::String(id)) => Json::String(hex_id(id)),
        _ => value,
    };
    (name, number.map_or(value, Json::from))
}

/// The id in hexadecimal digits, as OTLP wants it. Programs that print the message with protobuf's own JSON write base64.
fn hex_id(id: &str) -> String {
    // 16 and 8 bytes are 24 and 12 characters of base64, and 32 and 16 hexadecimal digits.
    let bytes = if matches!(id.len(), 24 | 12) { STANDARD.decode(id).ok() } else { None };
    bytes.map_or_else(|| id.to_owned(), hex::encode)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn enumeration(name: &str) -> Option<i64> {
    Some(match name {
        "SPAN_KIND_UNSPECIFIED" | "STATUS_CODE_UNSET" | "SEVERITY_NUMBER_UNSPECIFIED" => 0,
        "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" => 1,
        "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return severity(name.strip_prefix("SEVERITY_NUMBER_")?),
    })
}

/// `TRACE`, `TRACE2`, … `FATAL4`: four steps of six levels, from 1 on.
fn severity(name: &str) -> Option<i64> {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let (level, step) = match name.char_indices().last()? {
        (at, digit @ '2'..='4') => (&name[..at], i64::from(digit.to_digit(10)?) - 1),
        _ => (name, 0),
    };
    let at = LEVELS.iter().position(|other| *other == level)?;
    Some(1 + 4 * i64::try_from(at).ok()? + step)
}

/// `{"doubleValue": "0.5"}` is the number; `"NaN"` and the infinities, for which JSON has no number, stay text.
fn keep_odd_doubles(members: &mut Map<String, Json>) {
    let Some(Json::String(text)) = members.get("doubleValue") else { return };
    let Ok(value) = text.parse::<f64>() else { return };
    let text = text.clone();
    members.remove("doubleValue");
    match Number::from_f64(value) {
        Some(number) => members.insert("doubleValue".to_owned(), Json::Number(number)),
        None => members.insert("stringValue".to_owned(), Json::String(text)),
    };
}

/// `{"arrayValue": {}}` is an empty array, and an attribute without a key has the empty key.
fn fill_lists(members: &mut Map<String, Json>) {
    for list in ["arrayValue", "kvlistValue"] {
        if let Some(Json::Object(inner)) = members.get_mut(list) {
            inner.entry("values").or_insert_with(|| Json::Array(Vec::new()));
        }
    }
    if let Some(Json::Object(list)) = members.get_mut("kvlistValue") {
        list.get_mut("values").into_iter().for_each(fill_keys);
    }
    members.get_mut("attributes").into_iter().for_each(fill_keys);
}

fn fill_keys(pairs: &mut Json) {
    for pair in pairs.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        pair.entry("key").or_insert_with(|| Json::String(String::new()));
    }
}
