//! The segments of a subject: the named parts of the traffic that it belongs to.

use std::collections::BTreeMap;

use super::assembled_trace::AssembledTrace;
use crate::config::{SegmentConfig, SegmentPlace};
use crate::model::{Release, Span, Step, StepKind, Value};

/// The segments of what is judged at the step `at`; `model` is the trace's.
pub(super) fn of(
    trace: &AssembledTrace,
    model: Option<&str>,
    at: usize,
    segments: &SegmentConfig,
) -> BTreeMap<String, String> {
    let value = |places: &Vec<SegmentPlace>| places.iter().find_map(|place| place_value(trace, model, at, place));
    segments.0.iter().filter_map(|(name, places)| Some((name.clone(), value(places)?))).collect()
}

/// Which release of the application the step at `at` belongs to.
pub(super) fn release(trace: &AssembledTrace, model: Option<&str>, at: usize) -> Release {
    let version = SegmentPlace::Attribute("service.version".to_owned());
    let prompt = |at: usize| trace.steps[at].prompt_version.clone().filter(|version| !version.is_empty());
    Release {
        service_version: place_value(trace, model, at, &version),
        prompt_version: prompt(at).or_else(|| trace.root.and_then(prompt)),
    }
}

/// The value of one place: of the step itself, else of the root, else of the resource.
fn place_value(trace: &AssembledTrace, model: Option<&str>, at: usize, place: &SegmentPlace) -> Option<String> {
    let own = |at: usize| match place {
        SegmentPlace::Attribute(name) => attribute(&trace.spans[at], name),
        own => field_value(&trace.steps[at], own),
    };
    let found = own(at).or_else(|| trace.root.filter(|root| *root != at).and_then(own));
    match place {
        SegmentPlace::Environment => found.or_else(|| trace.environment.clone()),
        SegmentPlace::Model => found.or_else(|| model.map(str::to_owned)),
        SegmentPlace::Attribute(name) => {
            found.or_else(|| trace.spans[at].resource.attributes.get(name).map(Value::display))
        }
        _ => found,
    }
    .filter(|value| !value.is_empty())
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    span.attributes.get(name).map(Value::display).filter(|value| !value.is_empty())
}

/// The value of a place that a step itself holds.
pub(super) fn field_value(step: &Step, place: &SegmentPlace) -> Option<String> {
    match place {
        SegmentPlace::Model => step.response_model.clone().or_else(|| step.request_model.clone()),
        SegmentPlace::Provider => step.provider.clone(),
        SegmentPlace::Operation => step.operation.clone(),
        SegmentPlace::Prompt => step.prompt_name.clone(),
        SegmentPlace::Agent => step.entity_name.clone().filter(|_| step.kind == StepKind::Agent),
        SegmentPlace::Metadata(key) => {
            step.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        }
        SegmentPlace::Tag(prefix) => {
            let rest = |tag: &String| {
                tag.strip_prefix(prefix.as_str())?.strip_prefix([':', '=']).map(|rest| rest.trim().to_owned())
            };
            step.tags.iter().find_map(rest)
        }
        // What is a property of the span, or of the whole trace.
        SegmentPlace::Attribute(_) | SegmentPlace::Environment => None,
    }
}
