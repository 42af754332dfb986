//! Receiving a request body: bounded as it arrives, bounded again as it is decompressed.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::memory_limiter::{Exhausted, Reservation};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

/// What receivers accept, as headers list it.
pub(super) const ACCEPTED: &str = "gzip, zstd, deflate, identity";

/// A body that comes slower than this is given up, so that it does not hold its memory for ever.
const RECEIVE_TIMEOUT: Duration = Duration::from_mins(1);

/// How much of a refused body is read, and for how long.
const DISCARD_AT_MOST: usize = 512 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest window a zstd frame may ask for, as a power of two: 32 MiB.
const ZSTD_WINDOW_LOG: u32 = 25;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {limit} bytes; send smaller batches or raise intake.otlp.max_body_bytes")]
    TooLarge { limit: usize },
    #[error(
        "the body is larger than {limit} bytes once decompressed; send smaller batches or raise intake.otlp.max_decompressed_bytes"
    )]
    TooLargeDecompressed { limit: usize },
    #[error("content encoding `{0}` is not supported; use one of {ACCEPTED}")]
    UnknownCompression(String),
    #[error("the body is not what its content encoding says: {0}")]
    Corrupt(std::io::Error),
    #[error("the connection broke before the body was complete")]
    Broken,
    #[error("the body did not arrive within {} seconds", RECEIVE_TIMEOUT.as_secs())]
    TooSlow,
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

impl Compression {
    /// Reads a `content-encoding` or `grpc-encoding`.
    pub(super) fn parse(name: &str) -> Result<Self, BodyError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "deflate" | "zlib" => Ok(Self::Deflate),
            _ => Err(BodyError::UnknownCompression(name.trim().chars().take(40).collect())),
        }
    }
}

/// Reads a body of at most `limit` bytes, every byte of it reserved. The rest of a body that is refused is read and
/// thrown away: a sender that is still writing would lose the answer with the connection.
pub(super) async fn receive(body: Body, limit: usize, reservation: &mut Reservation) -> Result<Bytes, BodyError> {
    let mut stream = body.into_data_stream();
    let received = tokio::time::timeout(RECEIVE_TIMEOUT, receive_all(&mut stream, limit, reservation)).await;
    let received = received.unwrap_or(Err(BodyError::TooSlow));
    if matches!(received, Err(BodyError::TooLarge { .. } | BodyError::Exhausted(_))) {
        discard_rest(stream).await;
    }
    received
}

/// Reads a body that nobody wants, for the sake of the answer.
pub(super) async fn discard(body: Body) {
    discard_rest(body.into_data_stream()).await;
}

async fn discard_rest(mut stream: BodyDataStream) {
    let drain = async {
        let mut left = DISCARD_AT_MOST;
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    // Out of time or out of patience is the same: the connection is closed.
    drop(tokio::time::timeout(DISCARD_TIMEOUT, drain).await);
}

async fn receive_all(
    stream: &mut BodyDataStream,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, BodyError> {
    let mut received = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if received.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        reservation.grow(chunk.len())?;
        received.extend_from_slice(&chunk);
    }
    Ok(received.freeze())
}

/// Decompresses to at most `limit` bytes, every byte of it reserved. Work for a processor, not for the event loop.
pub(super) fn decompress(
    compression: Compression,
    body: Bytes,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, BodyError> {
    match compression {
        Compression::Identity if body.len() > limit => Err(BodyError::TooLargeDecompressed { limit }),
        Compression::Identity => Ok(body),
        Compression::Gzip => inflate(flate2::bufread::MultiGzDecoder::new(body.as_ref()), limit, reservation),
        Compression::Deflate if is_zlib(&body) => {
            inflate(flate2::bufread::ZlibDecoder::new(body.as_ref()), limit, reservation)
        }
        // Some clients took the name at its word and leave the zlib wrapper out.
        Compression::Deflate => inflate(flate2::bufread::DeflateDecoder::new(body.as_ref()), limit, reservation),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(body.as_ref()).map_err(BodyError::Corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(BodyError::Corrupt)?;
            inflate(decoder, limit, reservation)
        }
    }
}

fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn inflate(mut decoder: impl Read, limit: usize, reservation: &mut Reservation) -> Result<Bytes, BodyError> {
    const STEP: usize = 64 * 1024;
    let mut inflated = Vec::new();
    loop {
        reservation.grow(STEP)?;
        let before = inflated.len();
        decoder.by_ref().take(STEP as u64).read_to_end(&mut inflated).map_err(BodyError::Corrupt)?;
        if inflated.len() > limit {
            return Err(BodyError::TooLargeDecompressed { limit });
        }
        if inflated.len() - before < STEP {
            return Ok(inflated.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::intake::MemoryLimiter;

    const MIB: usize = 1024 * 1024;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn compressed(content: &[u8]) -> [(Compression, Vec<u8>); 5] {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(content).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(content).unwrap();
        [
            (Compression::Identity, content.to_vec()),
            (Compression::Gzip, gzip(content)),
            (Compression::Zstd, zstd::encode_all(content, 1).unwrap()),
            (Compression::Deflate, zlib.finish().unwrap()),
            (Compression::Deflate, raw.finish().unwrap()),
        ]
    }

    fn decompressed(compression: Compression, body: Vec<u8>, limit: usize, memory: usize) -> Result<Bytes, BodyError> {
        decompress(compression, body.into(), limit, &mut MemoryLimiter::new(memory).reservation())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn every_encoding_gives_back_what_was_put_in(content in proptest::collection::vec(any::<u8>(), 0..100_000)) {
            for (compression, body) in compressed(&content) {
                prop_assert_eq!(decompressed(compression, body, MIB, MIB).unwrap(), content.clone());
            }
        }

        #[test]
        fn rubbish_is_an_error_and_never_a_panic(body in proptest::collection::vec(any::<u8>(), 1..300)) {
            prop_assert!(decompressed(Compression::Gzip, body.clone(), MIB, MIB).is_err());
            prop_assert!(decompressed(Compression::Zstd, body, MIB, MIB).is_err());
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit_whatever_it_is_made_of() {
        for (compression, body) in compressed(&vec![0; 8 * MIB]) {
            let refused = decompressed(compression, body, 2 * MIB, 64 * MIB);
            assert!(
                matches!(refused, Err(BodyError::TooLargeDecompressed { limit }) if limit == 2 * MIB),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn decompression_stops_when_memory_is_short_not_when_it_is_gone() {
        let memory = MemoryLimiter::new(2 * MIB);
        let mut elsewhere = memory.reservation();
        elsewhere.grow(MIB + 512 * 1024).unwrap();
        let refused = decompress(Compression::Gzip, gzip(&vec![0; MIB]).into(), 8 * MIB, &mut memory.reservation());
        assert!(matches!(refused, Err(BodyError::Exhausted(_))));
    }

    #[test]
    fn an_unknown_encoding_is_refused_with_the_known_ones() {
        assert!(Compression::parse("snappy").unwrap_err().to_string().contains(ACCEPTED));
    }
}
