//! OTLP from files: one request (`.binpb`, `.json`), one request a line (`.jsonl`), or length-prefixed requests, as the
//! Collector's file exporter writes them. `-` is standard input. Files may be compressed as a whole (zstd, gzip), and
//! length-prefixed requests each by itself (zstd), as the exporter's releases differ.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::otlp::{DecodeError, Encoding, Request, decode, numbers_out_of_range, sniff_encoding};

/// A length prefix beyond this is no length but other content.
const MAX_FRAME_BYTES: usize = 1 << 30;

/// What compressed content begins with. No request does: none has a field 5, nor one of number 3 that is a group's end.
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
const GZIP: &[u8] = &[0x1F, 0x8B];

/// Why a file, or one request in it, cannot be read. The requests around a bad one are not affected.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", .file.display())]
    Read { file: PathBuf, source: io::Error },
    /// One request is not OTLP.
    #[error("{}:{place}: not an OTLP request", .file.display())]
    Request {
        file: PathBuf,
        /// The line, or the number of the request in a binary file, from 1.
        place: usize,
        source: DecodeError,
    },
    /// Requests with a line end behind each, which is part of none of them.
    #[error(
        "{}: requests with a line end behind each, as kcat prints records; dump the topic with their lengths: kcat -C -f '%R%s' …",
        .file.display()
    )]
    LineEnds { file: PathBuf, source: DecodeError },
    /// A request of a length-prefixed file is not what its first bytes say.
    #[error("{}:{place}: this request cannot be decompressed", .file.display())]
    Compressed {
        file: PathBuf,
        /// The number of the request, from 1.
        place: usize,
        source: io::Error,
    },
    /// A length-prefixed file ends inside a request.
    #[error("{}:{place}: the file ends inside this request; it was cut off while being written", .file.display())]
    Cut {
        file: PathBuf,
        /// The number of the request, from 1.
        place: usize,
    },
}

/// The requests of one file, one by one, so that a file may be larger than memory.
pub struct Requests {
    file: PathBuf,
    place: usize,
    body: Body,
}

enum Body {
    /// One request.
    Whole(Vec<u8>),
    /// One request a line.
    Lines(Box<dyn BufRead + Send>),
    /// A big-endian length of four bytes before each request.
    Frames(Box<dyn BufRead + Send>),
    /// Nothing more.
    End,
}

/// Opens a file, or standard input for `-`.
pub fn open(file: &Path) -> Result<Requests, FileError> {
    let failed = |source| FileError::Read { file: file.to_owned(), source };
    let mut reader: Box<dyn BufRead + Send> = if file.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::with_capacity(1 << 18, File::open(file).map_err(failed)?))
    };
    if reader.fill_buf().map_err(failed)?.starts_with(ZSTD) {
        reader = Box::new(BufReader::new(zstd::Decoder::with_buffer(reader).map_err(failed)?));
    } else if reader.fill_buf().map_err(failed)?.starts_with(GZIP) {
        reader = Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader)));
    }
    let head = reader.fill_buf().map_err(failed)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_lines = name.split('.').any(|extension| extension == "jsonl" || extension == "ndjson");
    // A request in protobuf begins with 0x0A; a length below 16 MiB begins with zero.
    let body = match head.first() {
        None => Body::End,
        Some(0) => Body::Frames(reader),
        Some(_) if is_lines => Body::Lines(reader),
        Some(_) => whole(reader).map_err(failed)?,
    };
    Ok(Requests { file: file.to_owned(), place: 0, body })
}

/// One request, unless it turns out to be lines of requests under another name.
fn whole(mut reader: Box<dyn BufRead + Send>) -> io::Result<Body> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let first_line = bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let is_lines = first_line.is_some_and(|line| line.len() + 1 < bytes.trim_ascii().len() && is_json_object(line));
    if is_lines {
        return Ok(Body::Lines(Box::new(io::Cursor::new(bytes))));
    }
    Ok(Body::Whole(bytes))
}

fn is_json_object(line: &[u8]) -> bool {
    line.trim_ascii_start().first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// One request as it stands in a file: decoding is the larger part of the work, and others may do it.
pub struct Undecoded {
    place: usize,
    bytes: Vec<u8>,
    /// Whether it may be compressed by itself.
    is_frame: bool,
}

impl Iterator for Requests {
    type Item = Result<Request, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_undecoded()?;
        Some(next.and_then(|request| request.decode(&self.file)))
    }
}

