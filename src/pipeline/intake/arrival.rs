//! A request as it arrived: still packed, with the memory that it may take.

use bytes::Bytes;

use super::accept_error::AcceptError;
use super::admission::{Admission, Overrun, Reservation, Sender};
use super::compression::{self, Compression, CompressionError};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) sender: Sender,
    pub(super) compression: Compression,
    pub(super) body: Bytes,
    /// Bytes of it once it is unpacked, at most.
    pub(super) max_decompressed: usize,
    pub(super) admission: Admission,
}

/// What unpacked bytes come to, for each packed one: text of telemetry.
const UNPACKED: usize = 12;

/// What a request of `wire` bytes will take: itself, what it is unpacked to, and what is kept of it.
pub(super) fn estimate(compression: Compression, wire: usize) -> usize {
    const BESIDE: usize = 1024;
    let unpacked = if compression == Compression::Identity { wire } else { wire.saturating_mul(UNPACKED) };
    BESIDE + wire.saturating_add(unpacked.saturating_mul(2))
}

impl Arrival {
    /// Waits for memory of its own, for a request that is in hand already.
    pub(super) async fn enter(&self) -> Result<Reservation, Overrun> {
        let mut reservation = self.admission.enter(&self.sender, self.estimate()).await?;
        reservation.grow(self.body.len())?;
        Ok(reservation)
    }

    /// The same among the large ones.
    pub(super) async fn enter_large(&self) -> Result<Reservation, Overrun> {
        let mut reservation = self.admission.enter_large(&self.sender, self.estimate()).await?;
        reservation.grow(self.body.len())?;
        Ok(reservation)
    }

    fn estimate(&self) -> usize {
        estimate(self.compression, self.body.len())
    }

    /// The request itself, every byte of it reserved. Work for a processor.
    pub(super) fn unpacked(self, memory: &mut Reservation) -> Result<Bytes, AcceptError> {
        let packed = self.body.len();
        let unpacked = compression::decompress(self.compression, self.body, self.max_decompressed, memory)?;
        if self.compression != Compression::Identity {
            memory.shrink(packed);
        }
        Ok(unpacked)
    }
}

impl From<CompressionError> for AcceptError {
    fn from(error: CompressionError) -> Self {
        match error {
            CompressionError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            CompressionError::Overrun(overrun) => overrun.into(),
            CompressionError::Unknown(_) => Self::Unknown(error.to_string()),
            CompressionError::Corrupt(_) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<Overrun> for AcceptError {
    fn from(overrun: Overrun) -> Self {
        match overrun {
            Overrun::Busy => Self::Overloaded,
            Overrun::TooLarge { .. } => Self::TooLarge(overrun.to_string()),
        }
    }
}
