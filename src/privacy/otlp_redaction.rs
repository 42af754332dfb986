//! Which fields of a span or log record are text, which are identities, and which are left alone.

use super::{Redactor, detect};
use crate::conventions;
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Span};

/// What an attribute's name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Text: every kind is looked for, with the name as a word before it.
    Text,
    /// An identity that joins spans or traces: what it says of a person gets a tag that is the same in every trace.
    Identity,
    /// A model's name, or an id that a provider gave: never touched.
    Keep,
}

/// Names whose value is never touched.
const KEPT: [&str; 16] = [
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.tool.call.id",
    "llm.model_name",
    "llm.request.model",
    "llm.response.model",
    "llm.request.model_name",
    "llm.response.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
    "ai.response.id",
    "ai.response.model",
    "spring.ai.tool.call.id",
    "tool_call.id",
];

/// The last part of names of sessions and users in free metadata.
const IDENTITIES: [&str; 10] = [
    "session_id",
    "sessionId",
    "thread_id",
    "threadId",
    "conversation_id",
    "conversationId",
    "user_id",
    "userId",
    "langfuse_user_id",
    "ls_thread_id",
];

/// Whole numbers that are smaller are no one's number.
const LEAST_NUMBER: f64 = 1e8;

impl Redactor {
    /// Redacts a span in place: name, attributes, events, links, status message. What no one reads is dropped: the trace
    /// state but for OpenTelemetry's own entry, and bytes that are no text.
    pub fn redact_span(&self, span: &mut Span) {
        if self.is_off() {
            return;
        }
        let trace_id = std::mem::take(&mut span.trace_id);
        self.text_in_place(&trace_id, &mut span.name);
        without_vendors(&mut span.trace_state);
        self.attributes(&trace_id, &mut span.attributes);
        for event in &mut span.events {
            self.text_in_place(&trace_id, &mut event.name);
            self.attributes(&trace_id, &mut event.attributes);
        }
        for link in &mut span.links {
            without_vendors(&mut link.trace_state);
            self.attributes(&trace_id, &mut link.attributes);
        }
        if let Some(status) = &mut span.status {
            self.text_in_place(&trace_id, &mut status.message);
        }
        span.trace_id = trace_id;
    }

    /// Redacts a log record in place: its texts, body and attributes.
    pub fn redact_log_record(&self, record: &mut LogRecord) {
        if self.is_off() {
            return;
        }
        let trace_id = std::mem::take(&mut record.trace_id);
        self.text_in_place(&trace_id, &mut record.event_name);
        self.text_in_place(&trace_id, &mut record.severity_text);
        if let Some(body) = &mut record.body {
            self.value(&trace_id, "", Treatment::Text, body);
        }
        self.attributes(&trace_id, &mut record.attributes);
        record.trace_id = trace_id;
    }

    /// Redacts what a resource says of itself. A resource belongs to no trace: its tags are the same everywhere.
    pub fn redact_resource(&self, resource: &mut Resource) {
        if !self.is_off() {
            self.attributes(&[], &mut resource.attributes);
        }
    }

    /// Redacts the name and version of a scope, and drops its attributes, which no one reads.
    pub fn redact_scope(&self, scope: &mut InstrumentationScope) {
        if self.is_off() {
            return;
        }
        self.text_in_place(&[], &mut scope.name);
        self.text_in_place(&[], &mut scope.version);
        scope.attributes.clear();
    }

    fn attributes(&self, trace_id: &[u8], attributes: &mut [KeyValue]) {
        for attribute in attributes {
            let treatment = if self.keeps(&attribute.key) { Treatment::Keep } else { treatment(&attribute.key) };
            if treatment == Treatment::Keep {
                continue;
            }
            if let Some(value) = &mut attribute.value {
                self.value(trace_id, &attribute.key, treatment, value);
            }
            if attribute.key.bytes().any(|byte| byte.is_ascii_digit() || byte == b'@' || byte == b'%') {
                self.text_in_place(trace_id, &mut attribute.key);
            }
        }
    }