impl Requests {
    /// The next request as bytes.
    pub fn next_undecoded(&mut self) -> Option<Result<Undecoded, FileError>> {
        match std::mem::replace(&mut self.body, Body::End) {
            Body::End => None,
            Body::Whole(bytes) => {
                self.place = 1;
                Some(Ok(Undecoded { place: 1, bytes, is_frame: false }))
            }
            Body::Lines(reader) => self.next_line(reader),
            Body::Frames(reader) => self.next_frame(reader),
        }
    }

    fn next_line(&mut self, mut reader: Box<dyn BufRead + Send>) -> Option<Result<Undecoded, FileError>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.place += 1;
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => {
                    self.body = Body::Lines(reader);
                    let bytes = line.trim_ascii().to_vec();
                    return Some(Ok(Undecoded { place: self.place, bytes, is_frame: false }));
                }
                Err(source) => return Some(Err(FileError::Read { file: self.file.clone(), source })),
            }
        }
    }

    fn next_frame(&mut self, mut reader: Box<dyn BufRead + Send>) -> Option<Result<Undecoded, FileError>> {
        match reader.fill_buf() {
            Ok([]) => return None,
            Ok(_) => self.place += 1,
            Err(source) => return Some(Err(FileError::Read { file: self.file.clone(), source })),
        }
        let mut length = [0u8; 4];
        let mut frame = Vec::new();
        let read = reader.read_exact(&mut length).and_then(|()| {
            let length = u32::from_be_bytes(length) as usize;
            // Read through `take`, so that a false length cannot allocate what is not there.
            let found = reader.by_ref().take(length.min(MAX_FRAME_BYTES) as u64).read_to_end(&mut frame)?;
            if found == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        });
        Some(match read {
            Ok(()) => {
                self.body = Body::Frames(reader);
                Ok(Undecoded { place: self.place, bytes: frame, is_frame: true })
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(FileError::Cut { file: self.file.clone(), place: self.place })
            }
            Err(source) => Err(FileError::Read { file: self.file.clone(), source }),
        })
    }
}

impl Undecoded {
    /// Decodes it; `file` is where it stands.
    pub fn decode(&self, file: &Path) -> Result<Request, FileError> {
        if !self.is_frame || !self.bytes.starts_with(ZSTD) {
            return self.decoded(&self.bytes, file);
        }
        let mut decompressed = Vec::new();
        let read = zstd::Decoder::with_buffer(self.bytes.as_slice())
            .and_then(|decoder| decoder.take(MAX_FRAME_BYTES as u64).read_to_end(&mut decompressed));
        match read {
            Ok(_) => self.decoded(&decompressed, file),
            Err(source) => Err(FileError::Compressed { file: file.to_owned(), place: self.place, source }),
        }
    }

    /// Of each record that its JSON was read without because a number does not fit: what does not.
    pub fn numbers_out_of_range(&self) -> Vec<String> {
        match sniff_encoding(&self.bytes) {
            Encoding::Json => numbers_out_of_range(&self.bytes),
            Encoding::Protobuf => Vec::new(),
        }
    }

    fn decoded(&self, bytes: &[u8], file: &Path) -> Result<Request, FileError> {
        let decoded = decode(bytes).or_else(|error| match sniff_encoding(bytes) {
            // Editors and PowerShell put a byte order mark before JSON.
            Encoding::Protobuf if bytes.starts_with(b"\xEF\xBB\xBF") => decode(&bytes[3..]),
            _ => Err(error),
        });
        decoded.map_err(|source| {
            let file = file.to_owned();
            if has_line_ends(bytes) {
                FileError::LineEnds { file, source }
            } else {
                FileError::Request { file, place: self.place, source }
            }
        })
    }
}

