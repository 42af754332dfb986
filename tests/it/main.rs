//! Tests of what crosses a boundary: databases, brokers, sockets, processes. One binary, so that it links once.

#![allow(unreachable_pub, missing_docs, reason = "nothing here is an API")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly; helpers outside the test functions as well"
)]

mod alerts;
mod assembly;
mod backfill;
mod cli_rubrics;
mod deploy;
mod example_config;
mod house;
mod intake;
mod judges;
mod registry;
mod report;
mod sinks;
mod statistics_vectors;
mod store;
mod support;
mod wakeups;
mod web;
