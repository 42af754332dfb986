//! Recognising and decoding whole export requests.
//!
//! A queue message carries neither content type nor signal: the first byte tells JSON from protobuf, the content tells
//! traces from logs.

use prost::Message;

use super::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest};

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Binary protobuf.
    Protobuf,
    /// OTLP/JSON.
    Json,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

impl Signal {
    /// The signal's name in paths, files and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
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
        (Signal::Traces, Encoding::Json) => {
            serde_json::from_slice(body).map(Request::Traces).map_err(|source| DecodeError::Json { signal, source })
        }
        (Signal::Logs, Encoding::Json) => {
            serde_json::from_slice(body).map(Request::Logs).map_err(|source| DecodeError::Json { signal, source })
        }
    }
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
    fn rubbish_is_an_error_that_says_what_was_expected() {
        assert!(decode(&[0xff, 0xff, 0xff]).unwrap_err().to_string().contains("OTLP traces request in protobuf"));
        assert!(matches!(decode(b"{\"hello\":1}"), Err(DecodeError::UnknownSignal)));
        assert!(matches!(decode(b"{\"resourceSpans\":[{]"), Err(DecodeError::Json { .. })));
    }
}