/// Whether a line end stands behind a request in protobuf, which is a row of fields of the number 1: where the next one would begin.
fn has_line_ends(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(mut field) = rest.strip_prefix(b"\n") {
        let is_first = rest.len() == bytes.len();
        if !is_first && (field.is_empty() || field.starts_with(b"\n")) {
            return bytes.ends_with(b"\n");
        }
        let length = prost::encoding::decode_varint(&mut field).ok().and_then(|length| usize::try_from(length).ok());
        let Some(behind) = length.and_then(|length| field.get(length..)) else { return false };
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use prost::Message;

    use super::*;
    use crate::otlp::wire::{ExportTraceServiceRequest, ResourceSpans, ScopeSpans, Span};

    fn request(name: &str) -> ExportTraceServiceRequest {
        let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: name.into(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }],
        }
    }

    fn read(extension: &str, content: &[u8]) -> Vec<Result<Request, FileError>> {
        let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
        file.write_all(content).unwrap();
        open(file.path()).unwrap().collect()
    }

    fn good(requests: &[Result<Request, FileError>]) -> usize {
        requests.iter().filter(|request| request.is_ok()).count()
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_survives() {
        let json = serde_json::to_string(&request("a")).unwrap();
        let requests = read(".jsonl", format!("{json}\n\n{{\"resourceSpans\":[\n{json}").as_bytes());
        assert_eq!((requests.len(), good(&requests)), (3, 2));
        let error = requests[1].as_ref().unwrap_err().to_string();
        assert!(error.contains(".jsonl:3: not an OTLP request"), "{error}");
    }

    #[test]
    fn every_form_of_file_is_read() {
        let (one, two) = (request("a"), request("b"));
        let mut framed = Vec::new();
        for bytes in [one.encode_to_vec(), two.encode_to_vec()] {
            framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
            framed.extend(bytes);
        }
        let pretty = serde_json::to_vec_pretty(&one).unwrap();
        let lines = format!("{}\n{}\n", serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
        assert_eq!(good(&read(".binpb", &one.encode_to_vec())), 1);
        assert_eq!(good(&read(".binpb", &framed)), 2);
        assert_eq!(good(&read(".json", &pretty)), 1);
        assert_eq!(good(&read(".json", lines.as_bytes())), 2);
        assert_eq!(read(".jsonl", b"").len(), 0);
    }

    /// Requests with their length in front, each changed by `as_written`.
    fn framed(requests: &[Vec<u8>], as_written: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let frame = |request: &Vec<u8>| {
            let bytes = as_written(request);
            [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat()
        };
        requests.iter().flat_map(frame).collect()
    }

    #[test]
    fn every_compressed_form_of_the_file_exporter_is_read() {
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let (one, two) = (request("a"), request("b"));
        let protobuf = [one.encode_to_vec(), two.encode_to_vec()];
        let json = [serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&two).unwrap()];
        let lines = json.join(&b'\n');
        assert_eq!(good(&read(".json", &framed(&protobuf, zstd))), 2, "protobuf, each request by itself");
        assert_eq!(good(&read(".json", &framed(&json, zstd))), 2, "JSON, each request by itself");
        assert_eq!(good(&read(".zst", &zstd(&framed(&protobuf, <[u8]>::to_vec)))), 2, "protobuf, the whole file");
        assert_eq!(good(&read(".jsonl.zst", &zstd(&lines))), 2, "JSON, the whole file");
        assert_eq!(good(&read(".json", &zstd(&lines))), 2, "whatever the file is called");
        assert_eq!(good(&read(".jsonl.gz", &gzip(&lines))), 2);
        let broken = read(".json", &framed(&protobuf, |bytes| zstd(bytes)[..20].to_vec()));
        assert!(matches!(broken[1], Err(FileError::Compressed { place: 2, .. })), "{:?}", broken[1]);
    }

    #[test]
    fn a_file_cut_off_inside_a_request_gives_what_was_whole() {
        let bytes = request("a").encode_to_vec();
        let mut framed = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        framed.extend(&bytes);
        framed.extend([0, 0, 1, 0, 9]);
        let requests = read(".binpb", &framed);
        assert_eq!(good(&requests), 1);
        assert!(matches!(requests.last(), Some(Err(FileError::Cut { place: 2, .. }))));
    }

    #[test]
    fn a_dump_of_a_topic_with_line_ends_is_told_how_to_be_made() {
        let one = [request("a").encode_to_vec(), b"\n".to_vec()].concat();
        for dump in [one.clone(), [one.as_slice(), &one, &one].concat()] {
            let told = read(".bin", &dump).remove(0).unwrap_err().to_string();
            assert!(told.ends_with("dump the topic with their lengths: kcat -C -f '%R%s' …"), "{told}");
        }
        let cut = request("a").encode_to_vec();
        let told = read(".bin", &cut[..cut.len() - 1]).remove(0).unwrap_err().to_string();
        assert!(told.ends_with("not an OTLP request"), "{told}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = open(Path::new("/no/such/file.jsonl")).err().unwrap().to_string();
        assert_eq!(error, "cannot read /no/such/file.jsonl");
    }
}
