//! Recognising and decoding whole export requests.
//!
//! A queue message carries neither content type nor signal: the first byte tells JSON from protobuf, the content tells
//! traces from logs.

use prost::Message;

use super::json_lenient::mended;
use super::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest};
use crate::model::named_enum;

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Binary protobuf.
    Protobuf,
    /// OTLP/JSON.
    Json,
}

named_enum! {
    /// What a request carries.
    pub enum Signal {
        /// Spans.
        Traces = "traces",
        /// Log records.
        Logs = "logs",
    }
}

/// A decoded export request.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

/// Why bytes are no export request.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf of the expected message.
    #[error("not an OTLP {} request in protobuf", .signal.as_str())]
    Protobuf {
        /// What was expected.
        signal: Signal,
        /// The decoder's complaint.
        source: prost::DecodeError,
    },
    /// Not OTLP/JSON of the expected message.
    #[error("not an OTLP {} request in JSON", .signal.as_str())]
    Json {
        /// What was expected.
        signal: Signal,
        /// The parser's complaint, with line and column.
        source: serde_json::Error,
    },
    /// JSON that is no OTLP request of a signal judged reads.
    #[error("neither `resourceSpans` nor `resourceLogs` at the top level of the JSON")]
    UnknownSignal,
}

/// Tells JSON from protobuf. A protobuf request starts with the tag of field 1 (0x0A, also a line feed), so that white
/// space alone decides nothing: JSON has a brace behind it.
pub fn sniff_encoding(body: &[u8]) -> Encoding {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') if body[0] == b'{' || serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok() => {
            Encoding::Json
        }
        _ => Encoding::Protobuf,
    }
}

/// Decodes a request whose signal is known.
pub fn decode_as(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Request, DecodeError> {
    match (signal, encoding) {
        (Signal::Traces, Encoding::Protobuf) => ExportTraceServiceRequest::decode(body)
            .map(Request::Traces)
            .map_err(|source| DecodeError::Protobuf { signal, source }),
        (Signal::Logs, Encoding::Protobuf) => ExportLogsServiceRequest::decode(body)
            .map(Request::Logs)
            .map_err(|source| DecodeError::Protobuf { signal, source }),
        (Signal::Traces, Encoding::Json) => from_json(signal, body).map(Request::Traces),
        (Signal::Logs, Encoding::Json) => from_json(signal, body).map(Request::Logs),
    }
}

/// Reads OTLP/JSON; what the generated types refuse although it is legal is mended and read again.
fn from_json<T: serde::de::DeserializeOwned>(signal: Signal, body: &[u8]) -> Result<T, DecodeError> {
    // The generated types do not know snake case and would take such a request for an empty one.
    let is_snake_case = contains(body, b"\"resource_");
    let first = match serde_json::from_slice(body) {
        Ok(request) if !is_snake_case => return Ok(request),
        Ok(_) => None,
        Err(source) => Some(source),
    };
    match (mended(body).map(serde_json::from_value), first) {
        (Some(Ok(request)), _) => Ok(request),
        // The first complaint has the line and column.
        (_, Some(source)) | (Some(Err(source)), None) => Err(DecodeError::Json { signal, source }),
        (None, None) => Err(DecodeError::UnknownSignal),
    }
}

fn contains(body: &[u8], needle: &[u8]) -> bool {
    // The name stands right at the start; a search of the whole body would cost more than it finds.
    body[..body.len().min(256)].windows(needle.len()).any(|window| window == needle)
}

/// Decodes a request of unknown signal and encoding.
///
/// Traces and logs share their outer field numbers in protobuf, so that bytes of one often decode as the other; a
/// traces request is believed when every span in it has ids of the right length.
pub fn decode(body: &[u8]) -> Result<Request, DecodeError> {
    match sniff_encoding(body) {
        Encoding::Json => match json_signal(body)? {
            Some(signal) => decode_as(signal, Encoding::Json, body),
            None => Err(DecodeError::UnknownSignal),
        },
        Encoding::Protobuf => match decode_as(Signal::Traces, Encoding::Protobuf, body) {
            Ok(Request::Traces(traces)) if has_span_ids(&traces) => Ok(Request::Traces(traces)),
            traces => match decode_as(Signal::Logs, Encoding::Protobuf, body) {
                Ok(logs) => Ok(logs),
                Err(_) => traces,
            },
        },
    }
}

fn json_signal(body: &[u8]) -> Result<Option<Signal>, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Outer {
        #[serde(rename = "resourceSpans", alias = "resource_spans")]
        spans: Option<serde::de::IgnoredAny>,
        #[serde(rename = "resourceLogs", alias = "resource_logs")]
        logs: Option<serde::de::IgnoredAny>,
    }
    let outer: Outer =
        serde_json::from_slice(body).map_err(|source| DecodeError::Json { signal: Signal::Traces, source })?;
    Ok(match (outer.spans, outer.logs) {
        (Some(_), _) => Some(Signal::Traces),
        (None, Some(_)) => Some(Signal::Logs),
        (None, None) => None,
    })
}

