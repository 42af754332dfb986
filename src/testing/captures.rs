//! Recorded requests for the tests of rooms that do not read files.

use std::path::Path;

use crate::otlp::Request;
use crate::pipeline::intake::files;

/// The export requests in a file, in order.
pub fn requests(file: &Path) -> Vec<Request> {
    files::open(file).unwrap().map(Result::unwrap).collect()
}
