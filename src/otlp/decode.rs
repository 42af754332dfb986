//! Recognising and decoding whole export requests.
//!
//! A queue message carries neither content type nor signal: the first byte tells JSON from protobuf, the content tells
//! traces from logs.

use prost::Message;

use super::json_lenient::{mended, without_bad_records};
use super::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, Span};
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

impl Request {
    /// Whether a record is empty: those of JSON that cannot be read are left so.
    pub fn has_blank_records(&self) -> bool {
        match self {
            Self::Traces(traces) => {
                let scopes = traces.resource_spans.iter().flat_map(|block| &block.scope_spans);
                scopes.flat_map(|scope| &scope.spans).any(|span| *span == Span::default())
            }
            Self::Logs(logs) => {
                let scopes = logs.resource_logs.iter().flat_map(|block| &block.scope_logs);
                scopes.flat_map(|scope| &scope.log_records).any(|record| *record == LogRecord::default())
            }
        }
    }
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
    /// JSON that is not OTLP's in this place.
    #[error("not an OTLP {} request in JSON", .signal.as_str())]
    Misfit {
        /// What was expected.
        signal: Signal,
        /// Both from 1.
        line: usize,
        column: usize,
    },
    /// The other signal, in JSON.
    #[error("these are {found}, not {expected}: send them to /v1/{found}", found = .found.as_str(), expected = .expected.as_str())]
    OtherSignal {
        /// What belongs here.
        expected: Signal,
        /// What came.
        found: Signal,
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
fn decode_as(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Request, DecodeError> {
    match (signal, encoding) {
        (Signal::Traces, Encoding::Protobuf) => ExportTraceServiceRequest::decode(body)
            .map(Request::Traces)
            .map_err(|source| DecodeError::Protobuf { signal, source }),
        (Signal::Logs, Encoding::Protobuf) => ExportLogsServiceRequest::decode(body)
            .map(Request::Logs)
            .map_err(|source| DecodeError::Protobuf { signal, source }),
        (Signal::Traces, Encoding::Json) => {
            let request: ExportTraceServiceRequest = from_json(signal, body)?;
            if request.resource_spans.is_empty() {
                refuse_other_signal(signal, body)?;
            }
            Ok(Request::Traces(request))
        }
        (Signal::Logs, Encoding::Json) => {
            let request: ExportLogsServiceRequest = from_json(signal, body)?;
            if request.resource_logs.is_empty() {
                refuse_other_signal(signal, body)?;
            }
            Ok(Request::Logs(request))
        }
    }
}

/// A request of the other signal reads as an empty one; answering it with success would lose it without a word.
fn refuse_other_signal(expected: Signal, body: &[u8]) -> Result<(), DecodeError> {
    match json_signal(body)? {
        Some(found) if found != expected => Err(DecodeError::OtherSignal { expected, found }),
        _ => Ok(()),
    }
}

/// Reads OTLP/JSON; what the generated types refuse although it is legal is mended and read again.
fn from_json<T: serde::de::DeserializeOwned>(signal: Signal, body: &[u8]) -> Result<T, DecodeError> {
    // The generated types do not know snake case and would take such a request for an empty one.
    let is_snake_case = is_snake_case(body);
    let first = match serde_json::from_slice(body) {
        Ok(request) if !is_snake_case => return Ok(request),
        Ok(_) => None,
        Err(source) => Some(source),
    };
    let Some(mut tree) = mended(body) else {
        // The first complaint has the line and column.
        return Err(first.map_or(DecodeError::UnknownSignal, |source| DecodeError::Json { signal, source }));
    };
    if let Ok(request) = serde_json::from_value(tree.clone()) {
        return Ok(request);
    }
    without_bad_records(&mut tree);
    serde_json::from_value(tree).map_err(|source| DecodeError::Json { signal, source: first.unwrap_or(source) })
}

/// Whether names are written in snake case: the first one stands right at the start.
pub(super) fn is_snake_case(body: &[u8]) -> bool {
    let name = b"\"resource_";
    body[..body.len().min(256)].windows(name.len()).any(|window| window == name)
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
    use super::super::wire::any_value::Value;
    use super::super::wire::{ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans};
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

    fn read_spans(body: &str) -> Vec<Span> {
        let Request::Traces(read) = decode(body.as_bytes()).unwrap() else { panic!("a traces request") };
        read.resource_spans.into_iter().flat_map(|block| block.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    const IDS: &str = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;

    #[test]
    fn every_absent_field_is_its_default() {
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"entityRefs":[{{"type":"host"}}]}},"scopeSpans":[{{"scope":{{}},
               "spans":[{{{IDS},"events":[{{}}],"links":[{{}}],"status":{{}},"attributes":[{{"key":"a"}},{{"key":"b","value":{{}}}}]}}]}}]}}]}}"#
        );
        assert_eq!(read_spans(&body)[0].attributes.len(), 2);
        let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"body":{},"severityNumber":"SEVERITY_NUMBER_INFO2"}]}]}]}"#;
        let Request::Logs(read) = decode(logs.as_bytes()).unwrap() else { panic!("a logs request") };
        assert_eq!(read.resource_logs[0].scope_logs[0].log_records[1].severity_number, 10);
    }

    #[test]
    fn numbers_are_read_in_every_spelling_of_protobufs_json() {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{IDS},"kind":"3","startTimeUnixNano":12.0,"flags":"1",
               "droppedAttributesCount":"7","attributes":[{{"key":"nan","value":{{"doubleValue":"NaN"}}}},
               {{"key":"half","value":{{"doubleValue":"0.5"}}}},{{"key":"twelve","value":{{"intValue":12.0}}}}]}}]}}]}}]}}"#
        );
        let span = &read_spans(&body)[0];
        assert_eq!((span.kind, span.start_time_unix_nano, span.dropped_attributes_count), (3, 12, 7));
        let values: Vec<_> =
            span.attributes.iter().map(|pair| pair.value.clone().and_then(|value| value.value)).collect();
        assert_eq!(
            values,
            [Some(Value::StringValue("NaN".into())), Some(Value::DoubleValue(0.5)), Some(Value::IntValue(12))]
        );
    }

    #[test]
    fn ids_that_protobufs_own_json_wrote_are_the_same_ids() {
        let ids = r#""traceId":"AQEBAQEBAQEBAQEBAQEBAQ==","spanId":"AgICAgICAgI=""#;
        let spans = read_spans(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}}}]}}]}}]}}"#));
        assert_eq!((&spans[0].trace_id, &spans[0].span_id), (&vec![1; 16], &vec![2; 8]));
    }

    #[test]
    fn half_a_character_is_the_replacement_character() {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{IDS},"name":"a\ud83d b\ud83d\ude00 \\ud83d"}}]}}]}}]}}"#
        );
        assert_eq!(read_spans(&body)[0].name, "a\u{FFFD} b\u{1F600} \\ud83d");
    }

    #[test]
    fn a_bad_record_does_not_take_the_others_with_it() {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"zz","name":"bad"}},{{{IDS},"name":"good"}}]}}]}}]}}"#
        );
        let spans = read_spans(&body);
        assert_eq!((spans.len(), spans[0].trace_id.len(), &*spans[1].name), (2, 0, "good"));
    }

    #[test]
    fn a_number_that_does_not_fit_is_named_with_its_field_and_range() {
        use super::super::json_lenient::numbers_out_of_range;
        let body = |member: &str| {
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{IDS},{member}}},{{{IDS},"name":"good"}}]}}]}}]}}"#
            )
        };
        let of_attribute = |value: &str| body(&format!(r#""attributes":[{{"key":"app.id","value":{value}}}]"#));
        let refused = of_attribute(r#"{"intValue":"9223372036854775808"}"#);
        assert_eq!(read_spans(&refused)[0].trace_id.len(), 0);
        assert_eq!(
            numbers_out_of_range(refused.as_bytes()),
            [
                "the record of span 0202020202020202: attribute `app.id`: intValue is not between -9223372036854775808 and \
              9223372036854775807"
            ]
        );
        for value in [r#"{"intValue":1e20}"#, r#"{"arrayValue":{"values":[{"intValue":-99999999999999999999}]}}"#] {
            assert_eq!(numbers_out_of_range(of_attribute(value).as_bytes()).len(), 1, "{value}");
        }
        let early = numbers_out_of_range(body(r#""startTimeUnixNano":"-1""#).as_bytes());
        assert!(early[0].ends_with("startTimeUnixNano is not between 0 and 18446744073709551615"), "{early:?}");
        let fits = of_attribute(r#"{"intValue":"-9223372036854775808"}"#);
        assert!(numbers_out_of_range(fits.as_bytes()).is_empty() && read_spans(&fits)[0].trace_id.len() == 16);
    }

    #[test]
    fn the_other_signal_is_refused_with_the_right_path() {
        let logs = br#"{"resourceLogs":[{"scopeLogs":[]}]}"#;
        let refused = decode_as(Signal::Traces, Encoding::Json, logs).unwrap_err().to_string();
        assert_eq!(refused, "these are logs, not traces: send them to /v1/logs");
    }

    #[test]
    fn rubbish_is_an_error_that_says_what_was_expected() {
        assert!(decode(&[0xff, 0xff, 0xff]).unwrap_err().to_string().contains("OTLP traces request in protobuf"));
        assert!(matches!(decode(b"{\"hello\":1}"), Err(DecodeError::UnknownSignal)));
        for cut in
            [&b"{\"resourceSpans\":[{]"[..], b"{\"resourceSpans\":[{\"a\":\"\\", b"{\"resourceSpans\":\"\\ud83d\\"]
        {
            assert!(matches!(decode(cut), Err(DecodeError::Json { .. })), "{}", cut.escape_ascii());
        }
    }
}
