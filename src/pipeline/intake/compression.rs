//! Decompressing a request body, bounded as it grows: the encodings that the Collector's exporters can be set to.

use std::io::Read;

use bytes::Bytes;
use lz4_flex::frame::FrameDecoder;

use super::admission::{Overrun, Reservation};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
    /// Framed or as one block: the name `snappy` stands for either, by the Collector's version.
    Snappy,
    Lz4,
}

/// What receivers accept, as headers list it.
pub(super) const ACCEPTED: &str = "gzip, zstd, snappy, x-snappy-framed, lz4, deflate, identity";

/// The largest window a zstd frame may ask for, as a power of two: 32 MiB.
const ZSTD_WINDOW_LOG: u32 = 25;

/// What a framed Snappy stream begins with.
const SNAPPY_STREAM: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Why a body was not decompressed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompressionError {
    #[error(
        "the body is larger than {limit} bytes once decompressed; send smaller batches or raise intake.otlp.max_decompressed_bytes"
    )]
    TooLarge { limit: usize },
    #[error("content encoding `{0}` is not supported; use one of {ACCEPTED}")]
    Unknown(String),
    #[error("the body is not what its content encoding says: {0}")]
    Corrupt(std::io::Error),
    #[error(transparent)]
    Overrun(#[from] Overrun),
}

impl Compression {
    /// Reads a `content-encoding` or `grpc-encoding`.
    pub(super) fn parse(name: &str) -> Result<Self, CompressionError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "deflate" | "zlib" => Ok(Self::Deflate),
            "snappy" | "x-snappy-framed" => Ok(Self::Snappy),
            "lz4" => Ok(Self::Lz4),
            _ => Err(CompressionError::Unknown(name.trim().chars().take(40).collect())),
        }
    }
}

/// Decompresses to at most `limit` bytes, every byte of it reserved. Work for a processor, not for the event loop.
pub(super) fn decompress(
    compression: Compression,
    body: Bytes,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, CompressionError> {
    match compression {
        Compression::Identity if body.len() > limit => Err(CompressionError::TooLarge { limit }),
        Compression::Identity => Ok(body),
        Compression::Gzip => inflate(flate2::bufread::MultiGzDecoder::new(body.as_ref()), limit, reservation),
        Compression::Deflate if is_zlib(&body) => {
            inflate(flate2::bufread::ZlibDecoder::new(body.as_ref()), limit, reservation)
        }
        // Some clients took the name at its word and leave the zlib wrapper out.
        Compression::Deflate => inflate(flate2::bufread::DeflateDecoder::new(body.as_ref()), limit, reservation),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(body.as_ref()).map_err(CompressionError::Corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(CompressionError::Corrupt)?;
            inflate(decoder, limit, reservation)
        }
        Compression::Snappy if body.starts_with(SNAPPY_STREAM) => {
            inflate(snap::read::FrameDecoder::new(body.as_ref()), limit, reservation)
        }
        Compression::Snappy => snappy_block(&body, limit, reservation),
        Compression::Lz4 => inflate(Lz4Frames::new(&body).map_err(CompressionError::Corrupt)?, limit, reservation),
    }
}

/// One block, which states its length first.
fn snappy_block(body: &[u8], limit: usize, reservation: &mut Reservation) -> Result<Bytes, CompressionError> {
    let corrupt = |error: snap::Error| CompressionError::Corrupt(error.into());
    let length = snap::raw::decompress_len(body).map_err(corrupt)?;
    if length > limit {
        return Err(CompressionError::TooLarge { limit });
    }
    reservation.grow(length)?;
    snap::raw::Decoder::new().decompress_vec(body).map(Bytes::from).map_err(corrupt)
}

fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// Frames one after another, each with a decoder of its own: their blocks may differ in size.
struct Lz4Frames<'a>(FrameDecoder<&'a [u8]>);

impl<'a> Lz4Frames<'a> {
    /// A magic number, the shortest description and the mark of the end: less than that, the decoder takes for the end.
    const SHORTEST: usize = 11;

    fn new(body: &'a [u8]) -> std::io::Result<Self> {
        if (1..Self::SHORTEST).contains(&body.len()) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self(FrameDecoder::new(body)))
    }
}

impl Read for Lz4Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let rest = *self.0.get_ref();
            if read > 0 || buffer.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            *self = Self::new(rest)?;
        }
    }
}

