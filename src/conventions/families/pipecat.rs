//! Pipecat: a conversation of turns around the spans of its services, which speak OpenTelemetry's conventions.

use crate::conventions::partial_step::Parts;
use crate::conventions::span_view::Source;
use crate::model::StepKind;

pub(super) const KNOWN: &[&str] = &[];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    (source.scope() == "pipecat.turn").then(|| Parts { kind: Some(StepKind::Agent), ..Parts::default() })
}
