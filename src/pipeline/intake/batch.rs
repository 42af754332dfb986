//! From the bytes of an export request to what the store commits: prefilter, rules, loop guard, redaction, account.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use super::in_force::Drawing;
use super::prefilter::{self, Candidate, EmitterId, Sifted};
use super::wire_reader::Malformed;
use crate::conventions::loop_guard::{self, NeverJudged};
use crate::model::{IdError, SpanId, TraceId};
use crate::otlp::{
    DecodeError, Encoding, Origin, Request as Decodable, Signal, decode, decode_as, nesting, numbers_out_of_range,
    sniff_encoding, wire, without_deep_records,
};
use crate::privacy::Redactor;
use crate::sampling::{Matches, Sampler};
use crate::store::{IntakeBatch, KeptLogRecord, KeptSpan, OwnParts};

/// Removes personal data and secrets from a record before anything is stored.
pub trait Redact: Send + Sync {
    /// Redacts a span in place.
    fn redact_span(&self, span: &mut wire::Span);
    /// Redacts a log record in place.
    fn redact_log_record(&self, record: &mut wire::LogRecord);
    /// Redacts what a resource says of itself, in place.
    fn redact_resource(&self, resource: &mut wire::Resource);
}

impl Redact for Redactor {
    fn redact_span(&self, span: &mut wire::Span) {
        Self::redact_span(self, span);
    }

    fn redact_log_record(&self, record: &mut wire::LogRecord) {
        Self::redact_log_record(self, record);
    }

    fn redact_resource(&self, resource: &mut wire::Resource) {
        Self::redact_resource(self, resource);
    }
}

/// Why a request cannot be read at all: sending it again would not help.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Not OTLP.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Protobuf whose outer structure is broken.
    #[error("not an OTLP {} request in protobuf", .signal.as_str())]
    Frame {
        /// What was expected.
        signal: Signal,
        /// What is wrong.
        source: Malformed,
    },
}

impl BatchError {
    /// The error with its cause, but without the values that JSON parsers like to quote: they may be content.
    pub fn explain(&self) -> String {
        match self {
            Self::Decode(DecodeError::Json { source, .. }) => {
                let (line, column) = (source.line(), source.column());
                let kind = match source.classify() {
                    Category::Syntax => "is no JSON",
                    Category::Eof => "ends too early",
                    Category::Data | Category::Io => "does not fit the OTLP schema",
                };
                format!("{self}: the text {kind}, line {line} column {column}")
            }
            other => crate::error_chain::causes(other),
        }
    }
}

/// An export request, recognised.
#[derive(Debug)]
pub struct Request {
    signal: Signal,
    /// Protobuf, whatever the request was written in.
    body: Bytes,
    digest: [u8; 32],
    /// Records that its JSON was read without, because they are nested too deep.
    too_deep: TooDeep,
    /// What is said of the first record that its JSON was read without, because a number does not fit its field.
    out_of_range: Option<String>,
}

/// Records that are nested deeper than they could be read back.
#[derive(Debug, Default)]
struct TooDeep {
    records: u64,
    /// What is said of the first of them.
    complaint: Option<String>,
}

impl TooDeep {
    fn add(&mut self, records: u64, record: &str) {
        self.records += records;
        self.complaint
            .get_or_insert_with(|| format!("{record} holds an attribute that is nested too deep to be stored"));
    }
}

impl Request {
    /// A request whose signal and encoding the transport states.
    pub fn read(signal: Signal, encoding: Encoding, body: Bytes) -> Result<Self, BatchError> {
        let digest = Sha256::digest(&body).into();
        match encoding {
            Encoding::Protobuf => Ok(Self { signal, body, digest, too_deep: TooDeep::default(), out_of_range: None }),
            Encoding::Json => Self::from_json(&body, digest, |body| decode_as(signal, Encoding::Json, body)),
        }
    }

    /// A request that says nothing about itself, from a queue meant for one signal: JSON is told by its first byte and
    /// names its signal; protobuf in the wrong queue shows by not having a single valid record.
    pub fn recognise(expected: Signal, body: Bytes) -> Result<Self, BatchError> {
        match sniff_encoding(&body) {
            Encoding::Json => {
                let digest = Sha256::digest(&body).into();
                Self::from_json(&body, digest, decode)
            }
            Encoding::Protobuf => {
                let signal =
                    if is_of(expected, &body) || !is_of(other(expected), &body) { expected } else { other(expected) };
                Self::read(signal, Encoding::Protobuf, body)
            }
        }
    }

