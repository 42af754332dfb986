//! The prefilter: most traffic is not sampled, so that it reads the trace id and passes over the rest of the record.
//!
//! Nothing is built for a record that is dropped, and no memory is taken. What is kept comes out as byte ranges (record,
//! scope, resource) to be decoded one by one: a malformed record is rejected alone, the rest of its request survives.

use prost::Message;

use super::in_force::Drawing;
use super::record_size::{self, Kind};
use super::wire_reader::{Fragments, Malformed, Raw, Reader};
use crate::conventions::OWN_NAME;
use crate::conventions::loop_guard::{self, EVALUATION_ID, NeverJudged};
use crate::model::{Attributes, TraceId};
use crate::otlp::{Signal, attributes_to_model, wire};
use crate::sampling::{EXCEPTION_EVENT, Matches, Sampler, SpanFacts, says_failed};

/// A request after the prefilter: the account of what was dropped, and what was not.
#[derive(Debug, Default)]
pub struct Sifted<'b> {
    /// Records in the request.
    pub received: u64,
    /// Records dropped because no rule could still keep them.
    pub sampled_out: u64,
    /// Records of judged's own service or scope.
    pub own: u64,
    /// Those of them that name no evaluation.
    pub own_unmarked: u64,
    /// Records without a valid trace id, or not readable as far as they had to be.
    pub rejected: u64,
    /// Records that are kept, or in doubt.
    pub candidates: Vec<Candidate<'b>>,
    resources: Vec<Fragments<'b>>,
    scopes: Vec<Fragments<'b>>,
}

/// A record that was not dropped.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'b> {
    pub trace_id: TraceId,
    /// The trace's sampling number.
    pub u: f64,
    /// For a trace that is kept only if the rules or an earlier message say so: the rules that this span matches.
    pub doubt: Option<Matches>,
    /// Whose it is.
    pub emitter: EmitterId,
    raw: &'b [u8],
}

/// The resource and scope of a record, as their places in the request: records of one block share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmitterId {
    resource: usize,
    scope: usize,
}

impl EmitterId {
    /// Whether both have the same resource.
    pub fn shares_resource(self, other: Self) -> bool {
        self.resource == other.resource
    }
}

impl Candidate<'_> {
    /// Whether it holds more values than may be decoded.
    pub fn is_oversized(&self, signal: Signal) -> bool {
        record_size::is_oversized(signal.into(), self.raw)
    }

    /// Decodes it: `wire::Span` for traces, `wire::LogRecord` for logs.
    pub fn decode<R: Message + Default>(&self) -> Result<R, prost::DecodeError> {
        R::decode(self.raw)
    }
}

impl Sifted<'_> {
    /// The resource of a candidate, if the request names it.
    pub fn resource(&self, id: EmitterId) -> Result<Option<wire::Resource>, prost::DecodeError> {
        decoded(&self.resources[id.resource], Kind::Resource)
    }

    /// Whether the resource holds more values than may be decoded; it reads as none.
    pub fn has_oversized_resource(&self, id: EmitterId) -> bool {
        is_oversized(&self.resources[id.resource], Kind::Resource)
    }

    /// The same of the instrumentation.
    pub fn has_oversized_scope(&self, id: EmitterId) -> bool {
        is_oversized(&self.scopes[id.scope], Kind::Scope)
    }

    /// The instrumentation of a candidate, if the request names it.
    pub fn scope(&self, id: EmitterId) -> Result<Option<wire::InstrumentationScope>, prost::DecodeError> {
        decoded(&self.scopes[id.scope], Kind::Scope)
    }
}

fn decoded<M: Message + Default>(fragments: &Fragments<'_>, kind: Kind) -> Result<Option<M>, prost::DecodeError> {
    if is_oversized(fragments, kind) { Ok(None) } else { fragments.decode() }
}

fn is_oversized(fragments: &Fragments<'_>, kind: Kind) -> bool {
    fragments.occurrences().any(|occurrence| record_size::is_oversized(kind, occurrence))
}

/// Records, groups and blocks of one request: each takes memory, however short it is on the wire.
const MOST_ITEMS: usize = 100_000;

