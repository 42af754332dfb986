//! What lies in `deploy/` fits the program and itself: metrics and labels exist, configurations load, what a file names is there.

mod collector;
mod kubernetes;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, PrivacyConfig, SamplingConfig};
use crate::lifecycle::Role;
use crate::model::ProblemCode;
use crate::otlp::{Encoding, Signal, wire};
use crate::pipeline::intake::metrics::Transport;
use crate::pipeline::intake::{self, Description, Intake, SamplingInForce};
use crate::privacy::{PlaceholderKey, Redactor};
use crate::sampling::Sampler;
use crate::store::SettleTimes;
use crate::telemetry::metric::Kind;
use crate::telemetry::tests::prometheus_name;
use crate::telemetry::{FinishedEvaluation, Metrics, StoreGauges, metric_list};
use clap::ValueEnum as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prost::Message as _;
use regex::Regex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::testing::databases::Database;

/// After the drain time, tasks get so long to stop.
const AFTER_DRAIN: Duration = Duration::from_secs(5);

/// Labels that come from scraping, not from judged.
const SCRAPED: &[&str] = &["job", "instance", "namespace", "pod"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below `deploy/` whose names end like one of `endings`, as paths from the root.
fn deployed(endings: &[&str]) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join("deploy")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing in deploy/ ends with {endings:?}");
    found
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn only(path: &str) -> Value {
    let mut documents = yaml(path);
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

// ---- Metrics -------------------------------------------------------------------------------------------------------------

/// The time series of all metrics, with their labels.
fn series() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut series = BTreeMap::new();
    for metric in metric_list::ALL {
        let labels: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
        let name = prometheus_name(metric);
        if metric.kind == Kind::Histogram {
            for part in ["sum", "count"] {
                series.insert(format!("{name}_{part}"), labels.clone());
            }
            series.insert(format!("{name}_bucket"), labels.iter().copied().chain(["le"]).collect());
        } else {
            series.insert(name, labels);
        }
    }
    series
}

/// Everything is recorded once, by the instruments that the service uses.
async fn record_everything() {
    let metrics = Metrics::default();
    metrics.trace_assembled(true, false);
    metrics.assembly_failed("trace", "panicked");
    metrics.unmapped_attribute("gen_ai.new");
    metrics.problem(ProblemCode::TextCut);
    metrics.evaluation_finished(&FinishedEvaluation {
        rubric: "faithfulness",
        version: 1,
        judge: "default",
        outcome: "scored",
        value: Some(1.0),
        latency_seconds: Some(0.1),
        cost_usd: Some(0.01),
    });
    metrics.deliveries_tried("otel", "sent", 1);
    let gauges = StoreGauges::default();
    gauges.pending("default", 1, 1.0);
    gauges.judge_obstacle("default", "unauthorized", "person", true);
    gauges.owed("otel", 1, 1.0);
    gauges.balanced(true);
    gauges.agreement("faithfulness", 1, "default", 0.9);
    gauges.drift_flags("faithfulness", "agreement", 1);
    gauges.alerts("faithfulness", "agreement", "open", 1);
    metrics.webhooks_tried("chat", "sent", 1);
    gauges.webhook_owed("chat", 1, 1.0);

    let database = Database::sqlite().await;
    let redactor =
        Redactor::from_config(&PrivacyConfig::default(), &PlaceholderKey::Shared(b"key".to_vec().into())).unwrap();
    let sampler = Sampler::from_config(&SamplingConfig::default(), "salt").unwrap();
    let times = SettleTimes { settle_ms: 1, max_wait_ms: 1 };
    let sampling = SamplingInForce::new(Arc::new(sampler), None, Vec::new());
    let (intake, committer) = Intake::new(Arc::new(database.store.clone()), sampling, Arc::new(redactor), times);
    let committing = tokio::spawn(committer.run());
    let span = wire::Span { trace_id: vec![1; 16], span_id: vec![1; 8], name: "chat".to_owned(), ..Default::default() };
    let named = wire::InstrumentationScope { name: "judged".to_owned(), ..Default::default() };
    let own = wire::ScopeSpans { scope: Some(named), spans: vec![span.clone()], ..Default::default() };
    let unnamed = wire::Span { trace_id: Vec::new(), ..span.clone() };
    let scope_spans = vec![wire::ScopeSpans { spans: vec![span, unnamed], ..Default::default() }, own];
    let request = wire::ExportTraceServiceRequest {
        resource_spans: vec![wire::ResourceSpans { scope_spans, ..Default::default() }],
    };
    let description = Description::Stated(Signal::Traces, Encoding::Protobuf);
    intake.accept_bytes(Transport::Http, description, request.encode_to_vec().into()).await.unwrap();
    refuse_a_request(&intake).await;
    metric_list::FAILED_LOG_INS.instrument().add(1, &[opentelemetry::KeyValue::new("way", "form")]);
    drop(intake);
    committing.await.unwrap();
}

/// Sends what is not OTLP to a receiver of OTLP/HTTP.
async fn refuse_a_request(intake: &Arc<Intake>) {
    crate::net::tls::install_provider();
    let config = toml::from_str("[otlp]\nhttp = \"127.0.0.1:0\"\ngrpc = \"off\"").unwrap();
    let listeners = intake::bind(&config).await.unwrap();
    let address = listeners.http_address().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(listeners.serve(Arc::clone(intake), shutdown.clone()));
    let request =
        reqwest::Client::new().post(format!("http://{address}/v1/traces")).header("content-type", "text/html");
    assert_eq!(request.send().await.unwrap().status(), 415);
    shutdown.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn metrics_are_exported_under_these_names_with_these_labels() {
    let registry = prometheus::Registry::new();
    let reader =
        opentelemetry_prometheus::exporter().with_registry(registry.clone()).without_target_info().build().unwrap();
    opentelemetry::global::set_meter_provider(SdkMeterProvider::builder().with_reader(reader).build());
    record_everything().await;

    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for family in registry.gather().iter().filter(|family| family.name().starts_with("judged_")) {
        let labels = found.entry(family.name().to_owned()).or_default();
        for label in family.get_metric().iter().flat_map(prometheus::proto::Metric::get_label) {
            if !label.name().starts_with("otel_scope_") {
                labels.insert(label.name().to_owned());
                let known = values(family.name(), label.name()).unwrap_or_default();
                assert!(
                    known.is_empty() || known.contains(&label.value()),
                    "{}: {} is not listed",
                    family.name(),
                    label.value()
                );
            }
        }
    }
    let of_brokers = [
        metric_list::INTAKE_DEAD_LETTERS.description,
        metric_list::INTAKE_LAG.description,
        metric_list::INTAKE_LOST.description,
    ];
    let expected: BTreeMap<String, BTreeSet<String>> = metric_list::ALL
        .iter()
        // They need a broker, with a message that cannot be read.
        .filter(|metric| !of_brokers.contains(metric))
        .map(|metric| (prometheus_name(metric), metric.labels.iter().map(|label| label.name.to_owned()).collect()))
        .collect();
    assert_eq!(found, expected);
}

/// An expression of `PromQL`, and the labels that texts beside it use.
struct Expression {
    place: String,
    text: String,
    shown: Vec<String>,
}

fn captures(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

fn alerts() -> Vec<Expression> {
    let rules = only("deploy/prometheus/alerts.yml");
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let expression = |rule: &Value| Expression {
        place: rule["alert"].as_str().unwrap().to_owned(),
        text: rule["expr"].as_str().unwrap().to_owned(),
        shown: captures(r"\$labels\.(\w+)", &rule["annotations"].to_string()),
    };
    rules.map(expression).collect()
}

fn dashboard() -> Vec<Expression> {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/judged.json")).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions.push(Expression {
                place: panel["title"].as_str().unwrap().to_owned(),
                text: target["expr"].as_str().unwrap().to_owned(),
                shown: captures(r"\{\{(\w+)\}\}", target["legendFormat"].as_str().unwrap()),
            });
        }
    }
    expressions
}

