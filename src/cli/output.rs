//! What commands print, and the only place that prints: results on standard output, remarks and progress on standard
//! error.

mod harmless;
mod json;
mod table;

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use self::harmless::harmless;

pub(super) use self::json::JsonFormat;
pub(super) use self::table::{Table, count, minute};

/// How most commands print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs; the members are described in docs/formats.md.
    Json,
}

/// How records are written or read, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RecordFormat {
    /// One JSON object a line.
    Jsonl,
    /// A table with a line of headings.
    Csv,
}

/// A progress line is drawn at most this often.
const REDRAW: Duration = Duration::from_millis(100);
/// Back to the beginning of the line, and erase it.
const ERASE_LINE: &[u8] = b"\r\x1b[K";

/// Standard output and standard error of a command.
///
/// When the reader of standard output has gone (`judged plan | head`), the rest is dropped without an error: the command
/// finishes what it does and keeps its exit code.
pub(super) struct Output {
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
    stdout_closed: bool,
    /// Somebody watches standard error.
    terminal: bool,
    progress_drawn: Option<Instant>,
}

impl Output {
    pub(super) fn of_process() -> Self {
        let terminal = io::stderr().is_terminal();
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), terminal)
    }

    fn new(stdout: Box<dyn Write>, stderr: Box<dyn Write>, terminal: bool) -> Self {
        Self { stdout, stderr, stdout_closed: false, terminal, progress_drawn: None }
    }

    /// Whether anybody still reads standard output. A long listing can stop when nobody does.
    pub(super) fn is_read(&self) -> bool {
        !self.stdout_closed
    }

    /// Prints a line for people.
    pub(super) fn say(&mut self, line: impl Display) -> io::Result<()> {
        self.text(&format!("{line}\n"))
    }

    /// Prints text for people. What a terminal would obey is replaced, because names and answers come from outside.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.write_all(harmless(text).as_bytes())
    }

    /// Prints a JSON document with the number of its format.
    pub(super) fn json(&mut self, format: JsonFormat, value: &impl Serialize) -> io::Result<()> {
        let text = json::document(format, value)?;
        self.write_all(text.as_bytes())
    }

    /// Prints a JSON value on a line of its own.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = json::line(value)?;
        self.write_all(text.as_bytes())
    }

    /// Prints a JSON list, which has no place for a number.
    pub(super) fn json_list(&mut self, values: &[impl Serialize]) -> io::Result<()> {
        let text = json::list(values)?;
        self.write_all(text.as_bytes())
    }

    /// Prints a remark for people on standard error. One that cannot be shown is no reason to stop.
    pub(super) fn note(&mut self, line: impl Display) {
        self.erase_progress();
        drop(writeln!(self.stderr, "{}", harmless(&line.to_string())));
    }

    /// Shows how far the command is, on one line of a terminal that the next output replaces; nothing when standard error
    /// is no terminal.
    pub(super) fn progress(&mut self, line: impl Display) {
        if self.terminal && self.progress_drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.erase_progress();
            drop(write!(self.stderr, "{}", harmless(&line.to_string())).and_then(|()| self.stderr.flush()));
            self.progress_drawn = Some(Instant::now());
        }
    }

    fn erase_progress(&mut self) {
        if self.progress_drawn.take().is_some() {
            drop(self.stderr.write_all(ERASE_LINE).and_then(|()| self.stderr.flush()));
        }
    }

    /// What became of writing to standard output: nothing more is written once its reader has gone.
    fn written<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.stdout_closed = true;
                Ok(instead)
            }
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
            }
            result => result,
        }
    }
}

/// Standard output as it is, for what programs read: JSON lines, CSV, pictures.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stdout_closed {
            return Ok(bytes.len());
        }
        self.erase_progress();
        let result = self.stdout.write(bytes);
        self.written(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.stdout_closed {
            return Ok(());
        }
        let result = self.stdout.flush();
        self.written(result, ())
    }
}

/// Nothing of a progress line stays behind, even after an error.
impl Drop for Output {
    fn drop(&mut self) {
        self.erase_progress();
    }
}

/// What a command printed in a test.
#[cfg(test)]
#[derive(Default, Clone)]
pub(super) struct Printed(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

#[cfg(test)]
impl Printed {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
impl Output {
    /// An output, and what will have been printed to its standard output.
    pub(super) fn captured() -> (Self, Printed) {
        let printed = Printed::default();
        (Self::new(Box::new(printed.clone()), Box::new(io::sink()), false), printed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that fails at every write.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_is_known() {
        let mut output = Output::new(Box::new(Failing(ErrorKind::BrokenPipe)), Box::new(io::sink()), false);
        assert!(output.is_read());
        output.say("one").unwrap();
        assert!(!output.is_read());
        output.say("two").unwrap();
        output.flush().unwrap();
    }

    #[test]
    fn a_full_disk_is_a_failure_that_says_where() {
        let mut output = Output::new(Box::new(Failing(ErrorKind::StorageFull)), Box::new(io::sink()), false);
        let error = output.say("one").unwrap_err();
        assert!(error.to_string().starts_with("cannot write to standard output: "), "{error}");
    }

    #[test]
    fn a_remark_that_nobody_reads_stops_nothing() {
        let mut output = Output::new(Box::new(io::sink()), Box::new(Failing(ErrorKind::BrokenPipe)), true);
        output.progress("1 of 2");
        output.note("wrong");
    }

    #[test]
    fn a_terminal_obeys_nothing_that_came_from_outside() {
        let (stdout, stderr) = (Printed::default(), Printed::default());
        let mut output = Output::new(Box::new(stdout.clone()), Box::new(stderr.clone()), false);
        output.say("red \u{1b}[31m, back \r, bell \u{7}, right to left \u{202e}\tend\r\nnext").unwrap();
        output.note("title \u{1b}]0;x\u{9c}");
        assert_eq!(
            stdout.text(),
            "red \u{fffd}[31m, back \u{fffd}, bell \u{fffd}, right to left \u{fffd}\tend\nnext\n"
        );
        assert_eq!(stderr.text(), "title \u{fffd}]0;x\u{fffd}\n");
    }

    #[test]
    fn a_progress_line_gives_way_to_every_other_line() {
        let stderr = Printed::default();
        let mut output = Output::new(Box::new(io::sink()), Box::new(stderr.clone()), true);
        output.progress("1 of 3");
        output.progress("2 of 3, too soon after the first to be drawn");
        output.note("a remark");
        output.progress("3 of 3");
        output.say("a result").unwrap();
        assert_eq!(stderr.text(), "1 of 3\r\u{1b}[Ka remark\n3 of 3\r\u{1b}[K");
    }

    #[test]
    fn progress_is_not_shown_where_nobody_watches() {
        let stderr = Printed::default();
        let mut output = Output::new(Box::new(io::sink()), Box::new(stderr.clone()), false);
        output.progress("1 of 3");
        drop(output);
        assert_eq!(stderr.text(), "");
    }
}
