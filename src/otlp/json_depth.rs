//! JSON nested deeper than a parser reads without danger to its stack: the record that is, not its whole request, is refused.

/// Depth at which a record opens: the request, `resourceSpans`, a block, `scopeSpans`, a group, `spans`, the record.
const RECORD: usize = 7;

/// Depth that the JSON parser reads, less than its limit of 128.
const READABLE: usize = 120;

/// A request without the records that are nested too deep.
#[derive(Debug, PartialEq, Eq)]
pub struct Shallow {
    /// The same text with an empty record, which is counted as rejected later on, in the place of each of them.
    pub body: Vec<u8>,
    pub removed: u64,
    /// The span id of the first of them, where it has one.
    pub first_span_id: Option<String>,
}

/// Takes out records that are nested too deep; `None` when there are none, or something else is.
pub fn without_deep_records(body: &[u8]) -> Option<Shallow> {
    let deep = Scan::of(body)?;
    let first = deep.first()?;
    let mut shallow = Vec::with_capacity(body.len());
    let mut from = 0;
    for record in &deep {
        shallow.extend_from_slice(&body[from..record.start]);
        shallow.extend_from_slice(b"{}");
        from = record.end;
    }
    shallow.extend_from_slice(&body[from..]);
    let first_span_id = span_id(&body[first.clone()]);
    Some(Shallow { body: shallow, removed: deep.len() as u64, first_span_id })
}

type Range = std::ops::Range<usize>;

/// One way through the text, which looks at brackets and strings only.
#[derive(Default)]
struct Scan {
    depth: usize,
    /// The last string, which before a bracket is the name of what opens.
    last_string: Range,
    /// Whether the list that is open at the depth above records is one of records.
    in_records: bool,
    /// Where the record that is open began, and whether it is too deep.
    record: Option<(usize, bool)>,
    deep: Vec<Range>,
}

impl Scan {
    /// The records that are too deep, in order; `None` when the text has brackets that do not match, or is too deep elsewhere.
    fn of(body: &[u8]) -> Option<Vec<Range>> {
        let mut scan = Self::default();
        let mut at = 0;
        while let Some(byte) = body.get(at) {
            at = match byte {
                b'"' => scan.string(body, at)?,
                b'{' | b'[' => scan.open(body, at)?,
                b'}' | b']' => scan.close(at)?,
                _ => at + 1,
            };
        }
        (scan.depth == 0).then_some(scan.deep)
    }

    fn string(&mut self, body: &[u8], at: usize) -> Option<usize> {
        let mut end = at + 1;
        loop {
            end += memchr::memchr2(b'"', b'\\', body.get(end..)?)?;
            if body[end] == b'"' {
                self.last_string = at + 1..end;
                return Some(end + 1);
            }
            end += 2;
        }
    }

    fn open(&mut self, body: &[u8], at: usize) -> Option<usize> {
        self.depth += 1;
        if self.depth + 1 == RECORD {
            self.in_records = matches!(&body[self.last_string.clone()], b"spans" | b"logRecords" | b"log_records");
        } else if self.depth == RECORD && self.in_records {
            self.record = Some((at, false));
        } else if self.depth > READABLE {
            self.record.as_mut()?.1 = true;
        }
        Some(at + 1)
    }

    fn close(&mut self, at: usize) -> Option<usize> {
        if self.depth == RECORD
            && let Some((start, true)) = self.record.take()
        {
            self.deep.push(start..at + 1);
        }
        self.depth = self.depth.checked_sub(1)?;
        Some(at + 1)
    }
}

/// The first hexadecimal `spanId` in a record.
fn span_id(record: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(record);
    let (_, after) = text.split_once("\"spanId\"").or_else(|| text.split_once("\"span_id\""))?;
    let id = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let digits: String = id.chars().take_while(char::is_ascii_hexdigit).take(16).collect();
    (digits.len() == 16).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(lists: usize) -> String {
        let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
        format!("{}{}{}", open.repeat(lists), r#"{"stringValue":"]}\"["}"#, close.repeat(lists))
    }

    fn request(lists: usize) -> String {
        let deep = format!(r#"{{"spanId":"0202020202020202","attributes":[{{"key":"a","value":{}}}]}}"#, value(lists));
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"name":"one"}},{deep},{{"name":"two"}}]}}]}}]}}"#)
    }

    #[test]
    fn only_the_record_that_is_too_deep_is_taken_out() {
        let shallow = without_deep_records(request(60).as_bytes()).unwrap();
        let expected = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"one"},{},{"name":"two"}]}]}]}"#;
        assert_eq!(String::from_utf8(shallow.body).unwrap(), expected);
        assert_eq!((shallow.removed, shallow.first_span_id.as_deref()), (1, Some("0202020202020202")));
    }

    #[test]
    fn what_is_left_is_read_by_the_parser() {
        for lists in 30..60 {
            let body = request(lists);
            let read = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).is_ok();
            let left = without_deep_records(body.as_bytes());
            assert!(read(body.as_bytes()) || left.is_some_and(|left| read(&left.body)), "{lists}");
        }
        // So deep that recursion would end the process.
        assert!(without_deep_records(request(1_000_000).as_bytes()).is_some());
    }

    #[test]
    fn what_is_no_record_or_no_json_is_left_alone() {
        assert_eq!(without_deep_records(request(3).as_bytes()), None);
        let resource = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"value":{}}}]}}}}]}}"#, value(60));
        assert_eq!(without_deep_records(resource.as_bytes()), None);
        for broken in ["]", "{\"a", "{\"a\\", "[[", &request(60)[..300]] {
            assert_eq!(without_deep_records(broken.as_bytes()), None, "{broken}");
        }
    }
}
