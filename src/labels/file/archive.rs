//! Files inside a ZIP archive, as far as workbooks need them: stored or deflated, each of a bounded size.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

/// A part of a workbook that is larger once unpacked is no list of labels.
const MAX_BYTES: u64 = 256 << 20;

/// Why an archive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It ends early, or is none.
    #[error("it is no ZIP archive, or damaged")]
    Damaged,
    /// A method that workbooks do not use.
    #[error("`{0}` in it is packed or encrypted in a way that workbooks are not")]
    Method(String),
    /// More than a list of labels can be.
    #[error("`{0}` in it is larger than 256 MiB")]
    TooLarge(String),
}

/// A ZIP archive in memory.
pub(super) struct Archive {
    bytes: Vec<u8>,
    files: Vec<File>,
}

struct File {
    name: String,
    method: u16,
    is_encrypted: bool,
    packed: usize,
    header: usize,
}

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const HEADER: &[u8] = b"PK\x03\x04";

impl Archive {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, ArchiveError> {
        let end = bytes.windows(END.len()).rposition(|window| window == END).ok_or(ArchiveError::Damaged)?;
        let (number, mut at) = (short(&bytes, end + 10)?, long(&bytes, end + 16)?);
        let mut files = Vec::new();
        for _ in 0..number {
            if bytes.get(at..at + 4) != Some(ENTRY) {
                return Err(ArchiveError::Damaged);
            }
            let (name, extra, comment) = (short(&bytes, at + 28)?, short(&bytes, at + 30)?, short(&bytes, at + 32)?);
            let named = bytes.get(at + 46..at + 46 + usize::from(name)).ok_or(ArchiveError::Damaged)?;
            files.push(File {
                // Some programs write the separators of Windows.
                name: String::from_utf8_lossy(named).replace('\\', "/"),
                method: short(&bytes, at + 10)?,
                is_encrypted: short(&bytes, at + 8)? & 1 == 1,
                packed: long(&bytes, at + 20)?,
                header: long(&bytes, at + 42)?,
            });
            at += 46 + usize::from(name) + usize::from(extra) + usize::from(comment);
        }
        Ok(Self { bytes, files })
    }

    /// What a file holds; `None` when there is no such file.
    pub(super) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(file) = self.files.iter().find(|file| file.name.eq_ignore_ascii_case(name)) else { return Ok(None) };
        if self.bytes.get(file.header..file.header + 4) != Some(HEADER) {
            return Err(ArchiveError::Damaged);
        }
        let (name_length, extra) = (short(&self.bytes, file.header + 26)?, short(&self.bytes, file.header + 28)?);
        let start = file.header + 30 + usize::from(name_length) + usize::from(extra);
        let packed = self.bytes.get(start..start + file.packed).ok_or(ArchiveError::Damaged)?;
        match file.method {
            _ if file.is_encrypted => Err(ArchiveError::Method(file.name.clone())),
            0 => Ok(Some(packed.to_vec())),
            8 => {
                let mut unpacked = Vec::new();
                let mut reader = DeflateDecoder::new(packed).take(MAX_BYTES + 1);
                reader.read_to_end(&mut unpacked).map_err(|_| ArchiveError::Damaged)?;
                if unpacked.len() as u64 > MAX_BYTES {
                    return Err(ArchiveError::TooLarge(file.name.clone()));
                }
                Ok(Some(unpacked))
            }
            _ => Err(ArchiveError::Method(file.name.clone())),
        }
    }
}

fn short(bytes: &[u8], at: usize) -> Result<u16, ArchiveError> {
    let two = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(ArchiveError::Damaged)?;
    Ok(u16::from_le_bytes(*two))
}

fn long(bytes: &[u8], at: usize) -> Result<usize, ArchiveError> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(ArchiveError::Damaged)?;
    Ok(u32::from_le_bytes(*four) as usize)
}
