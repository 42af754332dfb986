//! How fast spans are normalised, against decoding the same bytes with prost in the same run.
//!
//! `cargo bench --bench normalise -- FILE.binpb…` measures captured requests (log files join their spans); without files
//! a synthetic request in three conventions is measured. Ratios hold on any machine, absolute rates only on an idle one.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and fails loudly")]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use judged::conventions::normalise;
use judged::model::{LogRecord, Span, SpanId, StepKind, TraceId};
use judged::otlp::wire::{
    AnyValue, ExportTraceServiceRequest, KeyValue, ResourceSpans, ScopeSpans, Span as WireSpan, any_value,
};
use judged::otlp::{self, Request};
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
    let (spans, logs) = decoded(&bodies);
    let generations = count(&spans, &logs, |kind| kind == StepKind::Generation);
    println!(
        "{} spans, {generations} of them generations, {} log records",
        spans.len(),
        logs.values().map(Vec::len).sum::<usize>()
    );

    let decode = best(|| bodies.iter().for_each(|body| drop(black_box(otlp::decode(body)))));
    let convert = best(|| drop(black_box(decoded(&bodies)))).saturating_sub(decode);
    let all = best(|| normalise_all(spans.iter(), &logs));
    let only: Vec<&Span> =
        spans.iter().filter(|span| normalise(span, of(&logs, span)).kind == StepKind::Generation).collect();
    let calls = best(|| normalise_all(only.iter().copied(), &logs));

    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64() / 1e3;
    println!("prost, full decoding        {:9.1} k spans/s", rate(spans.len(), decode));
    println!(
        "wire types to model types   {:9.1} k spans/s  {:5.2} of decoding",
        rate(spans.len(), convert),
        ratio(convert, decode)
    );
    println!(
        "normalising all spans       {:9.1} k spans/s  {:5.2} of decoding",
        rate(spans.len(), all),
        ratio(all, decode)
    );
    println!("normalising generations     {:9.1} k generations/s", rate(only.len(), calls));
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

type Logs = HashMap<(TraceId, SpanId), Vec<LogRecord>>;

fn decoded(bodies: &[Vec<u8>]) -> (Vec<Span>, Logs) {
    let mut spans = Vec::new();
    let mut logs: Logs = HashMap::new();
    for body in bodies {
        match otlp::decode(body).expect("an OTLP request") {
            Request::Traces(request) => {
                spans.extend(request.resource_spans.into_iter().flat_map(otlp::spans).filter_map(Result::ok));
            }
            Request::Logs(request) => {
                for log in request.resource_logs.into_iter().flat_map(otlp::log_records).filter_map(Result::ok) {
                    logs.entry((log.trace_id, log.span_id)).or_default().push(log);
                }
            }
        }
    }
    (spans, logs)
}

fn of<'a>(logs: &'a Logs, span: &Span) -> &'a [LogRecord] {
    logs.get(&(span.trace_id, span.span_id)).map_or(&[], Vec::as_slice)
}

fn normalise_all<'a>(spans: impl Iterator<Item = &'a Span>, logs: &Logs) {
    for span in spans {
        black_box(normalise(span, of(logs, span)));
    }
}

fn count(spans: &[Span], logs: &Logs, is: impl Fn(StepKind) -> bool) -> usize {
    spans.iter().filter(|span| is(normalise(span, of(logs, span)).kind)).count()
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
        WireSpan {
            trace_id: [&[1u8; 8][..], &number.to_be_bytes()].concat(),
            span_id: (number + 1).to_be_bytes().to_vec(),
            name: "chat".into(),
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            attributes,
            ..WireSpan::default()
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