fn has_span_ids(request: &ExportTraceServiceRequest) -> bool {
    let mut spans = request.resource_spans.iter().flat_map(|block| &block.scope_spans).flat_map(|block| &block.spans);
    spans.all(|span| span.trace_id.len() == 16 && span.span_id.len() == 8)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{LogRecord, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span};
    use super::*;

    fn traces() -> ExportTraceServiceRequest {
        let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: "chat".into(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }],
        }
    }

    fn logs() -> ExportLogsServiceRequest {
        let record =
            LogRecord { time_unix_nano: 5, trace_id: vec![1; 16], span_id: vec![2; 8], ..LogRecord::default() };
        let scope = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() }],
        }
    }

    #[test]
    fn signal_and_encoding_are_told_from_the_content_alone() {
        assert_eq!(decode(&traces().encode_to_vec()).unwrap(), Request::Traces(traces()));
        assert_eq!(decode(&logs().encode_to_vec()).unwrap(), Request::Logs(logs()));
        assert_eq!(decode(&serde_json::to_vec(&traces()).unwrap()).unwrap(), Request::Traces(traces()));
        assert_eq!(decode(&serde_json::to_vec(&logs()).unwrap()).unwrap(), Request::Logs(logs()));
    }

    #[test]
    fn json_behind_white_space_is_json() {
        let mut body = b"\n  ".to_vec();
        body.extend(serde_json::to_vec(&traces()).unwrap());
        assert_eq!(sniff_encoding(&body), Encoding::Json);
    }

    #[test]
    fn legal_json_that_leaves_out_what_is_empty_is_read() {
        let ids = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"kind":"SPAN_KIND_CLIENT","events":null,
                "attributes":[{{"key":"a","value":{{"arrayValue":{{}}}}}},{{"key":"b","value":{{"kvlistValue":{{}}}}}}]}}]}}]}}]}}"#
        );
        let Request::Traces(read) = decode(body.as_bytes()).unwrap() else { panic!("a traces request") };
        let span = &read.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!((span.kind, span.attributes.len()), (3, 2));
        let snake = format!(r#"{{"resource_spans":[{{"scope_spans":[{{"spans":[{{{ids}}}]}}]}}]}}"#)
            .replace("traceId", "trace_id")
            .replace("spanId", "span_id");
        let Request::Traces(read) = decode(snake.as_bytes()).unwrap() else { panic!("a traces request") };
        assert_eq!(read.resource_spans[0].scope_spans[0].spans[0].trace_id, vec![1; 16]);
    }

    #[test]
    fn rubbish_is_an_error_that_says_what_was_expected() {
        assert!(decode(&[0xff, 0xff, 0xff]).unwrap_err().to_string().contains("OTLP traces request in protobuf"));
        assert!(matches!(decode(b"{\"hello\":1}"), Err(DecodeError::UnknownSignal)));
        assert!(matches!(decode(b"{\"resourceSpans\":[{]"), Err(DecodeError::Json { .. })));
    }
}