    /// Values nest at most as deep as the protobuf decoder lets them (100).
    fn value(&self, trace_id: &[u8], name: &str, treatment: Treatment, value: &mut AnyValue) {
        // Text that came as bytes is read as text, so it must be redacted as text.
        if let Some(Value::BytesValue(bytes)) = &mut value.value {
            value.value = Some(match String::from_utf8(std::mem::take(bytes)) {
                Ok(text) => Value::StringValue(text),
                Err(_) => Value::BytesValue(Vec::new()),
            });
        }
        match &mut value.value {
            Some(Value::StringValue(text)) if treatment == Treatment::Identity => self.identity_in_place(text),
            Some(Value::StringValue(text)) => self.member_in_place(trace_id, name, text),
            Some(Value::IntValue(_) | Value::DoubleValue(_)) => self.number_in_place(trace_id, name, treatment, value),
            Some(Value::ArrayValue(list)) => {
                for item in &mut list.values {
                    self.value(trace_id, name, treatment, item);
                }
            }
            Some(Value::KvlistValue(list)) => self.attributes(trace_id, &mut list.values),
            _ => {}
        }
    }

    /// A whole number that is a person's, or a secret by its name, becomes text with a placeholder.
    fn number_in_place(&self, trace_id: &[u8], name: &str, treatment: Treatment, value: &mut AnyValue) {
        let (magnitude, number) = match &value.value {
            Some(Value::IntValue(number)) => (number.unsigned_abs() as f64, number.to_string()),
            Some(Value::DoubleValue(number)) if number.fract() == 0.0 => (number.abs(), number.to_string()),
            _ => return,
        };
        let is_large = magnitude >= LEAST_NUMBER;
        let redacted = match treatment {
            Treatment::Identity if is_large => self.redact_identity(&number),
            Treatment::Text if is_large || detect::is_secret_of(name, &number) => {
                self.redact_member(trace_id, name, &number)
            }
            Treatment::Identity | Treatment::Text | Treatment::Keep => None,
        };
        if let Some(redacted) = redacted {
            value.value = Some(Value::StringValue(redacted));
        }
    }

    pub(super) fn text_in_place(&self, trace_id: &[u8], text: &mut String) {
        if let std::borrow::Cow::Owned(redacted) = self.redact_text(trace_id, text) {
            *text = redacted;
        }
    }

    /// An id of a person or conversation as it is stored.
    pub fn identity(&self, id: &str) -> String {
        self.redact_identity(id).unwrap_or_else(|| id.to_owned())
    }

    fn identity_in_place(&self, text: &mut String) {
        if let Some(redacted) = self.redact_identity(text) {
            *text = redacted;
        }
    }
}

/// Leaves of a trace state the entry of OpenTelemetry, which says how a trace was sampled.
fn without_vendors(trace_state: &mut String) {
    if trace_state.contains(',') || !(trace_state.is_empty() || trace_state.starts_with("ot=")) {
        let own = trace_state.split(',').map(str::trim).find(|entry| entry.starts_with("ot=")).unwrap_or_default();
        *trace_state = own.to_owned();
    }
}

