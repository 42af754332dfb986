//! The `judged` program: see the library for what it does.

use std::process::ExitCode;

/// Decoding and reading spans is many small allocations, at which the system's allocator is slow (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    judged::cli::main()
}
