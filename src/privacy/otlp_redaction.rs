//! Which fields of a span or log record are text, which are identities, and which are left alone.

use super::Redactor;
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::{AnyValue, KeyValue, LogRecord, Resource, Span};

/// What an attribute's name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Text: every kind is looked for.
    Text,
    /// An identity that joins spans or traces: only what identifies a person at sight, under a tag that is the same in
    /// every trace.
    Identity,
    /// A model's name, a version, a count, a time: never touched.
    Keep,
}

impl Redactor {
    /// Redacts a span in place: name, attributes, events, links, status message.
    pub fn redact_span(&self, span: &mut Span) {
        if self.is_off() {
            return;
        }
        let trace_id = std::mem::take(&mut span.trace_id);
        self.text_in_place(&trace_id, &mut span.name);
        self.attributes(&trace_id, &mut span.attributes);
        for event in &mut span.events {
            self.attributes(&trace_id, &mut event.attributes);
        }
        for link in &mut span.links {
            self.attributes(&trace_id, &mut link.attributes);
        }
        if let Some(status) = &mut span.status {
            self.text_in_place(&trace_id, &mut status.message);
        }
        span.trace_id = trace_id;
    }

    /// Redacts a log record in place: body and attributes.
    pub fn redact_log_record(&self, record: &mut LogRecord) {
        if self.is_off() {
            return;
        }
        let trace_id = std::mem::take(&mut record.trace_id);
        if let Some(body) = &mut record.body {
            self.value(&trace_id, Treatment::Text, body);
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

    fn attributes(&self, trace_id: &[u8], attributes: &mut [KeyValue]) {
        for attribute in attributes {
            let treatment = if self.keeps(&attribute.key) { Treatment::Keep } else { treatment(&attribute.key) };
            if let (Some(value), true) = (&mut attribute.value, treatment != Treatment::Keep) {
                self.value(trace_id, treatment, value);
            }
        }
    }

    /// Values nest at most as deep as the protobuf decoder lets them (100).
    fn value(&self, trace_id: &[u8], treatment: Treatment, value: &mut AnyValue) {
        // Text that came as bytes is read as text, so it must be redacted as text.
        if let Some(Value::BytesValue(bytes)) = &mut value.value
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            value.value = Some(Value::StringValue(text.to_owned()));
        }
        match (&mut value.value, treatment) {
            (Some(Value::StringValue(text)), Treatment::Text) => self.text_in_place(trace_id, text),
            (Some(Value::StringValue(text)), Treatment::Identity) => self.identity_in_place(text),
            (Some(Value::ArrayValue(list)), _) => {
                for item in &mut list.values {
                    self.value(trace_id, treatment, item);
                }
            }
            (Some(Value::KvlistValue(list)), _) => self.attributes(trace_id, &mut list.values),
            _ => {}
        }
    }

    fn text_in_place(&self, trace_id: &[u8], text: &mut String) {
        if let std::borrow::Cow::Owned(redacted) = self.redact_text(trace_id, text) {
            *text = redacted;
        }
    }

    fn identity_in_place(&self, text: &mut String) {
        if let Some(redacted) = self.redact_identity(text) {
            *text = redacted;
        }
    }
}

fn treatment(key: &str) -> Treatment {
    if ["gen_ai.usage.", "llm.token_count.", "llm.usage.", "ai.usage.", "telemetry.sdk."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
    {
        return Treatment::Keep;
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    if last == "id" || last == "ids" || last.ends_with("_id") || last.ends_with("_ids") || last.ends_with("Id") {
        return Treatment::Identity;
    }
    match last {
        "model" | "model_name" | "version" | "timestamp" | "time" | "start_time" | "end_time" | "created"
        | "system_fingerprint" | "digest" | "checksum" | "sha" | "sha256" | "finish_reasons" | "finish_reason"
        | "kind" | "type" | "mime_type" => Treatment::Keep,
        _ if last.ends_with("_model") || last.ends_with("_version") => Treatment::Keep,
        _ => Treatment::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::privacy::PrivacyConfig;
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
