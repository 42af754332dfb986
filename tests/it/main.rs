//! Tests of the program as a person runs it, and of the rules of the house. One binary, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly; helpers outside the test functions as well"
)]

mod cli_output;
mod cli_rubrics;
mod documents;
mod house;
mod previous_release;
mod registry_kills;
mod reload;
mod replay;
mod secrets;
