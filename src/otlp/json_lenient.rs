//! Legal OTLP/JSON that the generated types refuse: empty lists left out (as protobuf's JSON mapping does), nulls, names
//! in snake case, and enumerations by name. Slow, so it is tried only on what was refused.

use serde_json::{Map, Value as Json};

/// The same request in the only form that the generated types read; `None` when the text is no JSON.
pub(super) fn mended(body: &[u8]) -> Option<Json> {
    let mut tree: Json = serde_json::from_slice(body).ok()?;
    mend(&mut tree);
    Some(tree)
}

fn mend(node: &mut Json) {
    match node {
        Json::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(mend);
        }
        Json::Object(members) => {
            *members = std::mem::take(members).into_iter().filter(|(_, value)| !value.is_null()).map(renamed).collect();
            fill_lists(members);
            members.values_mut().for_each(mend);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Member names in camel case, enumerations as numbers. Attribute names are values in OTLP/JSON and not touched.
fn renamed((name, value): (String, Json)) -> (String, Json) {
    let name = if name.contains('_') { camel_case(&name) } else { name };
    let value = match (&*name, value.as_str().and_then(enumeration)) {
        ("kind" | "code" | "severityNumber", Some(number)) => Json::from(number),
        _ => value,
    };
    (name, value)
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

fn enumeration(name: &str) -> Option<i32> {
    Some(match name {
        "SPAN_KIND_UNSPECIFIED" | "STATUS_CODE_UNSET" => 0,
        "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" => 1,
        "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return None,
    })
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