fn inflate(mut decoder: impl Read, limit: usize, reservation: &mut Reservation) -> Result<Bytes, CompressionError> {
    const STEP: usize = 64 * 1024;
    let mut inflated = Vec::new();
    loop {
        reservation.grow(STEP)?;
        let before = inflated.len();
        decoder.by_ref().take(STEP as u64).read_to_end(&mut inflated).map_err(CompressionError::Corrupt)?;
        if inflated.len() > limit {
            return Err(CompressionError::TooLarge { limit });
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

    const MIB: usize = 1024 * 1024;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn compressed(content: &[u8]) -> [(Compression, Vec<u8>); 8] {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(content).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(content).unwrap();
        let mut framed_snappy = snap::write::FrameEncoder::new(Vec::new());
        framed_snappy.write_all(content).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(content).unwrap();
        [
            (Compression::Identity, content.to_vec()),
            (Compression::Gzip, gzip(content)),
            (Compression::Zstd, zstd::encode_all(content, 1).unwrap()),
            (Compression::Deflate, zlib.finish().unwrap()),
            (Compression::Deflate, raw.finish().unwrap()),
            (Compression::Snappy, framed_snappy.into_inner().unwrap()),
            (Compression::Snappy, snap::raw::Encoder::new().compress_vec(content).unwrap()),
            (Compression::Lz4, lz4.finish().unwrap()),
        ]
    }

    fn decompressed(compression: Compression, body: Vec<u8>, limit: usize) -> Result<Bytes, CompressionError> {
        decompress(compression, body.into(), limit, &mut Reservation::endless())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn every_encoding_gives_back_what_was_put_in(content in proptest::collection::vec(any::<u8>(), 0..100_000)) {
            for (compression, body) in compressed(&content) {
                prop_assert_eq!(decompressed(compression, body, MIB).unwrap(), content.clone());
            }
        }

        #[test]
        fn rubbish_is_an_error_and_never_a_panic(body in proptest::collection::vec(any::<u8>(), 1..300)) {
            prop_assert!(decompressed(Compression::Gzip, body.clone(), MIB).is_err());
            prop_assert!(decompressed(Compression::Zstd, body.clone(), MIB).is_err());
            prop_assert!(decompressed(Compression::Lz4, body.clone(), MIB).is_err());
            // A few bytes may be a block by chance.
            drop(decompressed(Compression::Snappy, body.clone(), MIB));
            prop_assert!(decompressed(Compression::Snappy, [SNAPPY_STREAM, &body].concat(), MIB).is_err());
        }
    }

    #[test]
    fn frames_one_after_another_are_one_body_within_the_limit() {
        let (first, second) = (b"first, ".repeat(40_000), b"second".repeat(7));
        let whole = [first.as_slice(), &second, b""].concat();
        for which in [Compression::Gzip, Compression::Zstd, Compression::Lz4] {
            let one = |content: &[u8]| {
                let mut found = compressed(content).into_iter().filter(|(compression, _)| *compression == which);
                found.next().map(|(_, body)| body).unwrap()
            };
            let body = [one(&first), one(&second), one(b"")].concat();
            assert_eq!(decompressed(which, body.clone(), MIB).unwrap(), whole, "{which:?}");
            let refused = decompressed(which, body, first.len());
            assert!(matches!(refused, Err(CompressionError::TooLarge { .. })), "{which:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit_whatever_it_is_made_of() {
        for (compression, body) in compressed(&vec![0; 8 * MIB]) {
            let refused = decompressed(compression, body, 2 * MIB);
            assert!(
                matches!(refused, Err(CompressionError::TooLarge { limit }) if limit == 2 * MIB),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn decompression_stops_when_memory_is_short_not_when_it_is_gone() {
        let mut memory = Reservation::of(MIB);
        let refused = decompress(Compression::Gzip, gzip(&vec![0; 4 * MIB]).into(), 8 * MIB, &mut memory);
        assert!(matches!(refused, Err(CompressionError::Overrun(Overrun::TooLarge { limit: MIB }))));
    }

    #[test]
    fn an_unknown_encoding_is_refused_with_the_known_ones() {
        assert!(Compression::parse("br").unwrap_err().to_string().contains(ACCEPTED));
    }
}
