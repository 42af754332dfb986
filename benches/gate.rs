//! How fast the gate is, against full prost decoding and against merely reading the same bytes, in one run on one core.
//!
//! `cargo bench --bench gate`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails loudly")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use judged::bench::Prefilter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// The program's own allocator, so that what is measured is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPANS: u64 = 1_000;
const SPANS_PER_TRACE: u64 = 5;
const RUN: Duration = Duration::from_millis(700);

fn main() {
    println!("{:<12} {:<28} {:>12} {:>10} {:>12}", "requests", "work", "M spans/s", "GB/s", "x full prost");
    for (name, every_nth_is_llm) in [("mixed", 5), ("all LLM", 1)] {
        let body = request(every_nth_is_llm).encode_to_vec();
        let prost = measure(&body, || {
            black_box(ExportTraceServiceRequest::decode(black_box(body.as_slice())).unwrap());
        });
        let scan = measure(&body, || {
            black_box(
                black_box(body.as_slice())
                    .chunks_exact(8)
                    .fold(0u64, |sum, chunk| sum.wrapping_add(u64::from_le_bytes(chunk.try_into().unwrap()))),
            );
        });
        let (never, some_of_it) = (Prefilter::with_rate(0.0).unwrap(), Prefilter::with_rate(0.15).unwrap());
        let nothing = measure(&body, || sift(&never, &body, 0));
        let some = measure(&body, || sift(&some_of_it, &body, 1));
        for (work, rate) in [
            ("read every byte", scan),
            ("full prost decoding", prost),
            ("gate, nothing kept", nothing),
            ("gate, 15 % kept and decoded", some),
        ] {
            let bytes = rate * body.len() as f64 / SPANS as f64;
            println!("{name:<12} {work:<28} {:>12.2} {:>10.2} {:>12.1}", rate / 1e6, bytes / 1e9, rate / prost);
        }
    }
}

fn sift(prefilter: &Prefilter, body: &[u8], at_least: usize) {
    let sifted = prefilter.sift(black_box(body)).unwrap();
    assert!(sifted.received == SPANS && sifted.decoded >= at_least);
}

/// Spans per second: the best of many passes, so that a busy neighbour does not count.
fn measure(body: &[u8], mut pass: impl FnMut()) -> f64 {
    black_box(body);
    let (begin, mut best) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < RUN {
        let start = Instant::now();
        pass();
        best = best.min(start.elapsed());
    }
    SPANS as f64 / best.as_secs_f64()
}

fn request(every_nth_is_llm: u64) -> ExportTraceServiceRequest {
    let spans = (0..SPANS).map(|number| span(number, number % every_nth_is_llm == 0)).collect();
    let scope = InstrumentationScope { name: "bench".into(), version: "1.0".into(), ..Default::default() };
    let resource = Resource {
        attributes: vec![
            text("service.name", "assistant"),
            text("service.version", "2.3.1"),
            text("deployment.environment.name", "production"),
            text("host.name", "worker-17"),
        ],
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
    let block = ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![block] }
}

fn span(number: u64, llm: bool) -> Span {
    let mut trace_id = vec![0x4b; 16];
    trace_id[..8].copy_from_slice(&(number / SPANS_PER_TRACE + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("url.path", "/v1/orders"),
        int("http.response.status_code", 200),
        text("server.address", "orders.internal"),
    ];
    if llm {
        attributes = vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "small-model"),
            text("gen_ai.response.model", "small-model-2026-08-01"),
            text("gen_ai.response.id", "chatcmpl-0123456789abcdef"),
            int("gen_ai.usage.input_tokens", 812),
            int("gen_ai.usage.output_tokens", 143),
            text("gen_ai.input.messages", &"[{\"role\":\"user\",\"parts\":[…]}] ".repeat(60)),
            text("gen_ai.output.messages", &"[{\"role\":\"assistant\",…}] ".repeat(35)),
        ];
    }
    Span {
        trace_id,
        span_id: (number + 1).to_be_bytes().to_vec(),
        parent_span_id: if number.is_multiple_of(SPANS_PER_TRACE) { Vec::new() } else { vec![7; 8] },
        name: "chat small-model".into(),
        kind: 3,
        start_time_unix_nano: 1_760_000_000_000_000_000,
        end_time_unix_nano: 1_760_000_001_000_000_000,
        attributes,
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