    fn from_json(
        body: &[u8],
        digest: [u8; 32],
        decode: impl Fn(&[u8]) -> Result<Decodable, DecodeError>,
    ) -> Result<Self, BatchError> {
        let mut too_deep = TooDeep::default();
        let request = decode_json(body, &mut too_deep, decode)?;
        let out_of_range =
            if request.has_blank_records() { numbers_out_of_range(body).into_iter().next() } else { None };
        let signal = if matches!(request, Decodable::Traces(_)) { Signal::Traces } else { Signal::Logs };
        Ok(Self { signal, body: to_protobuf(request), digest, too_deep, out_of_range })
    }
}

/// Decodes JSON, without the records that make it too deep for the parser.
fn decode_json(
    body: &[u8],
    too_deep: &mut TooDeep,
    decode: impl Fn(&[u8]) -> Result<Decodable, DecodeError>,
) -> Result<Decodable, DecodeError> {
    let error = match decode(body) {
        Err(error @ DecodeError::Json { .. }) => error,
        other => return other,
    };
    let Some(shallow) = without_deep_records(body) else { return Err(error) };
    too_deep.add(shallow.removed, &named(shallow.first_span_id.as_deref()));
    decode(&shallow.body)
}

/// A record as its sender finds it again.
fn named(span_id: Option<&str>) -> String {
    span_id.map_or_else(|| "a record".to_owned(), |id| format!("the record of span {id}"))
}

fn to_protobuf(request: Decodable) -> Bytes {
    match request {
        Decodable::Traces(traces) => traces.encode_to_vec().into(),
        Decodable::Logs(logs) => logs.encode_to_vec().into(),
    }
}

fn other(signal: Signal) -> Signal {
    match signal {
        Signal::Traces => Signal::Logs,
        Signal::Logs => Signal::Traces,
    }
}

/// Whether the bytes hold at least one valid record of the signal, or none at all.
fn is_of(signal: Signal, body: &[u8]) -> bool {
    prefilter::count_with_ids(signal, body).is_ok_and(|(records, with_ids)| records == 0 || with_ids > 0)
}

/// What became of a request.
#[derive(Debug)]
pub enum Prepared {
    /// Ready to commit.
    Batch {
        /// For the store.
        batch: IntakeBatch,
        /// Why records were rejected; `None` when none was.
        complaint: Option<String>,
        /// Those of the rejected records that are nested too deep.
        too_deep: u64,
    },
    /// Whether these traces are kept depends on whether something of them was kept before.
    Ask(Vec<TraceId>),
}

/// Decides, decodes, guards and redacts. `kept_before` is the answer to an earlier [`Prepared::Ask`].
pub fn prepare<'s>(
    request: &Request,
    drawing: impl Into<Drawing<'s>>,
    redactor: &dyn Redact,
    kept_before: Option<&HashSet<TraceId>>,
) -> Result<Prepared, BatchError> {
    let drawing = drawing.into();
    let (signal, sampler, sampling_version) = (request.signal, drawing.sampler, drawing.version);
    let sifted =
        prefilter::sift(drawing, signal, &request.body).map_err(|source| BatchError::Frame { signal, source })?;
    let Decision { mut keep, undecided } = decide(sampler, &sifted);
    match kept_before {
        None if !undecided.is_empty() => return Ok(Prepared::Ask(undecided)),
        None => {}
        Some(kept_before) => keep.extend(undecided.into_iter().filter(|id| kept_before.contains(id))),
    }
    let batch = IntakeBatch {
        signal,
        digest: request.digest,
        sampling_version,
        received: sifted.received,
        sampled_out: sifted.sampled_out,
        own: sifted.own,
        own_parts: OwnParts { unmarked: sifted.own_unmarked, other_evaluators: 0 },
        rejected: sifted.rejected,
        spans: Vec::new(),
        logs: Vec::new(),
    };
    let TooDeep { records, complaint } = &request.too_deep;
    let too_deep = TooDeep { records: *records, complaint: complaint.clone() };
    let mut filling =
        Filling { sampler, redactor, batch, emitter: None, equal_logs: HashMap::new(), complaint: None, too_deep };
    if sifted.rejected > *records {
        let other = || "without a valid trace id or span id, or not readable".to_owned();
        filling.complaint = Some(request.out_of_range.clone().unwrap_or_else(other));
    }
    for candidate in &sifted.candidates {
        if candidate.doubt.is_some() && !keep.contains(&candidate.trace_id) {
            filling.batch.sampled_out += 1;
        } else {
            filling.keep(&sifted, candidate);
        }
    }
    let TooDeep { records: too_deep, complaint } = filling.too_deep;
    Ok(Prepared::Batch { batch: filling.batch, complaint: filling.complaint.or(complaint), too_deep })
}

