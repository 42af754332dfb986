//! Between OTLP's wire types and judged's own: decoding, recognising, and the form in which spans are stored.
//!
//! Pure: bytes and values in, bytes and values out. The wire types themselves come from `opentelemetry-proto`.

mod codec;
mod decode;
mod from_model;
mod json_lenient;
mod json_size;
mod json_stream;
pub mod nesting;
mod to_model;

pub use codec::{Origin, log_record_from_bytes, resource_from_bytes, span_from_bytes};
pub use decode::{DecodeError, Encoding, Request, Signal, decode, sniff_encoding};
pub use from_model::{resource_to_bytes, resource_to_wire};
pub use json_lenient::numbers_out_of_range;
pub use json_stream::{FromJson, FromJsonError, from_json};
pub use to_model::{RecordError, attributes_to_model, log_records, resource, spans};

/// The generated wire types, under short names.
pub mod wire {
    pub use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    };
    pub use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    pub use opentelemetry_proto::tonic::common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
    };
    pub use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    pub use opentelemetry_proto::tonic::resource::v1::Resource;
    pub use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};
}