fn autoscaling() -> Vec<Expression> {
    let documents = yaml("deploy/kubernetes/keda/autoscaling.yaml");
    let triggers = documents.iter().flat_map(|document| document["spec"]["triggers"].as_array().into_iter().flatten());
    let queries = triggers.filter_map(|trigger| trigger["metadata"]["query"].as_str());
    queries.map(|query| Expression { place: "KEDA".to_owned(), text: query.to_owned(), shown: vec![] }).collect()
}

/// The values that `label` of a metric can have; none when they are the user's.
fn values(series: &str, label: &str) -> Option<&'static [&'static str]> {
    let metric = metric_list::ALL.iter().find(|metric| prometheus_name(metric) == series)?;
    metric.labels.iter().find(|listed| listed.name == label).map(|listed| listed.values)
}

#[test]
fn dashboards_and_rules_name_only_what_is_exported() {
    let series = series();
    let selector = Regex::new(r"\b([A-Za-z_:][\w:]*)\s*\{([^}]*)\}").unwrap();
    let matcher = Regex::new(r#"(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)""#).unwrap();
    for Expression { place, text, shown } in dashboard().into_iter().chain(alerts()).chain(autoscaling()) {
        let named = captures(r"\b(judged_\w+)", &text);
        assert!(!named.is_empty() || text.contains("up{job=~\"judged"), "{place} asks for nothing of judged's: {text}");
        for name in &named {
            assert!(series.contains_key(name), "{place}: there is no metric {name}");
        }
        // `up` is Prometheus's own: whether a process answered.
        for found in selector.captures_iter(&text).filter(|found| &found[1] != "up") {
            let labels = series.get(&found[1]).unwrap_or_else(|| panic!("{place}: {} is not judged's", &found[1]));
            for matched in matcher.captures_iter(&found[2]) {
                let (label, value) = (&matched[1], &matched[3]);
                assert!(
                    labels.contains(label) || SCRAPED.contains(&label),
                    "{place}: {} has no label {label}",
                    &found[1]
                );
                let known = values(&found[1], label).unwrap_or_default();
                assert!(known.is_empty() || known.contains(&value), "{place}: {label} is never {value}: {known:?}");
            }
        }
        let kept: BTreeSet<String> = captures(r"\bby\s*\(([^)]*)\)", &text)
            .iter()
            .flat_map(|labels| labels.split(',').map(|label| label.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        for label in &kept {
            for name in &named {
                let has = series[name].contains(label.as_str()) || SCRAPED.contains(&label.as_str());
                assert!(has, "{place}: {name} has no label {label} to group by");
            }
        }
        for label in &shown {
            assert!(kept.contains(label), "{place}: {label} is shown, but the expression drops it");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_its_variables_exist() {
    let shown: String = dashboard().into_iter().map(|expression| expression.text + "\n").collect();
    for metric in metric_list::ALL {
        assert!(shown.contains(&prometheus_name(metric)), "the dashboard does not show {}", metric.name);
    }
    let series = series();
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/judged.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let label_values = Regex::new(r"^label_values\((\w+), (\w+)\)$").unwrap();
    for query in variables.iter().filter_map(|variable| variable["definition"].as_str()) {
        let found = label_values.captures(query).expect(query);
        let labels = series.get(&found[1]).unwrap_or_else(|| panic!("there is no metric {}", &found[1]));
        assert!(labels.contains(&found[2]) || SCRAPED.contains(&&found[2]), "{query}");
    }
    let defined: BTreeSet<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    for name in captures(r"\$(\w+)", &shown) {
        assert!(name == "__rate_interval" || defined.contains(name.as_str()), "there is no variable ${name}");
    }
    let ids: Vec<&Value> = dashboard["panels"].as_array().unwrap().iter().map(|panel| &panel["id"]).collect();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len(), "two panels share an id");
}

// ---- Configurations ------------------------------------------------------------------------------------------------------

fn config(path: &str) -> Config {
    Config::load(Some(&root().join(path)), std::iter::empty()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn configurations_load_and_hold_no_secret() {
    use secrecy::ExposeSecret as _;
    for path in deployed(&[".toml"]) {
        let config = config(&path);
        let broker = config.intake.amqp.as_ref().map(|amqp| amqp.url.expose_secret().to_owned());
        for url in [Some(config.store.url.clone()), broker].into_iter().flatten() {
            let authority = url.split('/').nth(2).unwrap_or_default();
            let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
            assert!(!user.contains(':'), "{path}: a password in {url}");
        }
        // Others must reach it, which needs a token.
        assert!(!config.web.listen.ip().is_loopback() && config.web.token_env.is_some(), "{path}");
        // What the bare image starts with knows of no backend.
        assert!(!config.sinks.is_empty() || path == "deploy/container.toml", "{path}");
    }
}

#[test]
fn every_yaml_file_parses() {
    for path in deployed(&[".yaml", ".yml"]).into_iter().chain(["docker-compose.yml".to_owned()]) {
        assert!(yaml(&path).iter().all(Value::is_object), "{path}");
    }
}

// ---- Docker Compose ------------------------------------------------------------------------------------------------------

/// Seconds of `25s`, or of `1m`.
fn duration(text: &str) -> Duration {
    crate::config::duration::parse(text).unwrap()
}

/// What a command line of `judged run` says: whether its roles exist, and how long it drains.
fn drain(place: &str, command: &[&str]) -> Duration {
    let after = |option: &str| command.iter().position(|word| *word == option).map(|at| command[at + 1]);
    for role in after("--roles").into_iter().flat_map(|roles| roles.split(',')) {
        assert!(Role::from_str(role, false).is_ok(), "{place}: there is no role {role}");
    }
    duration(after("--drain").unwrap_or("25s"))
}

#[test]
fn compose_names_only_what_exists() {
    let compose = only("docker-compose.yml");
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        for (other, dependency) in service["depends_on"].as_object().into_iter().flatten() {
            let other_service =
                services.get(other).unwrap_or_else(|| panic!("{name} waits for {other}, which is none"));
            if dependency["condition"] == "service_healthy" {
                assert!(other_service["healthcheck"].is_object(), "{name} waits for the health of {other}");
            }
        }
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists(),
                None => keys(&compose["volumes"]).contains(source),
            };
            assert!(exists, "{name} mounts {source}, which does not exist");
        }
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port} to other machines");
        }
        let (_, tag) = service["image"].as_str().unwrap().rsplit_once(':').expect("a tag");
        assert_ne!(tag, "latest", "{name}");
        let command = texts(&service["command"]);
        if command.first() == Some(&"run") {
            let grace = duration(service["stop_grace_period"].as_str().unwrap());
            assert!(grace > drain(name, &command) + AFTER_DRAIN, "{name} is killed before it has drained");
        }
        for file in command.iter().filter(|word| word.starts_with("/demo/")) {
            assert!(root().join(&file[1..]).is_file(), "{name} replays {file}, which does not exist");
        }
    }
    let text = read("docker-compose.yml");
    let explained = read("deploy/env.example");
    for variable in captures(r"\$\{(\w+)", &text) {
        let line = format!("{variable}=");
        assert!(explained.lines().any(|explanation| explanation == line), "{variable} is not in deploy/env.example");
    }
    let given = keys(&compose["services"]["collector"]["environment"]);
    for variable in captures(r"\$\{env:(\w+)\}", &read("deploy/collector/rabbitmq.yaml")) {
        assert!(given.contains(variable.as_str()), "the Collector is not given {variable}");
    }
}

#[test]
fn every_role_is_played_in_compose_and_kubernetes() {
    let all: BTreeSet<String> =
        Role::value_variants().iter().map(|role| role.to_possible_value().unwrap().get_name().to_owned()).collect();
    for path in ["docker-compose.yml", "deploy/kubernetes/base/intake.yaml,deploy/kubernetes/base/worker.yaml"] {
        let text: String = path.split(',').map(read).collect();
        let played: BTreeSet<String> = captures(r#"--roles, "([^"]+)""#, &text)
            .iter()
            .flat_map(|roles| roles.split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert_eq!(played, all, "{path}");
    }
}

// ---- Image ----------------------------------------------------------------------------------------------------------------

#[test]
fn what_the_image_copies_is_in_its_context() {
    let ignored = read(".dockerignore");
    let copies = Regex::new(r"(?m)^COPY ([^-\s]\S*) (/\S+)").unwrap();
    let dockerfile = read("Dockerfile");
    assert!(copies.is_match(&dockerfile));
    for copied in copies.captures_iter(&dockerfile) {
        let (path, to) = (copied[1].to_owned(), &copied[2]);
        assert!(root().join(&path).is_file(), "{path}");
        assert!(ignored.lines().any(|line| line.strip_prefix('!') == Some(path.as_str())), "{path} is left out");
        let mode = root().join(&path).metadata().unwrap().permissions().mode();
        assert!(!to.contains("/bin/") || mode & 0o111 == 0o111, "{path} cannot be run");
    }
}
