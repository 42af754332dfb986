//! How often normalising a model call asks for memory, and for how much.
//!
//! `cargo bench --bench allocations -- demo/*.jsonl` (without files: the recordings of the demo).

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and fails loudly")]

use std::alloc::System;

use judged::bench::Records;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DEMO: [&str; 5] = [
    "demo/openinference-langchain.jsonl",
    "demo/openllmetry-openai.jsonl",
    "demo/otel-genai-events.jsonl",
    "demo/otel-genai-events.logs.jsonl",
    "demo/otel-genai.jsonl",
];

fn main() {
    let mut files: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if files.is_empty() {
        files = DEMO.map(str::to_owned).to_vec();
    }
    let texts: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a readable file")).collect();
    let lines = texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    let requests: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    let generations = Records::decode(&requests).expect("OTLP requests").generations();
    // What is built once and kept is not counted.
    generations.normalise();
    let region = Region::new(ALLOCATOR);
    generations.normalise();
    let asked = region.change();
    let each = |number: usize| number as f64 / generations.spans() as f64;
    println!("{} generations of {} files", generations.spans(), files.len());
    println!("allocations per generation  {:8.1}", each(asked.allocations + asked.reallocations));
    println!("bytes per generation        {:8.0}", each(asked.bytes_allocated));
}
