//! From the bytes of an export request to what the store commits: prefilter, rules, loop guard, redaction, account.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use super::admission::{Overrun, Reservation};
use super::in_force::Drawing;
use super::prefilter::{self, Candidate, EmitterId, Sifted};
use super::wire_reader::Malformed;
use crate::conventions::loop_guard::{self, NeverJudged};
use crate::model::{IdError, SpanId, TraceId};
use crate::otlp::{
    DecodeError, Encoding, FromJson, FromJsonError, Origin, Signal, from_json, nesting, sniff_encoding, wire,
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
    /// Redacts what a scope says of itself.
    fn redact_scope(&self, scope: &mut wire::InstrumentationScope);
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

    fn redact_scope(&self, scope: &mut wire::InstrumentationScope) {
        Self::redact_scope(self, scope);
    }
}

/// Why a request cannot be read at all: sending it again would not help.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Not OTLP.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It takes more memory than there is.
    #[error(transparent)]
    Memory(#[from] Overrun),
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
            Self::Decode(DecodeError::Misfit { line, column, .. }) => {
                format!("{self}: the text does not fit the OTLP schema, line {line} column {column}")
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
    /// Records that its JSON was read without.
    beyond_limits: BeyondLimits,
    /// What is said of the first record that its JSON was read without, because a number does not fit its field.
    out_of_range: Option<String>,
}

/// Records that are nested deeper than they could be read back, or hold more values than may be decoded.
#[derive(Debug, Default, Clone)]
struct BeyondLimits {
    records: u64,
    /// What is said of the first of them.
    complaint: Option<String>,
}

impl BeyondLimits {
    fn add(&mut self, records: u64, record: &str, why: Excess) {
        let what = match why {
            Excess::Depth => "an attribute that is nested too deep to be stored",
            Excess::Values => "more attributes, list items and events than are read",
        };
        self.records += records;
        self.complaint.get_or_insert_with(|| format!("{record} holds {what}"));
    }
}

/// What a record has too much of.
#[derive(Debug, Clone, Copy)]
enum Excess {
    Depth,
    Values,
}

impl Request {
    /// A request whose signal and encoding the transport states.
    pub fn read(signal: Signal, encoding: Encoding, body: Bytes, memory: &mut Reservation) -> Result<Self, BatchError> {
        match encoding {
            Encoding::Protobuf => {
                let digest = Sha256::digest(&body).into();
                Ok(Self { signal, body, digest, beyond_limits: BeyondLimits::default(), out_of_range: None })
            }
            Encoding::Json => Self::of_json(Some(signal), body, memory),
        }
    }

    /// A request that says nothing about itself, from a queue meant for one signal: JSON is told by its first byte and
    /// names its signal; protobuf in the wrong queue shows by not having a single valid record.
    pub fn recognise(expected: Signal, body: Bytes, memory: &mut Reservation) -> Result<Self, BatchError> {
        match sniff_encoding(&body) {
            Encoding::Json => Self::of_json(None, body, memory),
            Encoding::Protobuf => {
                let signal =
                    if is_of(expected, &body) || !is_of(other(expected), &body) { expected } else { other(expected) };
                Self::read(signal, Encoding::Protobuf, body, memory)
            }
        }
    }

    fn of_json(expected: Option<Signal>, body: Bytes, memory: &mut Reservation) -> Result<Self, BatchError> {
        let digest = Sha256::digest(&body).into();
        let FromJson { signal, protobuf, beyond_limits: records, first_beyond, out_of_range } =
            from_json(expected, &body, &mut |bytes| memory.grow(bytes)).map_err(|error| match error {
                FromJsonError::Decode(error) => BatchError::Decode(error),
                FromJsonError::Stopped(overrun) => BatchError::Memory(overrun),
            })?;
        let mut beyond_limits = BeyondLimits::default();
        if let Some(first) = first_beyond {
            let why = if first.is_too_deep { Excess::Depth } else { Excess::Values };
            beyond_limits.add(records, &named(first.span_id.as_deref()), why);
        }
        memory.shrink(body.len());
        Ok(Self { signal, body: protobuf.into(), digest, beyond_limits, out_of_range })
    }

    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// A record as its sender finds it again.
fn named(span_id: Option<&str>) -> String {
    span_id.map_or_else(|| "a record".to_owned(), |id| format!("the record of span {id}"))
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
        /// Those of the rejected records that are nested too deep or hold too much.
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
    memory: &mut Reservation,
) -> Result<Prepared, BatchError> {
    let drawing = drawing.into();
    let (signal, sampler, sampling_version) = (request.signal, drawing.sampler, drawing.version);
    let sifted =
        prefilter::sift(drawing, signal, &request.body).map_err(|source| BatchError::Frame { signal, source })?;
    // What is sifted is gone when this returns.
    let of_sifted = sifted.candidates.len() * OF_CANDIDATE;
    memory.grow(of_sifted)?;
    let Decision { mut keep, undecided } = decide(sampler, &sifted);
    match kept_before {
        None if !undecided.is_empty() => {
            memory.shrink(of_sifted);
            return Ok(Prepared::Ask(undecided));
        }
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
    let beyond_limits = request.beyond_limits.clone();
    let among_rejected = beyond_limits.records;
    let (emitter, equal_logs, complaint) = (None, HashMap::new(), None);
    let mut filling = Filling { sampler, redactor, batch, emitter, equal_logs, complaint, beyond_limits, memory };
    if sifted.rejected > among_rejected {
        let other = || "without a valid trace id or span id, or not readable".to_owned();
        filling.complaint = Some(request.out_of_range.clone().unwrap_or_else(other));
    }
    for candidate in &sifted.candidates {
        if candidate.doubt.is_some() && !keep.contains(&candidate.trace_id) {
            filling.batch.sampled_out += 1;
        } else {
            filling.keep(&sifted, candidate)?;
        }
    }
    let BeyondLimits { records: too_deep, complaint } = filling.beyond_limits;
    filling.memory.shrink(of_sifted);
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
    beyond_limits: BeyondLimits,
    memory: &'a mut Reservation,
}

/// Memory of a candidate, in a list that doubles as it grows.
const OF_CANDIDATE: usize = 192;
/// Memory of a kept record beside its bytes, until it is committed.
const OF_KEPT: usize = 512;

/// Who emitted records, as far as they need it.
#[derive(Debug, Clone)]
struct Emitter {
    /// What its resource says of everything it emits.
    guarded: Option<NeverJudged>,
    /// Whether its resource can be read back from the store.
    fits: bool,
    fits_scope: bool,
    /// Redacted, for the store.
    origin: Origin,
}

impl Emitter {
    fn read(sifted: &Sifted<'_>, id: EmitterId, redactor: &dyn Redact) -> Result<Self, prost::DecodeError> {
        let mut resource = sifted.resource(id)?;
        let guarded = resource.as_ref().and_then(loop_guard::of_resource);
        let fits = !sifted.has_oversized_resource(id) && resource.as_ref().is_none_or(nesting::fits_resource);
        if let Some(resource) = &mut resource {
            redactor.redact_resource(resource);
        }
        let fits_scope = !sifted.has_oversized_scope(id);
        let scope = redacted_scope(sifted, id, redactor)?;
        Ok(Self { guarded, fits, fits_scope, origin: Origin::new(resource.as_ref(), scope.as_ref()) })
    }

    /// The same resource with another instrumentation.
    fn with_scope(self, sifted: &Sifted<'_>, id: EmitterId, redactor: &dyn Redact) -> Result<Self, prost::DecodeError> {
        let fits_scope = !sifted.has_oversized_scope(id);
        let scope = redacted_scope(sifted, id, redactor)?;
        Ok(Self { origin: self.origin.with_scope(scope.as_ref()), fits_scope, ..self })
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

fn redacted_scope(
    sifted: &Sifted<'_>,
    id: EmitterId,
    redactor: &dyn Redact,
) -> Result<Option<wire::InstrumentationScope>, prost::DecodeError> {
    let mut scope = sifted.scope(id)?;
    if let Some(scope) = &mut scope {
        redactor.redact_scope(scope);
    }
    Ok(scope)
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
    /// Of more values than may be decoded.
    Oversized,
    /// There is no room for it.
    Memory(Overrun),
}

impl From<Overrun> for Refusal {
    fn from(overrun: Overrun) -> Self {
        Self::Memory(overrun)
    }
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
    fn keep(&mut self, sifted: &Sifted<'_>, candidate: &Candidate<'_>) -> Result<(), Overrun> {
        let complaint = match self.kept(sifted, candidate) {
            Ok(()) => return Ok(()),
            Err(Refusal::Memory(overrun)) => return Err(overrun),
            Err(Refusal::Guarded(why)) => {
                self.set_aside(why);
                return Ok(());
            }
            Err(Refusal::TooDeep(span_id)) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &named(Some(&span_id.to_string())), Excess::Depth);
                return Ok(());
            }
            Err(Refusal::Oversized) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &format!("a record of trace {}", candidate.trace_id), Excess::Values);
                return Ok(());
            }
            Err(Refusal::Malformed(error)) if is_too_deep(&error) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &format!("a record of trace {}", candidate.trace_id), Excess::Depth);
                return Ok(());
            }
            Err(Refusal::Malformed(error)) => error.to_string(),
            Err(Refusal::Id(error)) => error.to_string(),
            Err(Refusal::TwoTraceIds) => "a record with two trace ids".to_owned(),
        };
        self.batch.rejected += 1;
        self.complaint.get_or_insert(complaint);
        Ok(())
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
            Some((id, Ok(known))) if id.shares_resource(candidate.emitter) => {
                known.with_scope(sifted, candidate.emitter, self.redactor)
            }
            _ => {
                let read = Emitter::read(sifted, candidate.emitter, self.redactor);
                self.memory.grow(read.as_ref().map_or(0, |read| read.origin.resource().len()))?;
                read
            }
        };
        let (_, emitter) = self.emitter.insert((candidate.emitter, emitter));
        let emitter = emitter.as_ref().map_err(Clone::clone)?;
        if !emitter.fits_scope || candidate.is_oversized(self.batch.signal) {
            return Err(Refusal::Oversized);
        }
        match self.batch.signal {
            Signal::Traces => {
                let span = span(self.sampler, self.redactor, emitter, candidate, candidate.decode()?)?;
                self.memory.grow(OF_KEPT + span.body.len())?;
                self.batch.spans.push(span);
            }
            Signal::Logs => {
                let mut record = log_record(self.redactor, emitter, candidate, candidate.decode()?)?;
                record.digest = numbered(record.digest, &mut self.equal_logs);
                self.memory.grow(OF_KEPT + record.body.len())?;
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
