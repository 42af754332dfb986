//! OTLP/JSON turned into protobuf record by record, so that a request takes the memory of what is in it and not that of a tree:
//! `{}` is three bytes of text and hundreds of a decoded span.

use std::fmt;

use prost::Message;
use prost::encoding::{self, WireType};
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::decode::{DecodeError, Signal, is_snake_case};
use super::json_lenient::{mended, number_out_of_range};
use super::json_size::JsonSize;
use super::wire::{InstrumentationScope, LogRecord, Resource, Span};

/// A request that was written in JSON.
#[derive(Debug)]
pub struct FromJson {
    pub signal: Signal,
    /// The same request; an empty record, which is counted as rejected later on, stands for each that cannot be read.
    pub protobuf: Vec<u8>,
    /// Records that are nested too deep, or hold too many values.
    pub beyond_limits: u64,
    pub first_beyond: Option<BeyondLimits>,
    /// What is wrong with the first record that cannot be read because a number does not fit its field.
    pub out_of_range: Option<String>,
}

/// A record that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeyondLimits {
    /// Its span id, where it has one.
    pub span_id: Option<String>,
    /// Whether it is nested too deep; otherwise it holds too many values.
    pub is_too_deep: bool,
}

/// Why a request in JSON is not turned.
#[derive(Debug, thiserror::Error)]
pub enum FromJsonError<O> {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The caller allows no more.
    #[error("there is no room for the request")]
    Stopped(O),
}

/// Turns a request into protobuf. `expected` is the signal where the way it came states one; `built` is told of every byte before
/// it is built and may say no.
pub fn from_json<O>(
    expected: Option<Signal>,
    body: &[u8],
    built: &mut dyn FnMut(usize) -> Result<(), O>,
) -> Result<FromJson, FromJsonError<O>> {
    let outer: Outer<'_> = serde_json::from_slice(body)
        .map_err(|source| DecodeError::Json { signal: expected.unwrap_or(Signal::Traces), source })?;
    let (signal, blocks) = match (expected, outer.spans, outer.logs) {
        (Some(Signal::Traces) | None, Some(spans), _) => (Signal::Traces, Some(spans)),
        (Some(Signal::Logs) | None, _, Some(logs)) => (Signal::Logs, Some(logs)),
        (Some(expected), None, None) => (expected, None),
        (Some(expected), Some(_), _) => return Err(DecodeError::OtherSignal { expected, found: Signal::Traces }.into()),
        (Some(expected), _, Some(_)) => return Err(DecodeError::OtherSignal { expected, found: Signal::Logs }.into()),
        (None, None, None) => return Err(DecodeError::UnknownSignal.into()),
    };
    let out = FromJson { signal, protobuf: Vec::new(), beyond_limits: 0, first_beyond: None, out_of_range: None };
    // The generated types do not know snake case and would take such a record for an empty one.
    let is_snake_case = is_snake_case(body);
    let mut turning = Turning { body, is_snake_case, out, built, stopped: None };
    if let Some(blocks) = blocks {
        let turned = match signal {
            Signal::Traces => turning.blocks::<Span>(blocks),
            Signal::Logs => turning.blocks::<LogRecord>(blocks),
        };
        if let Some(stopped) = turning.stopped {
            return Err(FromJsonError::Stopped(stopped));
        }
        turned?;
    }
    Ok(turning.out)
}

#[derive(Deserialize)]
struct Outer<'b> {
    #[serde(borrow, default, rename = "resourceSpans", alias = "resource_spans")]
    spans: Option<&'b RawValue>,
    #[serde(borrow, default, rename = "resourceLogs", alias = "resource_logs")]
    logs: Option<&'b RawValue>,
}

/// A resource block, of either signal.
#[derive(Deserialize)]
struct Block<'b> {
    #[serde(borrow, default)]
    resource: Option<&'b RawValue>,
    #[serde(borrow, default, rename = "scopeSpans", alias = "scope_spans", alias = "scopeLogs", alias = "scope_logs")]
    groups: Option<&'b RawValue>,
}

