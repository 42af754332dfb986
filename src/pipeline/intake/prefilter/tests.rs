//! prost is the oracle: whatever bytes it accepts, the prefilter must see the same records in them.

use proptest::prelude::*;

use super::*;
use crate::config::sampling::SamplingConfig;
use crate::model::{EvaluationId, SubjectId};
use crate::otlp::wire::{self, any_value};

fn sampler(toml: &str) -> Sampler {
    Sampler::from_config(&toml::from_str::<SamplingConfig>(toml).unwrap(), "judged").unwrap()
}

fn text(key: &str, value: &str) -> wire::KeyValue {
    let value = wire::AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    wire::KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

fn span(trace: u8) -> wire::Span {
    wire::Span { trace_id: vec![trace; 16], span_id: vec![1; 8], name: "chat".to_owned(), ..Default::default() }
}

fn request(service: &str, scope: &str, spans: Vec<wire::Span>) -> wire::ExportTraceServiceRequest {
    let scope = wire::InstrumentationScope { name: scope.to_owned(), ..Default::default() };
    let scope_spans = vec![wire::ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
    let resource = wire::Resource { attributes: vec![text("service.name", service)], ..Default::default() };
    let block = wire::ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
    wire::ExportTraceServiceRequest { resource_spans: vec![block] }
}

#[test]
fn every_span_is_either_a_candidate_or_counted() {
    let spans = (1..=200).map(span).chain([span(0)]).collect();
    let body = request("app", "lib", spans).encode_to_vec();
    let sifted = sift(&sampler("rate = 0.5"), Signal::Traces, &body).unwrap();
    assert_eq!((sifted.received, sifted.rejected), (201, 1), "an all-zero trace id is no trace id");
    assert!((60..140).contains(&sifted.candidates.len()), "{}", sifted.candidates.len());
    assert_eq!(sifted.sampled_out + sifted.candidates.len() as u64, 200);
    assert!(sifted.candidates.iter().all(|candidate| candidate.u < 0.5 && candidate.doubt.is_none()));
}

#[test]
fn a_malformed_span_is_rejected_alone() {
    // The name is not UTF-8; spans before and after it are fine.
    let mut broken = span(2).encode_to_vec();
    broken.extend([0x2a, 1, 0xff]);
    let mut group = Vec::new();
    for raw in [span(1).encode_to_vec(), broken, span(3).encode_to_vec()] {
        group.extend(field(2, &raw));
    }
    let body = field(1, &field(2, &group));
    let sifted = sift(&sampler("rate = 1"), Signal::Traces, &body).unwrap();
    let decoded: Vec<bool> = sifted.candidates.iter().map(|one| one.decode::<wire::Span>().is_ok()).collect();
    assert_eq!(decoded, [true, false, true]);
}

#[test]
fn a_request_whose_frame_is_broken_is_an_error() {
    let body = request("app", "lib", vec![span(1)]).encode_to_vec();
    for cut in 1..body.len() {
        let sifted = sift(&sampler("rate = 1"), Signal::Traces, &body[..cut]);
        assert_eq!(sifted.unwrap_err(), Malformed::Truncated, "cut at {cut}");
    }
}

#[test]
fn what_judged_itself_emits_is_counted_as_its_own() {
    let sampler = sampler("rate = 1");
    for (service, scope) in [("judged", "lib"), ("app", "judged")] {
        let body = request(service, scope, vec![span(1), span(0)]).encode_to_vec();
        let sifted = sift(&sampler, Signal::Traces, &body).unwrap();
        assert_eq!((sifted.own, sifted.rejected, sifted.candidates.len()), (2, 0, 0), "{service} {scope}");
        assert_eq!(sifted.own_unmarked, 2, "{service} {scope}");
    }
}

#[test]
fn own_records_that_name_their_evaluation_are_no_unmarked_ones() {
    let id = EvaluationId::derive(SubjectId::of_session("s"), 0, "faithfulness", 1, "default").to_string();
    let marked = |number| wire::Span { attributes: vec![text("x", "y"), text(EVALUATION_ID, &id)], ..span(number) };
    let forged = wire::Span { attributes: vec![text(EVALUATION_ID, "mine")], ..span(3) };
    let body = request("app", "judged", vec![marked(1), span(2), forged]).encode_to_vec();
    // Nothing of it is kept, drawn or not.
    for rate in ["rate = 1", "rate = 0"] {
        let sifted = sift(&sampler(rate), Signal::Traces, &body).unwrap();
        assert_eq!((sifted.own, sifted.own_unmarked), (3, 2), "{rate}");
    }
    let record = wire::LogRecord { attributes: vec![text(EVALUATION_ID, &id)], ..wire::LogRecord::default() };
    let scope = wire::InstrumentationScope { name: "judged".to_owned(), ..Default::default() };
    let log_records = vec![record, wire::LogRecord::default()];
    let scope_logs = vec![wire::ScopeLogs { scope: Some(scope), log_records, ..Default::default() }];
    let body =
        wire::ExportLogsServiceRequest { resource_logs: vec![wire::ResourceLogs { scope_logs, ..Default::default() }] };
    let body = body.encode_to_vec();
    let sifted = sift(&sampler("rate = 1"), Signal::Logs, &body).unwrap();
    assert_eq!((sifted.own, sifted.own_unmarked), (2, 1));
}

#[test]
fn rules_on_span_attributes_make_the_prefilter_look_at_the_spans_in_doubt() {
    let sampler = sampler(
        "rate = 0\n[[rules]]\nmatch = { error = true }\nrate = 1\n[[rules]]\nmatch = { intent = \"refund\" }\nrate = 1",
    );
    let plain = span(1);
    let error = wire::Span { status: Some(wire::Status { code: 2, ..Default::default() }), ..span(2) };
    let refund = wire::Span { attributes: vec![text("intent", "refund"), text("other", "x")], ..span(3) };
    let body = request("app", "lib", vec![plain, error, refund]).encode_to_vec();
    let sifted = sift(&sampler, Signal::Traces, &body).unwrap();
    let rates: Vec<f64> = sifted.candidates.iter().map(|one| sampler.rate_of(one.doubt.unwrap(), None).get()).collect();
    assert_eq!(rates, [0.0, 1.0, 1.0]);
}

#[test]
fn a_rule_on_the_environment_costs_other_environments_nothing() {
    let sampler = sampler("rate = 0\n[[rules]]\nmatch = { \"deployment.environment.name\" = \"staging\" }\nrate = 1");
    let mut request = request("app", "lib", vec![span(1)]);
    let body = request.encode_to_vec();
    assert_eq!(sift(&sampler, Signal::Traces, &body).unwrap().sampled_out, 1);
    let resource = request.resource_spans[0].resource.as_mut().unwrap();
    resource.attributes.push(text("deployment.environment.name", "staging"));
    let body = request.encode_to_vec();
    assert_eq!(sift(&sampler, Signal::Traces, &body).unwrap().candidates[0].doubt, None);
}

#[test]
fn the_consistent_form_reads_the_tracestate() {
    let sampler = sampler("rate = 0.5\nconsistent = true");
    let state = |randomness: &str| wire::Span { trace_state: format!("ot=rv:{randomness}"), ..span(1) };
    let body = request("app", "lib", vec![state("ffffffffffffff"), state("00000000000000")]).encode_to_vec();
    let sifted = sift(&sampler, Signal::Traces, &body).unwrap();
    assert_eq!((sifted.candidates.len(), sifted.sampled_out), (1, 1));
}

#[test]
fn log_records_follow_the_number_of_their_trace_up_to_the_highest_rate_of_any_rule() {
    let sampler = sampler("rate = 0.1\n[[rules]]\nmatch = { error = true }\nrate = 0.6");
    let log_records = (1..=200)
        .map(|trace| wire::LogRecord { trace_id: vec![trace; 16], span_id: vec![1; 8], ..Default::default() })
        .collect();
    let scope_logs = vec![wire::ScopeLogs { log_records, ..Default::default() }];
    let block = wire::ResourceLogs { scope_logs, ..Default::default() };
    let body = wire::ExportLogsServiceRequest { resource_logs: vec![block] }.encode_to_vec();
    let sifted = sift(&sampler, Signal::Logs, &body).unwrap();
    assert!(sifted.candidates.iter().all(|one| one.u < 0.6 && one.doubt.is_none()));
    assert!(sifted.candidates.iter().any(|one| one.u > 0.1));
    let record: wire::LogRecord = sifted.candidates[0].decode().unwrap();
    assert_eq!(record.trace_id, sifted.candidates[0].trace_id.as_bytes());
}

fn repeats_a_trace_id(body: &[u8]) -> bool {
    let mut repeats = false;
    each_message(body, 1, &mut |block| {
        each_message(block, 2, &mut |group| {
            each_message(group, 2, &mut |span| {
                let mut ids = 0;
                each_message(span, 1, &mut |_| {
                    ids += 1;
                    Ok(())
                })?;
                repeats |= ids > 1;
                Ok(())
            })
        })
    })
    .unwrap();
    repeats
}

/// A length-delimited field.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(number << 3 | 2, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// Writes messages as no exporter does but the format allows: fields in any order, unknown ones among them.
struct Scrambler(u64);

impl Scrambler {
    fn below(&mut self, limit: usize) -> usize {
        // A linear congruential generator is random enough to shuffle with.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn message(&mut self, mut fields: Vec<Vec<u8>>) -> Vec<u8> {
        for _ in 0..self.below(3) {
            let unknown: &[u8] = match self.below(5) {
                0 => &[0xf8, 0x07, 0x96, 0x01],
                1 => &[0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8],
                2 => &[0xfa, 0x07, 2, 0xff, 0xff],
                // A group with a nested one inside.
                3 => &[0xfb, 0x07, 0x0b, 0x08, 1, 0x0c, 0xfc, 0x07],
                _ => &[0xfd, 0x07, 1, 2, 3, 4],
            };
            fields.push(unknown.to_vec());
        }
        for index in (1..fields.len()).rev() {
            let other = self.below(index + 1);
            fields.swap(index, other);
        }
        fields.concat()
    }

    /// One encoded part per non-default field.
    fn span(&mut self, span: wire::Span) -> Vec<u8> {
        let wire::Span { trace_id, attributes, events, status, name, trace_state, .. } = span.clone();
        let mut parts = vec![
            wire::Span { trace_id, ..Default::default() }.encode_to_vec(),
            wire::Span { name, ..Default::default() }.encode_to_vec(),
            wire::Span { trace_state, ..Default::default() }.encode_to_vec(),
            wire::Span { span_id: span.span_id, ..Default::default() }.encode_to_vec(),
            wire::Span { status, ..Default::default() }.encode_to_vec(),
        ];
        if self.below(4) == 0 {
            // A second tracestate: the last one counts.
            let trace_state = "ot=rv:fedcba98765432".to_owned();
            parts.push(wire::Span { trace_state, ..Default::default() }.encode_to_vec());
        }
        parts.extend(
            attributes
                .into_iter()
                .map(|one| wire::Span { attributes: vec![one], ..Default::default() }.encode_to_vec()),
        );
        parts.extend(
            events.into_iter().map(|one| wire::Span { events: vec![one], ..Default::default() }.encode_to_vec()),
        );
        self.message(parts)
    }

    fn request(&mut self, request: &wire::ExportTraceServiceRequest) -> Vec<u8> {
        let blocks = request
            .resource_spans
            .iter()
            .map(|block| {
                let mut parts: Vec<Vec<u8>> = block
                    .resource
                    .iter()
                    .flat_map(|resource| &resource.attributes)
                    .map(|one| {
                        // Each attribute in a resource field of its own: protobuf merges them.
                        field(
                            1,
                            &wire::Resource { attributes: vec![one.clone()], ..Default::default() }.encode_to_vec(),
                        )
                    })
                    .collect();
                for group in &block.scope_spans {
                    let mut fields: Vec<Vec<u8>> =
                        group.scope.iter().map(|scope| field(1, &scope.encode_to_vec())).collect();
                    fields.extend(group.spans.iter().map(|span| field(2, &self.span(span.clone()))));
                    parts.push(field(2, &self.message(fields)));
                }
                field(1, &self.message(parts))
            })
            .collect();
        self.message(blocks)
    }
}

fn any_request() -> impl Strategy<Value = wire::ExportTraceServiceRequest> {
    let pair = (proptest::sample::select(vec!["intent", "error.type", "text"]), "[a-c]")
        .prop_map(|(key, value)| text(key, &value));
    let event = proptest::sample::select(vec!["exception", "gen_ai.choice"])
        .prop_map(|name| wire::span::Event { name: name.to_owned(), ..Default::default() });
    let span = (
        0..6u8,
        proptest::collection::vec(pair, 0..3),
        proptest::collection::vec(event, 0..2),
        proptest::option::of(0..3i32),
        0..3usize,
    )
        .prop_map(|(trace, attributes, events, code, state)| wire::Span {
            attributes,
            events,
            status: code.map(|code| wire::Status { code, ..Default::default() }),
            trace_state: ["", "ot=th:8", "ot=rv:12345678901234;th:0"][state].to_owned(),
            ..span(trace)
        });
    let group =
        (proptest::option::of(proptest::sample::select(vec!["lib", "judged"])), proptest::collection::vec(span, 0..5))
            .prop_map(|(scope, spans)| {
                let scope =
                    scope.map(|name| wire::InstrumentationScope { name: name.to_owned(), ..Default::default() });
                wire::ScopeSpans { scope, spans, ..Default::default() }
            });
    let service = proptest::sample::select(vec!["app", "bot", "judged"]);
    let block =
        (proptest::option::of(service), proptest::collection::vec(group, 0..3)).prop_map(|(service, scope_spans)| {
            let attributes = |name| vec![text("host.name", "h"), text("service.name", name)];
            let resource = service.map(|name| wire::Resource { attributes: attributes(name), ..Default::default() });
            wire::ResourceSpans { resource, scope_spans, ..Default::default() }
        });
    proptest::collection::vec(block, 0..3).prop_map(|resource_spans| wire::ExportTraceServiceRequest { resource_spans })
}

fn any_sampler() -> impl Strategy<Value = Sampler> {
    let rules = proptest::sample::select(vec![
        "",
        "[[rules]]\nmatch = { error = true }\nrate = 0.9",
        "[[rules]]\nmatch = { \"service.name\" = \"bot\" }\nrate = 0.8\n[[rules]]\nmatch = { intent = [\"a\", \"b\"] }\nrate = 0.7",
    ]);
    (0.0..=1.0f64, any::<bool>(), rules)
        .prop_map(|(rate, consistent, rules)| sampler(&format!("rate = {rate:?}\nconsistent = {consistent}\n{rules}")))
}

/// What the prefilter should make of a request, told from prost's view of it.
#[derive(Debug, PartialEq, Default)]
struct Expected {
    received: u64,
    own: u64,
    rejected: u64,
    sampled_out: u64,
    candidates: Vec<(Option<wire::Resource>, Option<wire::InstrumentationScope>, wire::Span, Option<Matches>)>,
}

fn expect(sampler: &Sampler, request: wire::ExportTraceServiceRequest) -> Expected {
    let mut expected = Expected::default();
    for block in request.resource_spans {
        let attributes = attributes_to_model(block.resource.clone().unwrap_or_default().attributes);
        let bound = sampler.bound(&attributes);
        for group in block.scope_spans {
            expected.received += group.spans.len() as u64;
            let scope_name = group.scope.as_ref().map_or("", |scope| scope.name.as_str());
            if attributes.str("service.name") == Some("judged") || scope_name == "judged" {
                expected.own += group.spans.len() as u64;
                continue;
            }
            for span in group.spans {
                let Ok(trace_id) = TraceId::try_from(span.trace_id.as_slice()) else {
                    expected.rejected += 1;
                    continue;
                };
                let u = sampler.u(trace_id, &span.trace_state).u;
                if u >= bound.high.get() {
                    expected.sampled_out += 1;
                    continue;
                }
                let single = wire::ScopeSpans { spans: vec![span.clone()], ..Default::default() };
                let single = wire::ResourceSpans {
                    resource: block.resource.clone(),
                    scope_spans: vec![single],
                    ..Default::default()
                };
                let model = crate::otlp::spans(single).remove(0);
                let doubt = (u >= bound.low.get())
                    .then(|| model.map_or_else(|_| Matches::default(), |span| sampler.matches(SpanFacts::from(&span))));
                expected.candidates.push((block.resource.clone(), group.scope.clone(), span, doubt));
            }
        }
    }
    expected
}

fn seen(sifted: &Sifted<'_>) -> Expected {
    let candidates = sifted.candidates.iter().map(|candidate| {
        let record: wire::Span = candidate.decode().unwrap();
        let resource = sifted.resource(candidate.emitter).unwrap();
        let scope = sifted.scope(candidate.emitter).unwrap();
        assert_eq!(record.trace_id, candidate.trace_id.as_bytes());
        (resource, scope, record, candidate.doubt)
    });
    Expected {
        received: sifted.received,
        own: sifted.own,
        rejected: sifted.rejected,
        sampled_out: sifted.sampled_out,
        candidates: candidates.collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_gate_sees_what_prost_sees_however_the_request_is_written(request in any_request(), sampler in any_sampler(), seed: u64) {
        let body = Scrambler(seed).request(&request);
        let oracle = wire::ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        let sifted = sift(&sampler, Signal::Traces, &body).unwrap();
        prop_assert_eq!(seen(&sifted), expect(&sampler, oracle));
    }

    #[test]
    fn damaged_bytes_never_upset_the_account(
        request in any_request(),
        seed: u64,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut body = Scrambler(seed).request(&request);
        prop_assume!(!body.is_empty());
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let sampler = sampler("rate = 1");
        match (wire::ExportTraceServiceRequest::decode(body.as_slice()), sift(&sampler, Signal::Traces, &body)) {
            // The prefilter goes by the first trace id, and whoever decodes the span rejects it.
            (Ok(_), sifted) if repeats_a_trace_id(&body) => drop(sifted.unwrap()),
            (Ok(oracle), sifted) => prop_assert_eq!(seen(&sifted.unwrap()), expect(&sampler, oracle)),
            (Err(_), Ok(sifted)) => {
                let accounted = sifted.own + sifted.rejected + sifted.sampled_out + sifted.candidates.len() as u64;
                prop_assert_eq!(sifted.received, accounted);
            }
            (Err(_), Err(_)) => {}
        }
    }
}