/// Which of the traces in doubt are kept.
struct Decision {
    keep: HashSet<TraceId>,
    undecided: Vec<TraceId>,
}

/// Takes the spans of a trace together: one span that a rule wants keeps them all.
fn decide(sampler: &Sampler, sifted: &Sifted<'_>) -> Decision {
    let mut in_doubt: HashMap<TraceId, (f64, Matches)> = HashMap::new();
    for candidate in &sifted.candidates {
        if let Some(matches) = candidate.doubt {
            let (u, together) = in_doubt.entry(candidate.trace_id).or_insert((candidate.u, Matches::default()));
            *u = u.min(candidate.u);
            *together = together.or(matches);
        }
    }
    let (mut keep, mut undecided) = (HashSet::new(), Vec::new());
    if in_doubt.is_empty() {
        return Decision { keep, undecided };
    }
    let beyond_doubt: HashSet<TraceId> =
        sifted.candidates.iter().filter(|one| one.doubt.is_none()).map(|one| one.trace_id).collect();
    for (trace_id, (u, matches)) in in_doubt {
        if beyond_doubt.contains(&trace_id) || u < sampler.rate_of(matches, None).get() {
            keep.insert(trace_id);
        } else {
            undecided.push(trace_id);
        }
    }
    // In one order, whatever the map's.
    undecided.sort_unstable();
    Decision { keep, undecided }
}

/// A batch being filled with the records that are kept.
struct Filling<'a> {
    sampler: &'a Sampler,
    redactor: &'a dyn Redact,
    batch: IntakeBatch,
    /// Whose the record before was: records of one block stand together.
    emitter: Option<(EmitterId, Result<Emitter, prost::DecodeError>)>,
    /// How many log records of each digest there were so far.
    equal_logs: HashMap<[u8; 32], u64>,
    /// The first other reason for a rejection, to be told to the sender.
    complaint: Option<String>,
    too_deep: TooDeep,
}

/// Who emitted records, as far as they need it.
#[derive(Debug, Clone)]
struct Emitter {
    /// What its resource says of everything it emits.
    guarded: Option<NeverJudged>,
    /// Whether its resource can be read back from the store.
    fits: bool,
    /// Redacted, for the store.
    origin: Origin,
}

impl Emitter {
    fn read(sifted: &Sifted<'_>, id: EmitterId, redactor: &dyn Redact) -> Result<Self, prost::DecodeError> {
        let mut read = sifted.emitter(id)?;
        let guarded = read.resource.as_ref().and_then(loop_guard::of_resource);
        let fits = read.resource.as_ref().is_none_or(nesting::fits_resource);
        if let Some(resource) = &mut read.resource {
            redactor.redact_resource(resource);
        }
        Ok(Self { guarded, fits, origin: Origin::new(read.resource.as_ref(), read.scope.as_ref()) })
    }
}

/// The digest of one of several equal log records of a request: that of the record for the first of them, so that each is
/// stored, and again the same when the request is repeated. A text may be said twice in one conversation, and log records
/// have no id; which of them are copies is decided when all records of their span are there.
fn numbered(digest: [u8; 32], equal: &mut HashMap<[u8; 32], u64>) -> [u8; 32] {
    let count = equal.entry(digest).or_default();
    *count += 1;
    match *count {
        1 => digest,
        count => Sha256::new().chain_update(digest).chain_update(count.to_be_bytes()).finalize().into(),
    }
}

/// Why a kept record is not kept after all.
enum Refusal {
    Guarded(NeverJudged),
    Malformed(prost::DecodeError),
    Id(IdError),
    /// Two trace ids: the prefilter decided by the first, and the last is the one that counts.
    TwoTraceIds,
    /// Nested deeper than it could be read back.
    TooDeep(SpanId),
}

