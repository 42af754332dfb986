//! The Collector files are complete, lead nothing back, and bound what they send.

use super::*;
use crate::config::sinks::SinkTarget;

/// Files, the exporter in each that leads to judged, and the one that cuts what is sent there.
const FILES: [(&str, &str, &str); 3] = [
    ("deploy/collector/rabbitmq.yaml", "rabbitmq", "otlp_grpc/sized"),
    ("deploy/collector/kafka.yaml", "kafka", "kafka"),
    ("deploy/collector/otlp.yaml", "otlp_grpc/judged", "otlp_grpc/judged"),
];

const MIB: u64 = 1 << 20;

/// The receiver of the same file that an exporter sends to, if any.
fn own_receiver<'a>(collector: &'a Value, exporter: &str) -> Option<&'a String> {
    let endpoint = collector["exporters"][exporter]["endpoint"].as_str()?;
    let receivers = collector["receivers"].as_object().unwrap();
    receivers.iter().find(|(_, receiver)| receiver["protocols"]["grpc"]["endpoint"] == endpoint).map(|(name, _)| name)
}

/// Everything that a pipeline leads to, through the Collector's own receivers as well.
fn reached(collector: &Value, receiver: &str) -> BTreeSet<String> {
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    let (mut reached, mut sources) = (BTreeSet::new(), vec![receiver.to_owned()]);
    while let Some(source) = sources.pop() {
        for pipeline in pipelines.values().filter(|pipeline| texts(&pipeline["receivers"]).contains(&source.as_str())) {
            for exporter in texts(&pipeline["exporters"]) {
                if reached.insert(exporter.to_owned()) {
                    sources.extend(own_receiver(collector, exporter).cloned());
                }
            }
        }
    }
    reached
}

#[test]
fn collectors_are_complete_and_scores_do_not_come_back() {
    for (path, judge, sized) in FILES {
        let collector = only(path);
        let mut used = BTreeSet::new();
        let pipelines = collector["service"]["pipelines"].as_object().unwrap();
        for (name, pipeline) in pipelines {
            for kind in ["receivers", "processors", "exporters"] {
                for component in texts(&pipeline[kind]) {
                    let declared = keys(&collector[kind]).contains(component);
                    assert!(declared, "{path}: {name} uses {component}, which is not among the {kind}");
                    used.insert(component);
                }
            }
        }
        for kind in ["receivers", "processors", "exporters"] {
            for component in keys(&collector[kind]) {
                assert!(used.contains(component), "{path}: nothing uses {component}");
            }
        }
        assert!(reached(&collector, "otlp").contains(judge), "{path}: spans do not reach judged");
        assert!(!reached(&collector, "otlp/scores").contains(judge), "{path}: scores are led back to judged");
        // Nothing cuts a request between the grouping by trace and the exporter that counts bytes.
        let way = &pipelines["traces/judge"];
        assert_eq!(texts(&way["processors"]).last(), Some(&"groupbytrace"), "{path}");
        assert_eq!(texts(&way["exporters"]), [sized], "{path}");
    }
}

#[test]
fn no_message_is_larger_than_what_the_next_hop_takes() {
    for (path, _, sized) in FILES {
        let collector = only(path);
        let largest = |exporter: &str| {
            let batch = &collector["exporters"][exporter]["sending_queue"]["batch"];
            assert_eq!(batch["sizer"], "bytes", "{path}: {exporter}");
            batch["max_size"].as_u64().unwrap()
        };
        // A backend's receiver takes 4 MiB by default, judged's 20 MiB, a message of RabbitMQ 4 may have 16 MiB.
        assert!(largest("otlp_grpc/backend") < 4 * MIB, "{path}");
        assert!(largest(sized) < 20 * MIB, "{path}");
        for (name, receiver) in collector["receivers"].as_object().unwrap() {
            let limit = receiver["protocols"]["grpc"]["max_recv_msg_size_mib"].as_u64();
            assert!(limit.is_some_and(|limit| limit > 4), "{path}: {name} keeps the default of 4 MiB");
        }
        // A single span over the largest batch is dropped: what the broker takes must not be.
        if let Some(receiver) = own_receiver(&collector, sized) {
            let limit = collector["receivers"][receiver]["protocols"]["grpc"]["max_recv_msg_size_mib"].as_u64();
            assert!(limit < Some(16), "{path}: {receiver} lets through what the broker refuses");
            assert!((14 * MIB..15 * MIB).contains(&largest(sized)), "{path}: {}", largest(sized));
        }
        // Kafka's exporter loses a batch over its limit, and brokers take 1 MiB by default.
        if let Some(limit) = collector["exporters"][sized]["producer"]["max_message_bytes"].as_u64() {
            assert!(largest(sized) < limit && limit < MIB, "{path}: {}", largest(sized));
        }
    }
}

#[test]
fn exporters_go_by_the_names_that_are_not_deprecated() {
    for (path, ..) in FILES {
        for exporter in keys(&only(path)["exporters"]) {
            let kind = exporter.split('/').next().unwrap();
            assert!(!["otlp", "otlphttp"].contains(&kind), "{path}: {exporter} is deprecated: otlp_grpc or otlp_http");
        }
    }
}

#[test]
fn judged_and_the_collector_agree_on_queues_and_addresses() {
    let collector = only("deploy/collector/rabbitmq.yaml");
    // Without routing the exporter publishes to the queues that judged consumes by default.
    assert!(collector["exporters"]["rabbitmq"]["routing"].is_null());
    for path in deployed(&[".toml"]) {
        let config = config(&path);
        if let Some(amqp) = config.intake.amqp {
            assert_eq!((amqp.traces_queue.as_str(), amqp.logs_queue.as_str()), ("otlp_spans", "otlp_logs"), "{path}");
        }
        if let Some(kafka) = config.intake.kafka {
            assert_eq!((kafka.traces_topic.as_str(), kafka.logs_topic.as_str()), ("otlp_spans", "otlp_logs"), "{path}");
        }
        let scores = collector["receivers"]["otlp/scores"]["protocols"]["grpc"]["endpoint"].as_str().unwrap();
        let port = scores.rsplit(':').next().unwrap();
        let Some(SinkTarget::Otlp(target)) = config.sinks.first().map(|sink| &sink.target) else {
            assert_eq!(path, "deploy/container.toml");
            continue;
        };
        let sink = target.endpoint.as_deref().unwrap();
        assert!(sink.ends_with(&format!(":{port}")), "{path}: scores go to {sink}, the receiver listens on {scores}");
    }
}
