//! Which traces are judged, and with which probability.
//!
//! One number `u` in [0, 1) is drawn per trace, without state and the same on every worker; a rubric judges the trace
//! when `u < rate`. Rates therefore nest: what 10 % keeps, 20 % keeps too. Rules set the rate by attribute.
//!
//! Intake decides with the same [`Sampler`] as planning, but before all spans are seen, and
//! keeps whatever some rubric could still want ([`Bound`]), so that every probability recorded later is the true one.

mod error;
pub mod governor;
mod rules;
mod tracestate;
mod version;

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher13;

pub use error::SamplerError;
pub use rules::{Bound, EXCEPTION_EVENT, Matches, SpanFacts, says_failed};

use crate::config::sampling::SamplingConfig;
use crate::model::{Attributes, Probability, SubjectId, TraceId};
use rules::Rules;
pub use version::VersionConfig;

/// The number drawn for a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// In [0, 1): the trace is judged by a rubric when this is below the rubric's rate.
    pub u: f64,
    /// The probability with which the trace came as far as judged; the true one is this times the rate.
    pub upstream: Probability,
}

/// The sampling configuration, ready to decide.
#[derive(Debug)]
pub struct Sampler {
    source: Source,
    rules: Rules,
}

/// Where `u` comes from.
#[derive(Debug)]
enum Source {
    /// A keyed hash of the trace id, independent of every other sampler.
    Hash(SipHasher13),
    /// OpenTelemetry's own randomness, so that the selection is a subset of what a consistent sampler keeps.
    Consistent,
}

impl Sampler {
    /// Checks the configuration's rules. `salt` decides which traces are drawn; the configured one is already in it.
    pub fn from_config(config: &SamplingConfig, salt: &str) -> Result<Self, SamplerError> {
        let source = if config.consistent { Source::Consistent } else { Source::Hash(keyed_hash(salt)) };
        Ok(Self { source, rules: Rules::new(config.rate, &config.rules)? })
    }

    /// The trace's number. `trace_state` is the span's W3C tracestate, empty when absent.
    ///
    /// In the consistent form `u` is relative to the upstream probability: a rate of 10 % judges 10 % of what arrives
    /// (the proportional form), and the selection still nests with every consistent sampler.
    pub fn u(&self, trace_id: TraceId, trace_state: &str) -> Draw {
        let upstream = tracestate::read(trace_id, trace_state);
        let u = match &self.source {
            Source::Hash(hash) => unit(hash.hash(trace_id.as_bytes())),
            Source::Consistent => (upstream.randomness.unit() / upstream.probability.get()).min(1.0_f64.next_down()),
        };
        Draw { u, upstream: upstream.probability }
    }

    /// The number of a subject that spans traces: a session. Rates nest for it as they do for traces.
    pub fn u_of_subject(&self, subject: SubjectId) -> f64 {
        let id = subject.as_uuid().into_bytes();
        match &self.source {
            Source::Hash(hash) => unit(hash.hash(&id)),
            // The last seven bytes, as of a trace id; the one before them holds the UUID's variant.
            Source::Consistent => unit(id[9..].iter().fold(0, |word, byte| word << 8 | u64::from(*byte)) << 8),
        }
    }

    /// Only the `u` of [`Sampler::u`], when it needs no tracestate: the hot path of the prefilter.
    pub fn u_of_id(&self, trace_id: TraceId) -> Option<f64> {
        match &self.source {
            Source::Hash(hash) => Some(unit(hash.hash(trace_id.as_bytes()))),
            Source::Consistent => None,
        }
    }

    /// The rules that one span matches.
    pub fn matches(&self, span: SpanFacts<'_>) -> Matches {
        self.rules.matches(span)
    }

    /// The rate that goes with the rules matched by the spans of a trace; with `rubric`, for that one, else the highest that any rubric gets.
    pub fn rate_of(&self, matches: Matches, rubric: Option<&str>) -> Probability {
        self.rules.rate(matches, rubric)
    }

    /// What the spans of a resource can still come to, before any of them is looked at.
    pub fn bound(&self, resource: &Attributes) -> Bound {
        self.rules.bound(resource)
    }

    /// Whether some rule looks into spans.
    pub fn reads_spans(&self) -> bool {
        self.rules.read_spans()
    }

    /// Whether some rule looks at this resource attribute.
    pub fn reads_resource(&self, attribute: &str) -> bool {
        self.rules.reads_resource(attribute)
    }

    /// Whether some rule looks at this span attribute.
    pub fn reads(&self, attribute: &str) -> bool {
        self.rules.reads(attribute)
    }
}

/// The names of the rubrics that rules speak of, so that a configuration can be checked against the rubrics there are.
pub fn rubrics_named(config: &SamplingConfig) -> HashSet<&str> {
    config.rules.iter().flat_map(|rule| rule.rubrics.iter().flatten()).map(String::as_str).collect()
}

/// SipHash-1-3 under the first 16 bytes of the salt's SHA-256. It never changes: another hash would judge other traces after
/// an upgrade, and other traces than a worker of another release beside it.
fn keyed_hash(salt: &str) -> SipHasher13 {
    let digest: [u8; 32] = Sha256::digest(salt.as_bytes()).into();
    SipHasher13::new_with_key(&std::array::from_fn(|at| digest[at]))
}

/// The top 53 bits: as many as a double holds, so that 1.0 is never reached.
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
