//! A record that is kept, and what it needs of whoever emitted it: guarded, redacted, encoded for the store.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::redact::Redact;
use crate::conventions::loop_guard::{self, NeverJudged};
use crate::model::{IdError, SpanId};
use crate::otlp::{Origin, nesting, wire};
use crate::pipeline::intake::admission::{Overrun, Reservation};
use crate::pipeline::intake::prefilter::{Candidate, EmitterId, Sifted};
use crate::sampling::Sampler;
use crate::store::{KeptLogRecord, KeptSpan};

/// Who emitted records, as far as they need it.
#[derive(Debug)]
pub(super) struct Emitter {
    /// What its resource says of everything it emits.
    guarded: Option<NeverJudged>,
    /// Whether its resource can be read back from the store.
    fits: bool,
    pub(super) fits_scope: bool,
    /// Redacted, for the store.
    origin: Origin,
}

/// A resource, apart from what it emits by.
struct Resource {
    guarded: Option<NeverJudged>,
    fits: bool,
    /// Without instrumentation.
    origin: Origin,
}

impl Resource {
    fn read(sifted: &Sifted<'_>, id: EmitterId, redactor: &dyn Redact) -> Result<Self, prost::DecodeError> {
        let mut resource = sifted.resource(id)?;
        let guarded = resource.as_ref().and_then(loop_guard::of_resource);
        let fits = !sifted.has_oversized_resource(id) && resource.as_ref().is_none_or(nesting::fits_resource);
        if let Some(resource) = &mut resource {
            redactor.redact_resource(resource);
        }
        Ok(Self { guarded, fits, origin: Origin::new(resource.as_ref(), None) })
    }

    fn with_scope(
        &self,
        sifted: &Sifted<'_>,
        id: EmitterId,
        redactor: &dyn Redact,
    ) -> Result<Emitter, prost::DecodeError> {
        let scope = redacted_scope(sifted, id, redactor)?;
        let origin = self.origin.clone().with_scope(scope.as_ref());
        Ok(Emitter { guarded: self.guarded, fits: self.fits, fits_scope: !sifted.has_oversized_scope(id), origin })
    }
}

/// Whose the record before was: records of one block stand together. What cannot be read is kept as such, so that it is read once too.
#[derive(Default)]
pub(super) struct LastRead {
    resource: Option<(EmitterId, Result<Resource, prost::DecodeError>)>,
    emitter: Option<(EmitterId, Result<Emitter, prost::DecodeError>)>,
}

impl LastRead {
    pub(super) fn emitter(
        &mut self,
        sifted: &Sifted<'_>,
        id: EmitterId,
        redactor: &dyn Redact,
        memory: &mut Reservation,
    ) -> Result<&Emitter, NotKept> {
        let resource = if let Some((_, resource)) = self.resource.take_if(|(known, _)| known.shares_resource(id)) {
            resource
        } else {
            self.emitter = None;
            let read = Resource::read(sifted, id, redactor);
            memory.grow(read.as_ref().map_or(0, |read| read.origin.resource().len()))?;
            read
        };
        let (_, resource) = self.resource.insert((id, resource));
        let emitter = match self.emitter.take_if(|(known, _)| *known == id) {
            Some((_, emitter)) => emitter,
            None => match resource {
                Ok(resource) => resource.with_scope(sifted, id, redactor),
                Err(error) => Err(error.clone()),
            },
        };
        let (_, emitter) = self.emitter.insert((id, emitter));
        emitter.as_ref().map_err(|error| error.clone().into())
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
pub(super) enum NotKept {
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
    /// Reading or redacting it panicked.
    Panicked,
}

impl From<Overrun> for NotKept {
    fn from(overrun: Overrun) -> Self {
        Self::Memory(overrun)
    }
}

impl From<prost::DecodeError> for NotKept {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<IdError> for NotKept {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}

/// The decoder says so in words only.
pub(super) fn is_too_deep(error: &prost::DecodeError) -> bool {
    error.to_string().contains("recursion limit reached")
}

pub(super) fn span(
    sampler: &Sampler,
    redactor: &dyn Redact,
    emitter: &Emitter,
    candidate: &Candidate<'_>,
    mut span: wire::Span,
) -> Result<KeptSpan, NotKept> {
    if span.trace_id != candidate.trace_id.as_bytes() {
        return Err(NotKept::TwoTraceIds);
    }
    let span_id = SpanId::try_from(span.span_id.as_slice())?;
    if let Some(why) = loop_guard::of_span(&span).or(emitter.guarded) {
        return Err(NotKept::Guarded(why));
    }
    if !emitter.fits || !nesting::fits_span(&span) {
        return Err(NotKept::TooDeep(span_id));
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

pub(super) fn log_record(
    redactor: &dyn Redact,
    emitter: &Emitter,
    candidate: &Candidate<'_>,
    mut record: wire::LogRecord,
) -> Result<KeptLogRecord, NotKept> {
    if record.trace_id != candidate.trace_id.as_bytes() {
        return Err(NotKept::TwoTraceIds);
    }
    let span_id = SpanId::try_from(record.span_id.as_slice())?;
    if let Some(why) = loop_guard::of_log_record(&record) {
        return Err(NotKept::Guarded(why));
    }
    if !emitter.fits || !nesting::fits_log_record(&record) {
        return Err(NotKept::TooDeep(span_id));
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
