//! What reads text and bytes from outside.

use std::path::Path;

use prost::Message;

use super::hold;
use crate::config::PrivacyConfig;
use crate::conventions::normalise;
use crate::judges::reply;
use crate::labels::file::{LabelFile, Reading};
use crate::model::Scale;
use crate::otlp::{self, Request as Decoded, Signal, wire};
use crate::pipeline::intake::Reservation;
use crate::pipeline::intake::batch::{Prepared, Request, prepare};
use crate::privacy::{PlaceholderKey, Redactor};
use crate::rubrics::{GoldenCase, Rubric};
use crate::sampling::Sampler;

const TRACES: [&str; 3] = [
    include_str!("../../demo/openinference-langchain.jsonl"),
    include_str!("../../demo/openllmetry-openai.jsonl"),
    include_str!("../../demo/otel-genai.jsonl"),
];
const LOGS: &str = include_str!("../../demo/otel-genai-events.logs.jsonl");
const LABELS: &str = include_str!("../../demo/labels.jsonl");
const RUBRICS: [&str; 3] = [
    include_str!("../../rubrics/faithfulness/v1.md"),
    include_str!("../../rubrics/harmfulness/v1.md"),
    include_str!("../../rubrics/conversation_quality/v1.md"),
];
const CASES: &str = include_str!("../../rubrics/faithfulness/cases.jsonl");

/// A few requests of each file, in JSON and in protobuf.
fn requests() -> Vec<Vec<u8>> {
    let lines = TRACES.iter().chain([&LOGS]).flat_map(|file| file.lines().take(4));
    lines
        .flat_map(|line| {
            let protobuf = match otlp::decode(line.as_bytes()).unwrap() {
                Decoded::Traces(traces) => traces.encode_to_vec(),
                Decoded::Logs(logs) => logs.encode_to_vec(),
            };
            [line.as_bytes().to_vec(), protobuf]
        })
        .collect()
}

const OF_OTLP: [&str; 10] = [
    "gen_ai.input.messages",
    "llm.input_messages.0.message.content",
    "traceloop.entity.input",
    "\"spans\":[",
    "\"arrayValue\":",
    "\"kvlistValue\":{\"values\":[",
    "\"resourceSpans\":[",
    "\"bytesValue\":\"",
    "service.name",
    "judged",
];

#[test]
fn intake_accounts_for_every_record_of_whatever_comes() {
    let key = PlaceholderKey::Shared(b"key".to_vec().into());
    let redactor = Redactor::from_config(&PrivacyConfig::default(), &key).unwrap();
    let rules = "rate = 0.5\n[[rules]]\nmatch = { error = true }\nrate = 1";
    let sampler = Sampler::from_config(&toml::from_str(rules).unwrap(), "salt").unwrap();
    hold("intake", &requests(), &OF_OTLP, |body| {
        for expected in [Signal::Traces, Signal::Logs] {
            let mut memory = Reservation::of(16 * 1024 * 1024);
            let Ok(request) = Request::recognise(expected, body.to_vec().into(), &mut memory) else { continue };
            let none = std::collections::HashSet::new();
            let prepared = prepare(&request, &sampler, &redactor, Some(&none), &mut memory);
            let Ok(Prepared::Batch { batch, .. }) = prepared else { continue };
            let kept = (batch.spans.len() + batch.logs.len()) as u64;
            assert_eq!(batch.received, kept + batch.sampled_out + batch.own + batch.rejected);
            for span in &batch.spans {
                assert!(otlp::span_from_bytes(&span.body, None).is_ok(), "what is stored can be read back");
            }
        }
    });
}

#[test]
fn conventions_read_whatever_decodes() {
    hold("conventions", &requests(), &OF_OTLP, |body| {
        let Ok(decoded) = otlp::decode(body) else { return };
        let (spans, logs) = match decoded {
            Decoded::Traces(traces) => (traces.resource_spans, Vec::new()),
            Decoded::Logs(logs) => (vec![wire::ResourceSpans::default()], logs.resource_logs),
        };
        let logs: Vec<_> = logs.into_iter().flat_map(otlp::log_records).filter_map(Result::ok).collect();
        for span in spans.into_iter().flat_map(otlp::spans).filter_map(Result::ok) {
            drop(normalise(&span, &logs));
        }
    });
}

#[test]
fn a_judges_reply_is_a_verdict_on_the_scale_or_refused() {
    let binary = Scale::Binary { pass: String::new(), fail: String::new() };
    let ordinal = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), None).unwrap();
    let numeric = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
    let seeds = [
        r#"{"rationale":"The answer says 14 days, the policy 30.","score":2}"#,
        "<think>Let me see.</think>\n```json\n{\"rationale\": \"ok\", \"score\": \"pass\"}\n```",
        "{'rationale': 'close, but', 'score': 0.75,}",
        r#"{"verdict":{"reasoning":"x","score":"4/5"},"confidence":0.9}"#,
        r#"{"rationale":"cannot tell","abstain":true}"#,
    ]
    .map(|seed| seed.as_bytes().to_vec());
    let words = ["\"score\":", "<think>", "</think>", "```", "pass", "five", "abstain", "4/5", "100%", "null", "True"];
    hold("judges' replies", &seeds, &words, |reply| {
        let text = String::from_utf8_lossy(reply);
        for scale in [&binary, &ordinal, &numeric] {
            for abstain_allowed in [true, false] {
                drop(reply::parse_misplaced(&text, scale, abstain_allowed));
                if let Ok(crate::model::Verdict::Scored { score, .. }) = reply::parse(&text, scale, abstain_allowed) {
                    assert!(score.value().is_none_or(|value| (0.0..=1.0).contains(&value)));
                }
            }
        }
    });
}

#[test]
fn every_line_of_a_label_file_is_read_or_named() {
    let lines: Vec<&str> = LABELS.lines().take(20).collect();
    let csv = "trace_id,span_id,rubric,annotator,score\n01010101010101010101010101010101,0202020202020202,faithfulness,anna,4\n";
    let seeds = [lines.join("\n").into_bytes(), csv.as_bytes().to_vec()];
    let words = ["\"score\":", "\"rubric\":", "pass", "skip", "2026-01-01T00:00:00Z", "\"\"", ",,,", "=1+1"];
    hold("label files", &seeds, &words, |file| {
        for is_table in [None, Some(true), Some(false)] {
            let reading = Reading { is_table, ..Reading::default() };
            if let Ok(read) = LabelFile::open(file.to_vec(), &reading) {
                assert!(read.count() <= file.len() + 1);
            }
        }
    });
}

#[test]
fn a_rubric_file_is_a_rubric_that_can_be_shown_or_says_what_is_wrong() {
    let seeds = RUBRICS.map(|rubric| rubric.as_bytes().to_vec());
    let words = [
        "scale:",
        "requires:",
        "{% for turn in turns %}",
        "{{ answer }}",
        "{% endfor %}",
        "&a [*a, *a]",
        "1: bad",
        "judge:",
    ];
    hold("rubric files", &seeds, &words, |file| {
        let text = String::from_utf8_lossy(file);
        match Rubric::parse_all("fuzzed", 1, Path::new("v1.md"), &text) {
            Ok(rubric) => drop((rubric.scale_text(), rubric.response_schema())),
            Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| !error.to_string().is_empty())),
        }
    });
    let cases = [CASES.as_bytes().to_vec()];
    hold("golden cases", &cases, &["\"expect\":", "\"content\":", "null"], |file| {
        drop(GoldenCase::parse_file(Path::new("cases.jsonl"), &String::from_utf8_lossy(file)));
    });
}