/// Passes a protobuf export request through the prefilter.
///
/// An error means that the request's outer structure is broken, so that its records cannot even be counted.
pub fn sift<'s, 'b>(drawing: impl Into<Drawing<'s>>, signal: Signal, body: &'b [u8]) -> Result<Sifted<'b>, Malformed> {
    let mut pass = Pass::new(drawing.into(), signal);
    let mut reader = Reader::new(body);
    while let Some((field, value)) = reader.next()? {
        // resource_spans, resource_logs
        if field == 1 {
            pass.resource_block(value.bytes(field)?)?;
        }
    }
    Ok(pass.sifted)
}

/// How many records a request of this signal would hold, and how many of them have a valid trace id.
pub(super) fn count_with_ids(signal: Signal, body: &[u8]) -> Result<(u64, u64), Malformed> {
    let (mut records, mut with_ids) = (0, 0);
    each_message(body, 1, &mut |block| {
        each_message(block, 2, &mut |group| {
            each_message(group, 2, &mut |record| {
                records += 1;
                with_ids += u64::from(trace_id_of(signal, record).is_ok_and(|id| TraceId::try_from(id).is_ok()));
                Ok(())
            })
        })
    })?;
    Ok((records, with_ids))
}

fn each_message<'b>(
    message: &'b [u8],
    wanted: u32,
    visit: &mut dyn FnMut(&'b [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(message);
    while let Some((field, value)) = reader.next()? {
        if field == wanted {
            visit(value.bytes(field)?)?;
        }
    }
    Ok(())
}

/// One way through a request.
struct Pass<'s, 'b> {
    drawing: Drawing<'s>,
    sampler: &'s Sampler,
    signal: Signal,
    sifted: Sifted<'b>,
    /// What the resource at hand says.
    block: Block,
    /// Records of one trace usually stand together: its id is hashed once.
    last: Option<([u8; 16], f64)>,
}

struct Block {
    attributes: Attributes,
    own: bool,
    unreadable: bool,
    low: f64,
    high: f64,
}

impl<'s, 'b> Pass<'s, 'b> {
    fn new(drawing: Drawing<'s>, signal: Signal) -> Self {
        let block = Block { attributes: Attributes::default(), own: false, unreadable: false, low: 0.0, high: 0.0 };
        let sampler = drawing.sampler;
        Self { drawing, sampler, signal, sifted: Sifted::default(), block, last: None }
    }

    /// Fields of `ResourceSpans` and `ResourceLogs`: 1 resource, 2 scope blocks. The resource may stand behind them.
    fn resource_block(&mut self, block: &'b [u8]) -> Result<(), Malformed> {
        let mut resource = Fragments::default();
        let mut reader = Reader::new(block);
        while let Some((field, value)) = reader.next()? {
            if field == 1 {
                resource.add(value.bytes(field)?);
            }
        }
        self.block = self.read_resource(&resource);
        self.sifted.resources.push(resource);
        self.check_number()?;
        let mut reader = Reader::new(block);
        while let Some((field, value)) = reader.next()? {
            if field == 2 {
                self.scope_block(value.bytes(field)?)?;
            }
        }
        Ok(())
    }

    fn read_resource(&self, resource: &Fragments<'b>) -> Block {
        const ATTRIBUTES: u32 = 1;
        let mut attributes = Attributes::default();
        let wanted = |key: &str| key == "service.name" || self.drawing.reads_resource(key);
        let read = resource.each(|field, value| match field {
            ATTRIBUTES => read_attribute(value.bytes(field)?, wanted, &mut attributes),
            _ => Ok(()),
        });
        let own = attributes.str("service.name") == Some(OWN_NAME);
        let bound = self.sampler.bound(&attributes);
        // A log record says nothing about its trace's spans: what some rule may still want of them is kept.
        let low = if self.signal == Signal::Logs { bound.high } else { bound.low }.get();
        // What only an earlier rate kept is in doubt, and looked up.
        let high = bound.high.get().max(self.drawing.kept_before_below(&attributes));
        Block { attributes, own, unreadable: read.is_err(), low, high }
    }

