//! One line on standard error that is written over; nothing when nobody watches.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Shown at most this often.
const OFTEN: Duration = Duration::from_millis(100);

/// The line; it is gone when this is dropped.
pub(super) struct Progress {
    terminal: bool,
    drawn: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: None }
    }

    pub(super) fn show(&mut self, line: &str) {
        if self.terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= OFTEN) {
            eprint!("\r\x1b[K{line}");
            // A progress line that cannot be shown is no reason to stop.
            drop(std::io::stderr().flush());
            self.drawn = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
