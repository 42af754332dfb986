//! From the bytes of a file to text.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::super::error::FileError;

/// The text of a file, and a remark where its encoding had to be guessed.
pub(super) fn decoded(bytes: Vec<u8>, named: Option<&str>) -> Result<(String, Option<String>), FileError> {
    let (marked, mark) = Encoding::for_bom(&bytes).map_or((None, 0), |(encoding, mark)| (Some(encoding), mark));
    if let Some(label) = named {
        let encoding =
            Encoding::for_label(label.as_bytes()).ok_or_else(|| FileError::UnknownEncoding(label.to_owned()))?;
        return Ok((in_encoding(encoding, &bytes[if marked == Some(encoding) { mark } else { 0 }..])?, None));
    }
    if let Some(encoding) = marked.or_else(|| utf_16(&bytes)) {
        return Ok((in_encoding(encoding, &bytes[mark..])?, None));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, None)),
        Err(error) => {
            let text = WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned();
            let remark =
                "the file is not in UTF-8; it was read as Windows-1252. Is it another? Name it with --encoding";
            Ok((text, Some(remark.to_owned())))
        }
    }
}

fn in_encoding(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, FileError> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or(FileError::Encoding(encoding.name()))
}

/// UTF-16 without a mark: every other byte of its beginning is nought, since headings and JSON begin with Latin letters.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..8)?;
    let are_nought = |parity: usize| start.iter().skip(parity).step_by(2).all(|byte| *byte == 0);
    let is_text = |parity: usize| start.iter().skip(parity).step_by(2).all(|byte| *byte != 0);
    if are_nought(1) && is_text(0) { Some(UTF_16LE) } else { (are_nought(0) && is_text(1)).then_some(UTF_16BE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_save_is_text() {
        let text = "rationale\nGrüße, „ja“ €\n";
        let utf_16 = |little: bool, marked: bool| -> Vec<u8> {
            let mark = marked.then_some('\u{feff}');
            let units = mark.into_iter().chain(text.chars()).collect::<String>();
            units.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
        };
        let (windows, _, _) = WINDOWS_1252.encode(text);
        let with_mark = format!("\u{feff}{text}").into_bytes();
        let all = [text.as_bytes().to_vec(), with_mark, utf_16(true, true), utf_16(false, true), utf_16(true, false)];
        for bytes in all {
            assert_eq!(decoded(bytes, None).unwrap(), (text.to_owned(), None));
        }
        let (read, remark) = decoded(windows.to_vec(), None).unwrap();
        assert_eq!(read, text);
        assert!(remark.unwrap().contains("Windows-1252"));
    }

    #[test]
    fn an_encoding_that_is_named_is_used_or_refused() {
        assert_eq!(decoded(vec![0xb1, 0xea], Some("iso-8859-2")).unwrap().0, "ąę");
        assert!(matches!(decoded(vec![0xff], Some("utf-8")), Err(FileError::Encoding("UTF-8"))));
        assert!(matches!(decoded(vec![], Some("klingon")), Err(FileError::UnknownEncoding(_))));
        assert_eq!(decoded(b"\xef\xbb\xbfa".to_vec(), Some("utf8")).unwrap().0, "a");
    }
}