/// A scope block, of either signal.
#[derive(Deserialize)]
struct Group<'b> {
    #[serde(borrow, default)]
    scope: Option<&'b RawValue>,
    #[serde(borrow, default, rename = "spans", alias = "logRecords", alias = "log_records")]
    records: Option<&'b RawValue>,
}

/// The blocks of a request, the groups of a block and the records of a group; the first field of a block or group is who emitted
/// them.
const FIRST: u32 = 1;
const SECOND: u32 = 2;
/// The room for the length of what is not yet written: a number may be written longer than it has to be.
const LENGTH_BYTES: usize = 5;

struct Turning<'t, O> {
    body: &'t [u8],
    is_snake_case: bool,
    out: FromJson,
    built: &'t mut dyn FnMut(usize) -> Result<(), O>,
    stopped: Option<O>,
}

impl<O> Turning<'_, O> {
    fn blocks<R: Message + DeserializeOwned + Default>(&mut self, blocks: &RawValue) -> Result<(), DecodeError> {
        self.each(blocks, &mut |this, block| {
            let Block { resource, groups } = this.read(block)?;
            this.enclosed(FIRST, &mut |this| {
                if let Some(resource) = resource {
                    let resource: Resource = this.emitter(resource)?;
                    this.push(FIRST, &resource);
                }
                let Some(groups) = groups else { return Ok(()) };
                this.each(groups, &mut |this, group| this.group::<R>(group))
            })
        })
    }

    fn group<R: Message + DeserializeOwned + Default>(&mut self, group: &RawValue) -> Result<(), DecodeError> {
        let Group { scope, records } = self.read(group)?;
        self.enclosed(SECOND, &mut |this| {
            if let Some(scope) = scope {
                let scope: InstrumentationScope = this.emitter(scope)?;
                this.push(FIRST, &scope);
            }
            let Some(records) = records else { return Ok(()) };
            this.each(records, &mut |this, record| {
                let record: R = this.record(record);
                this.push(SECOND, &record);
                Ok(())
            })
        })
    }

    /// Calls `visit` with each item of a list that is no null.
    fn each<'b>(
        &mut self,
        list: &'b RawValue,
        visit: &mut dyn FnMut(&mut Self, &'b RawValue) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut failed = None;
        let mut each = |item: &'b RawValue| {
            if item.get() == "null" {
                return true;
            }
            if let Err(error) = visit(self, item) {
                failed = Some(error);
            }
            failed.is_none() && self.stopped.is_none()
        };
        let walked = Items(&mut each).deserialize(&mut serde_json::Deserializer::from_str(list.get()));
        match failed {
            Some(error) => Err(error),
            None if self.stopped.is_some() => Ok(()),
            None => walked.map_err(|error| self.misfit(list, &error)),
        }
    }

    fn read<'b, T: Deserialize<'b>>(&self, value: &'b RawValue) -> Result<T, DecodeError> {
        serde_json::from_str(value.get()).map_err(|error| self.misfit(value, &error))
    }

    /// A resource or scope: without it nothing of its block can be read.
    fn emitter<T: DeserializeOwned>(&self, value: &RawValue) -> Result<T, DecodeError> {
        let size = JsonSize::of(value.get());
        let read = if size.is_within_limits() { self.read_legal(value) } else { None };
        read.ok_or_else(|| self.misfit_at(value))
    }

    /// Reads a value, also in the legal spellings that the generated types refuse.
    fn read_legal<T: DeserializeOwned>(&self, value: &RawValue) -> Option<T> {
        if !self.is_snake_case
            && let Ok(read) = serde_json::from_str(value.get())
        {
            return Some(read);
        }
        serde_json::from_value(mended(value.get().as_bytes())?).ok()
    }

    /// A record; an empty one where it cannot be read.
    fn record<R: DeserializeOwned + Default>(&mut self, value: &RawValue) -> R {
        let size = JsonSize::of(value.get());
        if size.is_within_limits() {
            return self.read_legal(value).unwrap_or_else(|| {
                if self.out.out_of_range.is_none() {
                    let tree = mended(value.get().as_bytes());
                    self.out.out_of_range = tree.as_ref().and_then(number_out_of_range);
                }
                R::default()
            });
        }
        self.out.beyond_limits += 1;
        self.out
            .first_beyond
            .get_or_insert_with(|| BeyondLimits { span_id: span_id(value.get()), is_too_deep: size.is_too_deep() });
        R::default()
    }

    /// Writes a message field whose content `write` writes.
    fn enclosed(
        &mut self,
        field: u32,
        write: &mut dyn FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.may_build(LENGTH_BYTES + 1) {
            return Ok(());
        }
        encoding::encode_key(field, WireType::LengthDelimited, &mut self.out.protobuf);
        let length_at = self.out.protobuf.len();
        self.out.protobuf.extend_from_slice(&[0; LENGTH_BYTES]);
        write(self)?;
        let length = self.out.protobuf.len() - length_at - LENGTH_BYTES;
        for (index, byte) in self.out.protobuf[length_at..][..LENGTH_BYTES].iter_mut().enumerate() {
            let more = if index + 1 < LENGTH_BYTES { 0x80 } else { 0 };
            *byte = (length >> (7 * index)) as u8 & 0x7f | more;
        }
        Ok(())
    }

    fn push(&mut self, field: u32, message: &impl Message) {
        if self.may_build(encoding::message::encoded_len(field, message)) {
            encoding::message::encode(field, message, &mut self.out.protobuf);
        }
    }

    fn may_build(&mut self, bytes: usize) -> bool {
        if self.stopped.is_none()
            && let Err(stopped) = (self.built)(bytes)
        {
            self.stopped = Some(stopped);
        }
        self.stopped.is_none()
    }

    fn misfit_at(&self, value: &RawValue) -> DecodeError {
        let (line, column) = self.place(value, 1, 1);
        DecodeError::Misfit { signal: self.out.signal, line, column }
    }

    fn misfit(&self, value: &RawValue, error: &serde_json::Error) -> DecodeError {
        let (line, column) = self.place(value, error.line(), error.column());
        DecodeError::Misfit { signal: self.out.signal, line, column }
    }

    /// Where in the body a place in a part of it is; both count from 1.
    fn place(&self, part: &RawValue, line: usize, column: usize) -> (usize, usize) {
        let start = (part.get().as_ptr() as usize).saturating_sub(self.body.as_ptr() as usize);
        let before = self.body.get(..start).unwrap_or_default();
        let lines_before = memchr::memchr_iter(b'\n', before).count();
        let columns_before =
            if line == 1 { before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) } else { 0 };
        (lines_before + line, columns_before + column)
    }
}