    /// Fields of `ScopeSpans` and `ScopeLogs`: 1 scope, 2 records. Whose scope it is may stand behind its records.
    fn scope_block(&mut self, group: &'b [u8]) -> Result<(), Malformed> {
        let mut scope = Fragments::default();
        let before = Tally::of(&self.sifted);
        let mut reader = Reader::new(group);
        while let Some((field, value)) = reader.next()? {
            match field {
                1 => scope.add(value.bytes(field)?),
                2 => self.record(value.bytes(field)?),
                _ => {}
            }
            self.check_number()?;
        }
        if self.block.own || is_own_scope(&scope) {
            before.restore(&mut self.sifted);
            self.sifted.own_unmarked += unmarked(self.signal, group)?;
        }
        self.sifted.scopes.push(scope);
        self.check_number()
    }

    #[inline]
    fn check_number(&self) -> Result<(), Malformed> {
        let blocks = self.sifted.resources.len() + self.sifted.scopes.len();
        if self.sifted.received as usize + blocks > MOST_ITEMS { Err(Malformed::TooMany(MOST_ITEMS)) } else { Ok(()) }
    }

    #[inline]
    fn record(&mut self, raw: &'b [u8]) {
        self.sifted.received += 1;
        let Some((id, u)) = self.draw(raw) else {
            self.sifted.rejected += 1;
            return;
        };
        if u >= self.block.high {
            self.sifted.sampled_out += 1;
        } else {
            self.candidate(raw, id, u);
        }
    }

    /// The trace id and its number; `None` when the id is missing or invalid.
    #[inline]
    fn draw(&mut self, raw: &'b [u8]) -> Option<([u8; 16], f64)> {
        let id: [u8; 16] = trace_id_of(self.signal, raw).ok()?.try_into().ok()?;
        if let Some((last, u)) = self.last
            && last == id
        {
            return Some((id, u));
        }
        let trace_id = TraceId::try_from(id.as_slice()).ok()?;
        if let Some(u) = self.sampler.u_of_id(trace_id) {
            self.last = Some((id, u));
            return Some((id, u));
        }
        Some((id, self.sampler.u(trace_id, trace_state_of(self.signal, raw)?).u))
    }

    #[cold]
    fn candidate(&mut self, raw: &'b [u8], id: [u8; 16], u: f64) {
        let Ok(trace_id) = TraceId::try_from(id.as_slice()) else { return self.reject() };
        if self.block.unreadable {
            return self.reject();
        }
        let doubt = if u < self.block.low {
            None
        } else {
            match self.look(raw) {
                Ok(matches) => Some(matches),
                Err(_) => return self.reject(),
            }
        };
        let emitter = EmitterId { resource: self.sifted.resources.len() - 1, scope: self.sifted.scopes.len() };
        self.sifted.candidates.push(Candidate { trace_id, u, doubt, emitter, raw });
    }

    fn reject(&mut self) {
        self.sifted.rejected += 1;
    }

    /// The rules that a span matches, from only those of its attributes that some rule reads.
    fn look(&self, span: &[u8]) -> Result<Matches, Malformed> {
        let mut attributes = Attributes::default();
        let (mut exception, mut error_status) = (false, false);
        if self.sampler.reads_spans() && self.signal == Signal::Traces {
            let mut reader = Reader::new(span);
            while let Some((field, value)) = reader.next()? {
                match field {
                    9 => read_attribute(value.bytes(field)?, |key| self.sampler.reads(key), &mut attributes)?,
                    11 => exception |= is_exception(value.bytes(field)?)?,
                    15 => error_status = is_error(value.bytes(field)?)?.unwrap_or(error_status),
                    _ => {}
                }
            }
        }
        let failed = exception || error_status || says_failed(&attributes);
        Ok(self.sampler.matches(SpanFacts { resource: &self.block.attributes, attributes: &attributes, failed }))
    }
}

/// The account before a scope block, for the case that the block turns out to be judged's own.
struct Tally {
    received: u64,
    sampled_out: u64,
    rejected: u64,
    candidates: usize,
}

impl Tally {
    fn of(sifted: &Sifted<'_>) -> Self {
        Self {
            received: sifted.received,
            sampled_out: sifted.sampled_out,
            rejected: sifted.rejected,
            candidates: sifted.candidates.len(),
        }
    }

    fn restore(self, sifted: &mut Sifted<'_>) {
        sifted.own += sifted.received - self.received;
        sifted.sampled_out = self.sampled_out;
        sifted.rejected = self.rejected;
        sifted.candidates.truncate(self.candidates);
    }
}

