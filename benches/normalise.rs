//! How fast spans are normalised, against decoding the same bytes with prost in the same run.
//!
//! `cargo bench --bench normalise -- FILE.binpb…` measures captured requests (log files join their spans); without files
//! a synthetic request in three conventions is measured. Ratios hold on any machine, absolute rates only on an idle one.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and fails loudly")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use judged::bench::{self, Records};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// The program's own allocator, so that what is measured is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The best of this many rounds counts: others only measured what else the machine was doing.
const ROUNDS: usize = 15;

fn main() {
    let files: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    let bodies: Vec<Vec<u8>> = if files.is_empty() {
        vec![synthetic().encode_to_vec()]
    } else {
        files.iter().map(|file| std::fs::read(file).expect("a readable file")).collect()
    };
    let records = Records::decode(&bodies).expect("OTLP requests");
    let spans = records.spans();
    let decode = best(|| bodies.iter().for_each(|body| bench::decode(body).expect("an OTLP request")));
    let convert = best(|| drop(black_box(Records::decode(&bodies)))).saturating_sub(decode);
    let all = best(|| records.normalise());
    let log_records = records.log_records();
    let generations = records.generations();
    let calls = best(|| generations.normalise());
    println!("{spans} spans, {} of them generations, {log_records} log records", generations.spans());

    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64() / 1e3;
    println!("prost, full decoding        {:9.1} k spans/s", rate(spans, decode));
    println!(
        "wire types to model types   {:9.1} k spans/s  {:5.2} of decoding",
        rate(spans, convert),
        ratio(convert, decode)
    );
    println!("normalising all spans       {:9.1} k spans/s  {:5.2} of decoding", rate(spans, all), ratio(all, decode));
    println!("normalising generations     {:9.1} k generations/s", rate(generations.spans(), calls));
}

fn ratio(one: Duration, two: Duration) -> f64 {
    one.as_secs_f64() / two.as_secs_f64()
}

fn best(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        // Many short repetitions in a round, so that a pause of the scheduler spoils one and not all.
        let started = Instant::now();
        let mut repetitions = 0u32;
        while started.elapsed() < Duration::from_millis(60) {
            let one = Instant::now();
            work();
            best = best.min(one.elapsed());
            repetitions += 1;
        }
        black_box(repetitions);
    }
    best
}

/// Three hundred calls with a prompt of a kilobyte, in turn in GenAI, OpenInference and MLflow form.
fn synthetic() -> ExportTraceServiceRequest {
    let context = "Unused items in their original packaging can be returned within 45 days of delivery. ".repeat(12);
    let spans = (0..300u64).map(|number| {
        let attributes = match number % 3 {
            0 => otel_genai(&context),
            1 => openinference(&context),
            _ => mlflow(&context),
        };
        Span {
            trace_id: [&[1u8; 8][..], &number.to_be_bytes()].concat(),
            span_id: (number + 1).to_be_bytes().to_vec(),
            name: "chat".into(),
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            attributes,
            ..Span::default()
        }
    });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }],
    }
}

fn otel_genai(context: &str) -> Vec<KeyValue> {
    let input = serde_json::json!([
        {"role": "system", "parts": [{"type": "text", "content": "Answer from the context only."}]},
        {"role": "user", "parts": [{"type": "text", "content": context}]},
    ]);
    let output = serde_json::json!([
        {"role": "assistant", "parts": [{"type": "text", "content": "Within 45 days."}], "finish_reason": "stop"},
    ]);
    vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o-mini"),
        text("gen_ai.response.id", "chatcmpl-1"),
        int("gen_ai.usage.input_tokens", 300),
        int("gen_ai.usage.output_tokens", 9),
        text("gen_ai.input.messages", &input.to_string()),
        text("gen_ai.output.messages", &output.to_string()),
    ]
}

fn openinference(context: &str) -> Vec<KeyValue> {
    vec![
        text("openinference.span.kind", "LLM"),
        text("llm.model_name", "gpt-4o-mini"),
        text("llm.input_messages.0.message.role", "system"),
        text("llm.input_messages.0.message.content", "Answer from the context only."),
        text("llm.input_messages.1.message.role", "user"),
        text("llm.input_messages.1.message.content", context),
        text("llm.output_messages.0.message.role", "assistant"),
        text("llm.output_messages.0.message.content", "Within 45 days."),
        int("llm.token_count.prompt", 300),
        int("llm.token_count.completion", 9),
    ]
}

fn mlflow(context: &str) -> Vec<KeyValue> {
    let inputs = serde_json::json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": context}]});
    let outputs = serde_json::json!({"choices": [{"message": {"role": "assistant", "content": "Within 45 days."}}]});
    vec![
        text("mlflow.spanType", "\"CHAT_MODEL\""),
        text("mlflow.spanInputs", &inputs.to_string()),
        text("mlflow.spanOutputs", &outputs.to_string()),
    ]
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    pair(key, any_value::Value::IntValue(value))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
