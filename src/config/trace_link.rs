//! Where the tracing backend shows a trace.

use serde::{Deserialize, Serialize};

use crate::model::{SpanId, TraceId};

/// An address with a place for the trace's id, `{trace_id}`, and maybe one for the span's, `{span_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceLink(String);

/// Why a text is no such address.
#[derive(Debug, thiserror::Error)]
#[error("expected an http or https address that holds {{trace_id}}, as in http://localhost:16686/trace/{{trace_id}}")]
pub struct TraceLinkError;

impl TryFrom<String> for TraceLink {
    type Error = TraceLinkError;

    fn try_from(text: String) -> Result<Self, TraceLinkError> {
        let is_web = text.starts_with("https://") || text.starts_with("http://");
        if is_web && text.contains("{trace_id}") { Ok(Self(text)) } else { Err(TraceLinkError) }
    }
}

impl From<TraceLink> for String {
    fn from(link: TraceLink) -> Self {
        link.0
    }
}

impl TraceLink {
    /// The address of one span in its trace.
    pub fn address(&self, trace: TraceId, span: SpanId) -> String {
        self.0.replace("{trace_id}", &trace.to_string()).replace("{span_id}", &span.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_are_filled_and_other_texts_are_refused() {
        let link = TraceLink::try_from("https://traces.example/{trace_id}?span={span_id}".to_owned()).unwrap();
        let (trace, span) =
            (TraceId::try_from([1_u8; 16].as_slice()).unwrap(), SpanId::try_from([2_u8; 8].as_slice()).unwrap());
        assert_eq!(
            link.address(trace, span),
            format!("https://traces.example/{}?span={}", "01".repeat(16), "02".repeat(8))
        );
        for wrong in ["javascript:alert({trace_id})", "https://traces.example/", ""] {
            assert!(TraceLink::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