/// How many records of a scope block under judged's name do not name an evaluation.
fn unmarked(signal: Signal, group: &[u8]) -> Result<u64, Malformed> {
    let mut unmarked = 0;
    each_message(group, 2, &mut |record| {
        // What cannot be read is dropped all the same.
        let attributes = evaluation_id(signal, record).unwrap_or_default();
        unmarked += u64::from(loop_guard::under_own_name(attributes.str(EVALUATION_ID)) == NeverJudged::OwnUnmarked);
        Ok(())
    })?;
    Ok(unmarked)
}

/// Of a record's attributes the one that names an evaluation.
fn evaluation_id(signal: Signal, record: &[u8]) -> Result<Attributes, Malformed> {
    let field = match signal {
        Signal::Traces => 9,
        Signal::Logs => 6,
    };
    let mut attributes = Attributes::default();
    each_message(record, field, &mut |pair| read_attribute(pair, |key| key == EVALUATION_ID, &mut attributes))?;
    Ok(attributes)
}

/// The field of the trace id.
fn trace_id_field(signal: Signal) -> u32 {
    match signal {
        Signal::Traces => 1,
        Signal::Logs => 9,
    }
}

/// The trace id, wherever it stands; what comes behind it is not looked at. Empty when there is none.
///
/// Protobuf lets the last of a repeated field count; to know that there is no second trace id the whole record would have
/// to be walked, at a fifth of the speed. No exporter writes two, and a kept record that has two is rejected.
#[inline]
fn trace_id_of(signal: Signal, record: &[u8]) -> Result<&[u8], Malformed> {
    // How every exporter begins a span: field 1, 16 bytes.
    if let ([0x0a, 16, rest @ ..], Signal::Traces) = (record, signal)
        && let Some(id) = rest.get(..16)
    {
        return Ok(id);
    }
    let mut reader = Reader::new(record);
    while let Some((field, value)) = reader.next()? {
        if field == trace_id_field(signal) {
            return value.bytes(field);
        }
    }
    Ok(&[])
}

/// `Span.trace_state`; log records have none.
fn trace_state_of(signal: Signal, record: &[u8]) -> Option<&str> {
    let mut trace_state: &[u8] = &[];
    if signal == Signal::Traces {
        let mut reader = Reader::new(record);
        while let Some((field, value)) = reader.next().ok()? {
            if field == 3 {
                trace_state = value.bytes(field).ok()?;
            }
        }
    }
    std::str::from_utf8(trace_state).ok()
}

fn is_own_scope(scope: &Fragments<'_>) -> bool {
    let mut name: &[u8] = &[];
    let read = scope.each(|field, value| {
        if field == 1 {
            name = value.bytes(field)?;
        }
        Ok(())
    });
    read.is_ok() && name == OWN_NAME.as_bytes()
}

/// Adds a `KeyValue` whose key is wanted.
fn read_attribute(pair: &[u8], wanted: impl Fn(&str) -> bool, into: &mut Attributes) -> Result<(), Malformed> {
    let mut key: &[u8] = &[];
    let mut reader = Reader::new(pair);
    while let Some((field, value)) = reader.next()? {
        if field == 1 {
            key = value.bytes(field)?;
        }
    }
    if std::str::from_utf8(key).is_ok_and(wanted)
        && let Ok(pair) = wire::KeyValue::decode(pair)
    {
        for (key, value) in attributes_to_model(vec![pair]).iter() {
            into.push(key, value.clone());
        }
    }
    Ok(())
}

/// `Event.name`
fn is_exception(event: &[u8]) -> Result<bool, Malformed> {
    let mut exception = false;
    let mut reader = Reader::new(event);
    while let Some((field, value)) = reader.next()? {
        if field == 2 {
            exception = value.bytes(field)? == EXCEPTION_EVENT.as_bytes();
        }
    }
    Ok(exception)
}

/// `Status.code`
fn is_error(status: &[u8]) -> Result<Option<bool>, Malformed> {
    let mut error = None;
    let mut reader = Reader::new(status);
    while let Some((field, value)) = reader.next()? {
        if let (3, Raw::Varint(code)) = (field, value) {
            error = Some(code == wire::status::StatusCode::Error as u64);
        }
    }
    Ok(error)
}

#[cfg(test)]
mod tests;