/// The first hexadecimal `spanId` in a record.
fn span_id(record: &str) -> Option<String> {
    let (_, after) = record.split_once("\"spanId\"").or_else(|| record.split_once("\"span_id\""))?;
    let id = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let digits: String = id.chars().take_while(char::is_ascii_hexdigit).take(16).collect();
    (digits.len() == 16).then_some(digits)
}

/// Walks a list without keeping its items; the callback says whether to go on.
struct Items<'v, 'b>(&'v mut dyn FnMut(&'b RawValue) -> bool);

impl<'b> DeserializeSeed<'b> for Items<'_, 'b> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Items<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    /// A null stands for an empty list.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<&'b RawValue>()? {
            if !(self.0)(item) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest};
    use super::*;

    fn turned(body: &str) -> FromJson {
        from_json::<()>(None, body.as_bytes(), &mut |_| Ok(())).unwrap()
    }

    fn spans(body: &str) -> Vec<Span> {
        let request = ExportTraceServiceRequest::decode(turned(body).protobuf.as_slice()).unwrap();
        request.resource_spans.into_iter().flat_map(|block| block.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    const IDS: &str = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;

    fn of_spans(spans: &str) -> String {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
    }

    #[test]
    fn who_emitted_a_record_and_the_record_come_through() {
        let body = format!(
            r#"{{"resourceLogs":[null,{{"schemaUrl":"x","resource":{{"attributes":[{{"key":"a","value":{{"stringValue":"b"}}}}]}},
            "scopeLogs":[{{"scope":{{"name":"s"}},"logRecords":[{{{IDS},"eventName":"e"}},{{}}]}}]}}]}}"#
        );
        let turned = turned(&body);
        assert_eq!(turned.signal, Signal::Logs);
        let request = ExportLogsServiceRequest::decode(turned.protobuf.as_slice()).unwrap();
        let block = &request.resource_logs[0];
        assert_eq!(block.resource.as_ref().unwrap().attributes[0].key, "a");
        assert_eq!(block.scope_logs[0].scope.as_ref().unwrap().name, "s");
        let records = &block.scope_logs[0].log_records;
        assert_eq!((records.len(), records[0].event_name.as_str(), records[1].span_id.len()), (2, "e", 0));
    }

    #[test]
    fn what_is_empty_takes_the_room_of_what_is_empty() {
        let body = of_spans(&vec!["{}"; 100_000].join(","));
        let mut built = 0;
        let turned = from_json::<()>(Some(Signal::Traces), body.as_bytes(), &mut |bytes| {
            built += bytes;
            Ok(())
        });
        let protobuf = turned.unwrap().protobuf;
        assert!(built < body.len() && protobuf.len() <= built, "{built} for {}", body.len());
    }

    #[test]
    fn it_stops_where_there_is_no_more_room() {
        let body = of_spans(&vec!["{}"; 1_000].join(","));
        let mut left = 100;
        let stopped = from_json(None, body.as_bytes(), &mut |bytes| {
            left = usize::checked_sub(left, bytes).ok_or("full")?;
            Ok(())
        });
        assert!(matches!(stopped, Err(FromJsonError::Stopped("full"))));
    }

    #[test]
    fn a_record_beyond_the_limits_is_an_empty_one() {
        let deep = format!(r#"{{{IDS},"attributes":[{{"key":"a","value":{}1{}}}]}}"#, "[".repeat(200), "]".repeat(200));
        let wide = format!(r#"{{{IDS},"attributes":[{}]}}"#, vec!["{}"; 200_000].join(","));
        for (beyond, is_too_deep) in [(deep, true), (wide, false)] {
            let turned = turned(&of_spans(&format!(r#"{{{IDS},"name":"one"}},{beyond},{{{IDS},"name":"two"}}"#)));
            let first = BeyondLimits { span_id: Some("0202020202020202".to_owned()), is_too_deep };
            assert_eq!((turned.beyond_limits, turned.first_beyond), (1, Some(first)));
            let request = ExportTraceServiceRequest::decode(turned.protobuf.as_slice()).unwrap();
            let spans = &request.resource_spans[0].scope_spans[0].spans;
            assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["one", "", "two"]);
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place_in_the_whole() {
        let refused = |body: &str| from_json::<()>(None, body.as_bytes(), &mut |_| Ok(())).unwrap_err();
        for (body, at) in [
            ("{\"resourceSpans\": 7}", (1, 19)),
            ("{\"resourceSpans\":[\n {\"scopeSpans\": true}]}", (2, 18)),
            ("{\"resourceSpans\":[{\"resource\":7}]}", (1, 32)),
        ] {
            let FromJsonError::Decode(DecodeError::Misfit { line, column, .. }) = refused(body) else {
                panic!("{body}")
            };
            assert_eq!((line, column.abs_diff(at.1) <= 4), (at.0, true), "{body}: column {column}");
        }
        assert!(matches!(refused("{\"resourceSpans\":[{]}"), FromJsonError::Decode(DecodeError::Json { .. })));
        assert!(matches!(refused("{}"), FromJsonError::Decode(DecodeError::UnknownSignal)));
    }

    #[test]
    fn records_in_snake_case_and_other_legal_spellings_are_read() {
        let snake = r#"{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"01010101010101010101010101010101",
            "span_id":"0202020202020202","parent_span_id":"","attributes":null,"kind":"SPAN_KIND_CLIENT"}]}]}]}"#;
        let span = &spans(snake)[0];
        assert_eq!((span.trace_id.len(), span.kind), (16, 3));
        let halves = of_spans(&format!(r#"{{{IDS},"name":"a\ud83d b"}},{{"traceId":"zz"}}"#));
        let read = spans(&halves);
        assert_eq!((read[0].name.as_str(), read[1].trace_id.len()), ("a\u{FFFD} b", 0));
    }
}
