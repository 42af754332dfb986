//! Files that commands read, where `-` is standard input: whole, or line by line.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::output::Output;

/// A line that could not be read; the others are used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct SkippedLine {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) problem: String,
}

pub(super) fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// The file as errors name it.
pub(super) fn name(file: &Path) -> String {
    if is_standard_input(file) { "standard input".to_owned() } else { file.display().to_string() }
}

pub(super) fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = if is_standard_input(file) {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.with_context(|| format!("cannot read {}", name(file)))
}

/// What `parse` makes of each line and its number. Lines that it refuses are told on standard error.
pub(super) fn lines<T, E: Display>(
    file: &Path,
    output: &mut Output,
    parse: impl FnMut(&str, usize) -> Result<T, E>,
) -> anyhow::Result<(Vec<T>, Vec<SkippedLine>)> {
    let read = if is_standard_input(file) {
        lines_of(io::stdin().lock(), parse)
    } else {
        File::open(file).and_then(|file| lines_of(BufReader::new(file), parse))
    };
    let (parsed, skipped) = read.with_context(|| format!("cannot read {}", name(file)))?;
    for SkippedLine { line, problem } in &skipped {
        output.note(format_args!("{}:{line}: {problem}", name(file)));
    }
    Ok((parsed, skipped))
}

/// Blank lines and a byte order mark are no content.
pub(super) fn lines_of<T, E: Display>(
    reader: impl BufRead,
    mut parse: impl FnMut(&str, usize) -> Result<T, E>,
) -> io::Result<(Vec<T>, Vec<SkippedLine>)> {
    let (mut parsed, mut skipped) = (Vec::new(), Vec::new());
    for (index, bytes) in reader.split(b'\n').enumerate() {
        let (line, bytes) = (index + 1, bytes?);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        match parse(text, line) {
            Ok(one) => parsed.push(one),
            Err(error) => skipped.push(SkippedLine { line, problem: error.to_string() }),
        }
    }
    Ok((parsed, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_refused_is_numbered_as_in_an_editor_and_the_others_are_kept() {
        let text = "\u{feff}1\n\n two\n3\r\n\u{fffd}".as_bytes();
        let (numbers, skipped) = lines_of(text, |text, _| text.parse::<i64>()).unwrap();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(skipped.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = bytes(Path::new("no/such/file.jsonl")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read no/such/file.jsonl");
        assert_eq!(name(Path::new("-")), "standard input");
    }
}
