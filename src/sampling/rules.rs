//! Rules that set the rate by attribute: first match wins.
//!
//! A rule matches a trace when one of its spans, looked at together with its resource, satisfies every condition.

use super::error::SamplerError;
use crate::config::sampling::RuleConfig;
use crate::model::{Attributes, Probability, Span, SpanStatus};

/// How many rules a configuration may have: which of them matched is kept in the bits of one number.
const MAX_RULES: usize = 64;

/// Attributes that only a resource carries, by OpenTelemetry's own name spaces: spans are not searched for them, so
/// that a rule on them costs nothing per span.
const RESOURCE_NAMESPACES: [&str; 9] =
    ["service.", "deployment.", "telemetry.", "host.", "k8s.", "container.", "cloud.", "process.", "os."];

/// Resource attributes that are the same throughout a trace: a resource that does not match speaks for the whole trace.
const CONSTANT_IN_A_TRACE: &str = "deployment.";

/// What rules may look at in one span.
#[derive(Debug, Clone, Copy)]
pub struct SpanFacts<'a> {
    /// Attributes of the span's resource.
    pub resource: &'a Attributes,
    /// The span's own attributes; at least those that [`super::Sampler::reads`] asks for.
    pub attributes: &'a Attributes,
    /// Whether the operation failed: the pseudo-attribute `error`.
    pub failed: bool,
}

impl<'a> From<&'a Span> for SpanFacts<'a> {
    fn from(span: &'a Span) -> Self {
        let exception = span.events.iter().any(|event| event.name == EXCEPTION_EVENT);
        let failed = matches!(span.status, SpanStatus::Error(_)) || exception || says_failed(&span.attributes);
        Self { resource: &span.resource.attributes, attributes: &span.attributes, failed }
    }
}

/// The event that marks a failed span whatever its status.
pub const EXCEPTION_EVENT: &str = "exception";

/// The attributes by which instrumentations report a failure that they leave out of the span status.
pub const FAILURE_ATTRIBUTES: [&str; 3] =
    ["error.type", "langfuse.observation.level", "langfuse.observation.status_message"];

/// Whether the attributes alone say that the operation failed.
pub fn says_failed(attributes: &Attributes) -> bool {
    let [error_type, level, message] = FAILURE_ATTRIBUTES;
    attributes.contains(error_type) || (attributes.str(level) == Some("ERROR") && attributes.contains(message))
}

/// Which rules matched, one bit a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matches(u64);

impl Matches {
    /// What matched on either side: how the spans of a trace are taken together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, rule: usize) -> bool {
        self.0 & (1 << rule) != 0
    }
}

/// The rates that the spans of one resource can still come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// No rule can give less: a trace below it is kept whatever else it holds.
    pub low: Probability,
    /// No rule can give more: a trace at or above it is dropped whatever else it holds.
    pub high: Probability,
}

#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    default: Probability,
}

#[derive(Debug)]
struct Rule {
    conditions: Vec<Condition>,
    rate: Probability,
    /// The rubrics it speaks of; `None` is all.
    rubrics: Option<Vec<String>>,
}

#[derive(Debug)]
struct Condition {
    place: Place,
    key: String,
    any_of: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The pseudo-attribute `error`.
    Failure,
    /// The resource, for the whole trace.
    Trace,
    Resource,
    /// The span, else its resource.
    Span,
}

impl Rules {
    pub(super) fn new(default: Probability, configured: &[RuleConfig]) -> Result<Self, SamplerError> {
        if configured.len() > MAX_RULES {
            return Err(SamplerError::TooManyRules { found: configured.len(), limit: MAX_RULES });
        }
        let rules =
            configured.iter().enumerate().map(|(index, rule)| Rule::new(index, rule)).collect::<Result<_, _>>()?;
        Ok(Self { rules, default })
    }

    /// Whether some rule looks at this span attribute.
    pub(super) fn reads(&self, key: &str) -> bool {
        self.conditions().any(|condition| match condition.place {
            Place::Span => condition.key == key,
            Place::Failure => FAILURE_ATTRIBUTES.contains(&key),
            Place::Trace | Place::Resource => false,
        })
    }

    /// Whether some rule looks at this resource attribute.
    pub(super) fn reads_resource(&self, key: &str) -> bool {
        self.conditions().any(|condition| condition.place != Place::Failure && condition.key == key)
    }

    /// Whether some rule looks at anything in a span.
    pub(super) fn read_spans(&self) -> bool {
        self.conditions().any(|condition| matches!(condition.place, Place::Span | Place::Failure))
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.rules.iter().flat_map(|rule| &rule.conditions)
    }

    pub(super) fn matches(&self, facts: SpanFacts<'_>) -> Matches {
        self.collect(|rule| rule.conditions.iter().all(|condition| condition.holds(facts)))
    }