impl From<prost::DecodeError> for Refusal {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<IdError> for Refusal {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}

/// The decoder says so in words only.
fn is_too_deep(error: &prost::DecodeError) -> bool {
    error.to_string().contains("recursion limit reached")
}

impl Filling<'_> {
    fn keep(&mut self, sifted: &Sifted<'_>, candidate: &Candidate<'_>) {
        let complaint = match self.kept(sifted, candidate) {
            Ok(()) => return,
            Err(Refusal::Guarded(why)) => return self.set_aside(why),
            Err(Refusal::TooDeep(span_id)) => {
                self.batch.rejected += 1;
                return self.too_deep.add(1, &named(Some(&span_id.to_string())));
            }
            Err(Refusal::Malformed(error)) if is_too_deep(&error) => {
                self.batch.rejected += 1;
                return self.too_deep.add(1, &format!("a record of trace {}", candidate.trace_id));
            }
            Err(Refusal::Malformed(error)) => error.to_string(),
            Err(Refusal::Id(error)) => error.to_string(),
            Err(Refusal::TwoTraceIds) => "a record with two trace ids".to_owned(),
        };
        self.batch.rejected += 1;
        self.complaint.get_or_insert(complaint);
    }

    fn set_aside(&mut self, why: NeverJudged) {
        self.batch.own += 1;
        match why {
            NeverJudged::Own => {}
            NeverJudged::OwnUnmarked => self.batch.own_parts.unmarked += 1,
            NeverJudged::OtherEvaluator => self.batch.own_parts.other_evaluators += 1,
        }
    }

    fn kept(&mut self, sifted: &Sifted<'_>, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let emitter = match self.emitter.take() {
            Some((id, known)) if id == candidate.emitter => known,
            _ => Emitter::read(sifted, candidate.emitter, self.redactor),
        };
        let (_, emitter) = self.emitter.insert((candidate.emitter, emitter));
        let emitter = emitter.as_ref().map_err(Clone::clone)?;
        match self.batch.signal {
            Signal::Traces => {
                let span = span(self.sampler, self.redactor, emitter, candidate, candidate.decode()?)?;
                self.batch.spans.push(span);
            }
            Signal::Logs => {
                let mut record = log_record(self.redactor, emitter, candidate, candidate.decode()?)?;
                record.digest = numbered(record.digest, &mut self.equal_logs);
                self.batch.logs.push(record);
            }
        }
        Ok(())
    }
}

fn span(
    sampler: &Sampler,
    redactor: &dyn Redact,
    emitter: &Emitter,
    candidate: &Candidate<'_>,
    mut span: wire::Span,
) -> Result<KeptSpan, Refusal> {
    if span.trace_id != candidate.trace_id.as_bytes() {
        return Err(Refusal::TwoTraceIds);
    }
    let span_id = SpanId::try_from(span.span_id.as_slice())?;
    if let Some(why) = loop_guard::of_span(&span).or(emitter.guarded) {
        return Err(Refusal::Guarded(why));
    }
    if !emitter.fits || !nesting::fits_span(&span) {
        return Err(Refusal::TooDeep(span_id));
    }
    let draw = sampler.u(candidate.trace_id, &span.trace_state);
    redactor.redact_span(&mut span);
    Ok(KeptSpan {
        trace_id: candidate.trace_id,
        span_id,
        is_root: SpanId::try_from(span.parent_span_id.as_slice()).is_err(),
        end: span.end_time_unix_nano.max(span.start_time_unix_nano),
        u: draw.u,
        upstream_probability: draw.upstream,
        resource: Arc::clone(emitter.origin.resource()),
        body: emitter.origin.span_to_bytes(&span),
    })
}

fn log_record(
    redactor: &dyn Redact,
    emitter: &Emitter,
    candidate: &Candidate<'_>,
    mut record: wire::LogRecord,
) -> Result<KeptLogRecord, Refusal> {
    if record.trace_id != candidate.trace_id.as_bytes() {
        return Err(Refusal::TwoTraceIds);
    }
    let span_id = SpanId::try_from(record.span_id.as_slice())?;
    if let Some(why) = loop_guard::of_log_record(&record) {
        return Err(Refusal::Guarded(why));
    }
    if !emitter.fits || !nesting::fits_log_record(&record) {
        return Err(Refusal::TooDeep(span_id));
    }
    redactor.redact_log_record(&mut record);
    let body = emitter.origin.log_record_to_bytes(&record);
    Ok(KeptLogRecord {
        trace_id: candidate.trace_id,
        span_id,
        u: candidate.u,
        digest: Sha256::new().chain_update(emitter.origin.resource()).chain_update(&body).finalize().into(),
        body,
    })
}

#[cfg(test)]
mod tests;
