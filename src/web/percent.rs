//! Percent-encoding of what stands in a query or a cookie.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Reads back [`encoded`]; none when the bytes are not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back() {
        let text = "Änne; a=b&c/ü %41";
        assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        assert_eq!(encoded(text), "%C3%84nne%3B%20a%3Db%26c%2F%C3%BC%20%2541");
        assert_eq!(encoded("a-b.c_d~e"), "a-b.c_d~e");
        assert_eq!(decoded("%ff"), None, "not UTF-8");
    }
}