    fn collect(&self, wanted: impl Fn(&Rule) -> bool) -> Matches {
        let bits = self.rules.iter().enumerate().filter(|(_, rule)| wanted(rule));
        Matches(bits.fold(0, |bits, (index, _)| bits | 1 << index))
    }

    /// The rate for one rubric, or (for `None`) the highest that any rubric gets.
    pub(super) fn rate(&self, matches: Matches, rubric: Option<&str>) -> Probability {
        let mut highest = Probability::ZERO;
        for (_, rule) in self.rules.iter().enumerate().filter(|(index, _)| matches.has(*index)) {
            match (&rule.rubrics, rubric) {
                (None, _) => return max(highest, rule.rate),
                (Some(names), Some(rubric)) if names.iter().any(|name| name == rubric) => return rule.rate,
                (Some(_), Some(_)) => {}
                // Other rubrics go on to the next rule.
                (Some(_), None) => highest = max(highest, rule.rate),
            }
        }
        max(highest, self.default)
    }

    pub(super) fn bound(&self, resource: &Attributes) -> Bound {
        let (mut low, mut high) = (Probability::ONE, Probability::ZERO);
        for rule in &self.rules {
            match rule.prospect(resource) {
                Prospect::Impossible => {}
                Prospect::Possible => {
                    high = max(high, rule.rate);
                    // A rule for some rubrics takes nothing away from the others.
                    if rule.rubrics.is_none() {
                        low = min(low, rule.rate);
                    }
                }
                Prospect::Certain if rule.rubrics.is_some() => high = max(high, rule.rate),
                Prospect::Certain => return Bound { low: min(low, rule.rate), high: max(high, rule.rate) },
            }
        }
        Bound { low: min(low, self.default), high: max(high, self.default) }
    }
}

fn max(left: Probability, right: Probability) -> Probability {
    if left < right { right } else { left }
}

fn min(left: Probability, right: Probability) -> Probability {
    if right < left { right } else { left }
}

/// What a resource says about a rule before any of its spans is looked at.
enum Prospect {
    Impossible,
    Possible,
    Certain,
}

impl Rule {
    fn new(index: usize, rule: &RuleConfig) -> Result<Self, SamplerError> {
        let rule_number = index + 1;
        if rule.conditions.is_empty() && rule.rubrics.is_none() {
            return Err(SamplerError::MatchesEverything { rule_number });
        }
        if rule.rubrics.as_ref().is_some_and(Vec::is_empty) {
            return Err(SamplerError::NoRubrics { rule_number });
        }
        let conditions = rule
            .conditions
            .iter()
            .map(|(key, expected)| Condition::new(rule_number, key, expected.texts()))
            .collect::<Result<_, _>>()?;
        Ok(Self { conditions, rate: rule.rate, rubrics: rule.rubrics.clone() })
    }

    fn prospect(&self, resource: &Attributes) -> Prospect {
        if self.conditions.iter().all(|condition| condition.held_by(resource)) {
            return Prospect::Certain;
        }
        let ruled_out = |condition: &Condition| condition.place == Place::Trace && !condition.held_in(resource);
        if self.conditions.iter().any(ruled_out) { Prospect::Impossible } else { Prospect::Possible }
    }
}

impl Condition {
    fn new(rule_number: usize, key: &str, any_of: Vec<String>) -> Result<Self, SamplerError> {
        if any_of.is_empty() {
            return Err(SamplerError::NoValues { rule_number, key: key.to_owned() });
        }
        let in_resource = RESOURCE_NAMESPACES.iter().any(|namespace| key.starts_with(namespace));
        let place = match key {
            "error" => Place::Failure,
            _ if key.starts_with(CONSTANT_IN_A_TRACE) => Place::Trace,
            _ if in_resource => Place::Resource,
            _ => Place::Span,
        };
        if place == Place::Failure && any_of != ["true"] {
            return Err(SamplerError::ErrorIsTrue { rule_number });
        }
        Ok(Self { place, key: key.to_owned(), any_of })
    }

    fn holds(&self, facts: SpanFacts<'_>) -> bool {
        match self.place {
            Place::Failure => facts.failed,
            Place::Trace | Place::Resource => self.held_in(facts.resource),
            Place::Span if facts.attributes.contains(&self.key) => self.held_in(facts.attributes),
            Place::Span => self.held_in(facts.resource),
        }
    }

    /// Whether the resource satisfies it whatever its spans say. A span may override an attribute of any other kind.
    fn held_by(&self, resource: &Attributes) -> bool {
        matches!(self.place, Place::Trace | Place::Resource) && self.held_in(resource)
    }

    fn held_in(&self, attributes: &Attributes) -> bool {
        attributes.get(&self.key).is_some_and(|value| self.any_of.contains(&value.display()))
    }
}
