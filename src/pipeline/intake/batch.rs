//! From the bytes of an export request to what the store commits: prefilter, rules, loop guard, redaction, account.

mod kept;
mod redact;
mod request;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::admission::{Overrun, Reservation};
use super::in_force::Drawing;
use super::prefilter::{self, Candidate, Sifted};
use crate::conventions::loop_guard::NeverJudged;
use crate::model::TraceId;
use crate::otlp::Signal;
use crate::panics;
use crate::sampling::{Matches, Sampler};
use crate::store::{IntakeBatch, OwnParts};
use kept::{LastRead, NotKept, is_too_deep, log_record, span};
use request::{BeyondLimits, Excess, named};

pub use redact::Redact;
pub use request::{BatchError, Request};

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
    let (last_read, equal_logs, complaint) = (LastRead::default(), HashMap::new(), None);
    let mut filling = Filling { sampler, redactor, batch, last_read, equal_logs, complaint, beyond_limits, memory };
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
    last_read: LastRead,
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

impl Filling<'_> {
    fn keep(&mut self, sifted: &Sifted<'_>, candidate: &Candidate<'_>) -> Result<(), Overrun> {
        // What a panic leaves half done is dropped with the record.
        let kept = panics::caught(|| self.kept(sifted, candidate)).unwrap_or(Err(NotKept::Panicked));
        let complaint = match kept {
            Ok(()) => return Ok(()),
            Err(NotKept::Memory(overrun)) => return Err(overrun),
            Err(NotKept::Guarded(why)) => {
                self.set_aside(why);
                return Ok(());
            }
            Err(NotKept::TooDeep(span_id)) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &named(Some(&span_id.to_string())), Excess::Depth);
                return Ok(());
            }
            Err(NotKept::Oversized) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &format!("a record of trace {}", candidate.trace_id), Excess::Values);
                return Ok(());
            }
            Err(NotKept::Malformed(error)) if is_too_deep(&error) => {
                self.batch.rejected += 1;
                self.beyond_limits.add(1, &format!("a record of trace {}", candidate.trace_id), Excess::Depth);
                return Ok(());
            }
            Err(NotKept::Malformed(error)) => error.to_string(),
            Err(NotKept::Id(error)) => error.to_string(),
            Err(NotKept::TwoTraceIds) => "a record with two trace ids".to_owned(),
            Err(NotKept::Panicked) => {
                format!("a bug of judged on a record of trace {}; its log names the place", candidate.trace_id)
            }
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

    fn kept(&mut self, sifted: &Sifted<'_>, candidate: &Candidate<'_>) -> Result<(), NotKept> {
        let emitter = self.last_read.emitter(sifted, candidate.emitter, self.redactor, self.memory)?;
        if !emitter.fits_scope || candidate.is_oversized(self.batch.signal) {
            return Err(NotKept::Oversized);
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
