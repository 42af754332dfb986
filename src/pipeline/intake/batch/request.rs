//! An export request, recognised: its signal, and its body as protobuf.

use bytes::Bytes;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use crate::otlp::{DecodeError, Encoding, FromJson, FromJsonError, Signal, from_json, sniff_encoding};
use crate::pipeline::intake::admission::{Overrun, Reservation};
use crate::pipeline::intake::prefilter;
use crate::pipeline::intake::wire_reader::Malformed;

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
    pub(super) signal: Signal,
    /// Protobuf, whatever the request was written in.
    pub(super) body: Bytes,
    pub(super) digest: [u8; 32],
    /// Records that its JSON was read without.
    pub(super) beyond_limits: BeyondLimits,
    /// What is said of the first record that its JSON was read without, because a number does not fit its field.
    pub(super) out_of_range: Option<String>,
}

/// Records that are nested deeper than they could be read back, or hold more values than may be decoded.
#[derive(Debug, Default, Clone)]
pub(super) struct BeyondLimits {
    pub(super) records: u64,
    /// What is said of the first of them.
    pub(super) complaint: Option<String>,
}

impl BeyondLimits {
    pub(super) fn add(&mut self, records: u64, record: &str, why: Excess) {
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
pub(super) enum Excess {
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
pub(super) fn named(span_id: Option<&str>) -> String {
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