fn treatment(key: &str) -> Treatment {
    if KEPT.contains(&key) || key.starts_with("telemetry.sdk.") {
        return Treatment::Keep;
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    if conventions::names_session_or_user(key) || IDENTITIES.contains(&last) {
        return Treatment::Identity;
    }
    Treatment::Text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::privacy::PrivacyConfig;
    use crate::otlp::wire;
    use crate::privacy::PlaceholderKey;
    use opentelemetry_proto::tonic::common::v1::KeyValueList;

    fn redactor() -> Redactor {
        Redactor::from_config(&PrivacyConfig::default(), &PlaceholderKey::Shared(b"salt".to_vec().into())).unwrap()
    }

    fn string(key: &str, text: &str) -> KeyValue {
        let value = Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn text_of(attribute: &KeyValue) -> &str {
        match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text,
            _ => "",
        }
    }

    #[test]
    fn text_is_redacted_and_identifiers_stay() {
        let mut span = Span {
            trace_id: vec![1; 16],
            attributes: vec![
                string(
                    "gen_ai.input.messages",
                    r#"[{"role":"user","parts":[{"type":"text","content":"I am a@b.io"}]}]"#,
                ),
                string("gen_ai.response.id", "chatcmpl-4111111111111111"),
                string("gen_ai.request.model", "4111111111111111"),
                string("gen_ai.tool.call.id", "4111111111111111"),
            ],
            ..Span::default()
        };
        redactor().redact_span(&mut span);
        assert!(!text_of(&span.attributes[0]).contains("a@b.io"));
        serde_json::from_str::<serde_json::Value>(text_of(&span.attributes[0])).unwrap();
        assert_eq!(text_of(&span.attributes[1]), "chatcmpl-4111111111111111");
        assert_eq!(text_of(&span.attributes[2]), "4111111111111111");
        assert_eq!(text_of(&span.attributes[3]), "4111111111111111");
        assert_eq!(span.trace_id, [1; 16]);
    }

    #[test]
    fn every_place_in_which_a_value_can_stand_is_looked_at_or_dropped() {
        const SECRETS: [&str; 4] = ["4111111111111111", "anna@example.org", "078-05-1120", "hunter2"];
        let int = |key: &str| {
            let value = Some(AnyValue { value: Some(Value::IntValue(4_111_111_111_111_111)) });
            KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
        };
        let places = || {
            vec![
                string("customer.tax_id", "078-05-1120"),
                string("customer.national_id", "4111111111111111"),
                string("db.password", "hunter2"),
                string("http.request.header.cookie", "hunter2"),
                string("message.type", "anna@example.org"),
                string("doc.version", "anna@example.org"),
                string("file.checksum", "anna@example.org"),
                string("mail.anna@example.org", "x"),
                int("payment.number"),
            ]
        };
        let events = vec![wire::span::Event {
            name: "sent to anna@example.org".into(),
            attributes: places(),
            ..Default::default()
        }];
        let links = vec![wire::span::Link {
            trace_state: "v=anna@example.org".into(),
            attributes: places(),
            ..Default::default()
        }];
        let nested = KeyValueList { values: places() };
        let mut attributes = places();
        let value = Some(AnyValue { value: Some(Value::KvlistValue(nested)) });
        attributes.push(KeyValue { key: "customer".into(), value, ..KeyValue::default() });
        let bytes = [b"\xff anna@example.org".to_vec()].into_iter().map(Value::BytesValue).next();
        attributes.push(KeyValue { key: "raw".into(), value: Some(AnyValue { value: bytes }), ..KeyValue::default() });
        let trace_state = "ot=th:8,v=anna@example.org".to_owned();
        let mut span = Span { attributes, events, links, trace_state, ..Span::default() };
        redactor().redact_span(&mut span);
        let mut scope =
            InstrumentationScope { name: "anna@example.org".into(), attributes: places(), ..Default::default() };
        redactor().redact_scope(&mut scope);
        let mut record =
            LogRecord { event_name: "anna@example.org".into(), attributes: places(), ..LogRecord::default() };
        redactor().redact_log_record(&mut record);
        let written = format!("{span:?} {scope:?} {record:?}");
        for secret in SECRETS {
            assert!(!written.contains(secret), "{secret} in {written}");
        }
        assert_eq!(span.trace_state, "ot=th:8");
    }

    #[test]
    fn text_that_came_as_bytes_is_redacted_too() {
        let bytes = Value::BytesValue(b"I am a@b.io".to_vec());
        let value = Some(AnyValue { value: Some(bytes) });
        let attribute = KeyValue { key: "gen_ai.prompt".to_owned(), value, ..KeyValue::default() };
        let mut span = Span { attributes: vec![attribute], ..Span::default() };
        redactor().redact_span(&mut span);
        assert!(text_of(&span.attributes[0]).starts_with("I am <EMAIL_"));
    }

    #[test]
    fn an_identity_that_names_a_person_is_the_same_in_every_trace() {
        let redacted = |trace: u8| {
            let mut span = Span {
                trace_id: vec![trace; 16],
                attributes: vec![string("user.id", "jane@example.com"), string("input.value", "jane@example.com")],
                ..Span::default()
            };
            redactor().redact_span(&mut span);
            (text_of(&span.attributes[0]).to_owned(), text_of(&span.attributes[1]).to_owned())
        };
        let ((user, text), (other_user, other_text)) = (redacted(1), redacted(2));
        assert!(user.starts_with("<EMAIL_"));
        assert_eq!(user, other_user);
        assert_ne!(text, other_text);
    }

    fn redacted_value(key: &str, value: Value) -> Option<Value> {
        let mut attribute = string(key, "");
        attribute.value = Some(AnyValue { value: Some(value) });
        let mut span = Span { trace_id: vec![1; 16], attributes: vec![attribute], ..Span::default() };
        redactor().redact_span(&mut span);
        span.attributes.remove(0).value.and_then(|value| value.value)
    }

    #[test]
    fn numbers_are_redacted_as_their_text_would_be() {
        const CARD: i64 = 4_111_111_111_111_111;
        let placeholder = |key: &str, value: Value| match redacted_value(key, value) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{key} stays {other:?}"),
        };
        assert!(placeholder("card", Value::IntValue(CARD)).starts_with("<CARD_"));
        assert!(placeholder("card", Value::IntValue(-CARD)).starts_with("-<CARD_"));
        assert!(placeholder("card", Value::DoubleValue(CARD as f64)).starts_with("<CARD_"));
        assert!(placeholder("user.pin", Value::IntValue(4921)).starts_with("<SECRET_"));
        assert!(placeholder("user.pin", Value::DoubleValue(4921.0)).starts_with("<SECRET_"));
        // The same in every trace, as it is for an identity that came as text.
        let identity = string("user.id", &CARD.to_string());
        let mut span = Span { trace_id: vec![2; 16], attributes: vec![identity], ..Span::default() };
        redactor().redact_span(&mut span);
        assert_eq!(placeholder("user.id", Value::IntValue(CARD)), text_of(&span.attributes[0]));
    }

    #[test]
    fn numbers_of_no_one_stay_numbers() {
        for (key, value) in [
            ("card", Value::IntValue(i64::MIN)),
            ("gen_ai.usage.input_tokens", Value::IntValue(4921)),
            ("token", Value::IntValue(4921)),
            ("gen_ai.tool.call.result", Value::IntValue(1_732_780_800)),
            ("gen_ai.tool.call.result", Value::DoubleValue(59.329_323_5)),
            ("card", Value::DoubleValue(4_111_111_111_111.5)),
            ("card", Value::DoubleValue(f64::MAX)),
            ("user.id", Value::IntValue(17)),
        ] {
            assert_eq!(redacted_value(key, value.clone()), Some(value), "{key}");
        }
        let not_a_number = redacted_value("card", Value::DoubleValue(f64::NAN));
        assert!(matches!(not_a_number, Some(Value::DoubleValue(number)) if number.is_nan()));
    }

    #[test]
    fn json_under_a_name_that_says_something_stays_json() {
        let redacted = |key: &str, text: &str| match redacted_value(key, Value::StringValue(text.to_owned())) {
            Some(Value::StringValue(text)) => serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            other => panic!("{key} became {other:?}"),
        };
        for key in ["gen_ai.tool.call.arguments", "card.details", "phone"] {
            let json = redacted(key, r#"{"card": 4111111111111111}"#);
            assert!(json["card"].as_str().unwrap().starts_with("<CARD_"), "{key}");
        }
        let json = redacted("customer.phones", r#"["4155552671", 2125550187]"#);
        assert!(json.as_array().unwrap().iter().all(|item| item.as_str().unwrap().starts_with("<PHONE_")), "{json}");
    }

    #[test]
    fn results_of_tool_calls_are_no_telephone_numbers() {
        for text in ["1732780800", "59.3293235", "250000000"] {
            let value = Value::StringValue(text.to_owned());
            assert_eq!(redacted_value("gen_ai.tool.call.result", value.clone()), Some(value));
        }
        let cell = redacted_value("customer.cell", Value::StringValue("4155552671".to_owned()));
        assert!(matches!(cell, Some(Value::StringValue(text)) if text.starts_with("<PHONE_")));
    }

    #[test]
    fn structured_bodies_are_walked_with_their_keys() {
        let inner = KeyValueList { values: vec![string("content", "ssn 078-05-1120"), string("id", "call_1")] };
        let body = AnyValue { value: Some(Value::KvlistValue(inner)) };
        let mut record = LogRecord { trace_id: vec![1; 16], body: Some(body), ..LogRecord::default() };
        redactor().redact_log_record(&mut record);
        let Some(Value::KvlistValue(list)) = record.body.and_then(|body| body.value) else {
            panic!("body kept its form")
        };
        assert!(text_of(&list.values[0]).starts_with("ssn <NATIONAL_ID_"));
        assert_eq!(text_of(&list.values[1]), "call_1");
    }
}
