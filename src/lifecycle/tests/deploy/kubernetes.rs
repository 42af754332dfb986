//! The manifests and the unit fit the program.

use super::*;

const BASE: &str = "deploy/kubernetes/base";

fn deployment(name: &str) -> Value {
    let documents = yaml(&format!("{BASE}/{name}.yaml"));
    documents.into_iter().find(|document| document["kind"] == "Deployment").unwrap()
}

/// What each secret of the example holds.
fn secrets() -> BTreeMap<String, BTreeSet<String>> {
    let documents = yaml("deploy/kubernetes/secret.example.yaml");
    let held = |secret: &Value| keys(&secret["stringData"]).into_iter().map(str::to_owned).collect();
    documents.iter().map(|secret| (secret["metadata"]["name"].as_str().unwrap().to_owned(), held(secret))).collect()
}

/// The variables that a deployment's container is given out of secrets.
fn given_secrets(deployment: &Value) -> BTreeSet<String> {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let sources = container["envFrom"].as_array().unwrap().iter();
    sources.flat_map(|source| secrets()[source["secretRef"]["name"].as_str().unwrap()].clone()).collect()
}

#[test]
fn deployments_probe_the_pages_and_outlive_their_drain() {
    let config = config(&format!("{BASE}/judged.toml"));
    for path in ["intake", "worker"] {
        let deployment = deployment(path);
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let grace = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap());
        assert!(grace > drain(path, &texts(&container["args"])) + AFTER_DRAIN, "{path}: killed before it has drained");
        for (probe, page) in
            [("livenessProbe", "/healthz"), ("startupProbe", "/healthz"), ("readinessProbe", "/readyz")]
        {
            let get = &container[probe]["httpGet"];
            assert_eq!(get["path"], page, "{path} {probe}");
            let ports = container["ports"].as_array().unwrap();
            let port = ports.iter().find(|port| port["name"] == get["port"]).unwrap();
            assert_eq!(port["containerPort"].as_u64(), Some(u64::from(config.web.listen.port())), "{path} {probe}");
        }
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        for limit in ["memory", "ephemeral-storage"] {
            assert!(container["resources"]["limits"][limit].is_string(), "{path} has no limit of {limit}");
        }
    }
}

#[test]
fn only_the_process_that_calls_judges_is_given_their_keys() {
    let config = config(&format!("{BASE}/judged.toml"));
    let token = config.web.token_env.unwrap();
    let key = config.judges["default"].api_key_env.clone().unwrap();
    let (intake, worker) = (given_secrets(&deployment("intake")), given_secrets(&deployment("worker")));
    assert!(intake.contains(&token) && worker.contains(&token), "{token}");
    assert!(worker.contains(&key) && !intake.contains(&key), "{key}");
}

/// Below the folder of a kustomization, all that it names.
fn assert_complete(folder: &str) {
    let kustomization = only(&format!("{folder}/kustomization.yaml"));
    let generated = kustomization["configMapGenerator"].as_array().into_iter().flatten();
    let files = generated.flat_map(|generator| texts(&generator["files"]));
    for named in texts(&kustomization["resources"]).into_iter().chain(files) {
        assert!(root().join(folder).join(named).exists(), "{folder} names {named}");
    }
}

#[test]
fn kustomizations_name_only_what_exists() {
    let folders: Vec<String> = deployed(&["kustomization.yaml"])
        .iter()
        .map(|path| path.trim_end_matches("/kustomization.yaml").to_owned())
        .collect();
    assert_eq!(folders.len(), 5, "{folders:?}");
    for folder in &folders {
        assert_complete(folder);
    }
}

#[test]
fn the_overlay_without_a_broker_differs_in_the_broker_alone() {
    let base = config(&format!("{BASE}/judged.toml"));
    let overlay = config("deploy/kubernetes/otlp-only/judged.toml");
    assert!(base.intake.amqp.is_some() && overlay.intake.amqp.is_none());
    let without_broker = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
        lines.collect::<Vec<_>>().join("\n").replace("\n\n", "\n")
    };
    let broker = Regex::new(r"(?s)\[intake\.amqp\].*?\n\n").unwrap();
    let text = read(&format!("{BASE}/judged.toml"));
    let expected = without_broker(broker.replace(&text, "").into_owned());
    assert_eq!(without_broker(read("deploy/kubernetes/otlp-only/judged.toml")), expected);
}

/// The rules of the Prometheus Operator are those of `alerts.yml`, word for word.
#[test]
fn docs_page_of_rules_for_the_operator_is_that_of_prometheus() {
    const PATH: &str = "deploy/kubernetes/monitoring/rules.yaml";
    let alerts = read("deploy/prometheus/alerts.yml");
    let groups = &alerts[alerts.find("groups:").unwrap()..];
    let indented: String =
        groups.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect();
    let written = read(PATH);
    let head = &written[..written.find("spec:\n").unwrap()];
    let expected = format!("{head}spec:\n{indented}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(PATH), expected).unwrap();
        return;
    }
    assert!(written == expected, "{PATH} is out of date; run UPDATE_DOCS=1 cargo test --lib docs_page");
    assert_eq!(only(PATH)["spec"]["groups"], only("deploy/prometheus/alerts.yml")["groups"]);
}

#[test]
fn every_alert_is_tried_with_series_that_raise_it() {
    let tests = only("deploy/prometheus/tests/alerts.test.yml");
    let tests = tests["tests"].as_array().unwrap();
    let checks = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let raised: BTreeSet<&str> = checks
        .filter(|check| !check["exp_alerts"].as_array().unwrap().is_empty())
        .map(|check| check["alertname"].as_str().unwrap())
        .collect();
    let alerts = alerts();
    let all: BTreeSet<&str> = alerts.iter().map(|alert| alert.place.as_str()).collect();
    assert_eq!(raised, all);
}

#[test]
fn scraping_gives_processes_the_names_by_which_rules_know_them() {
    let jobs: BTreeSet<String> = only("deploy/prometheus/prometheus.yml")["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["job_name"].as_str().unwrap().to_owned())
        .collect();
    let pods: BTreeSet<String> =
        ["intake", "worker"].map(|name| deployment(name)["metadata"]["name"].as_str().unwrap().to_owned()).into();
    assert_eq!(jobs, pods);
    let monitor = only("deploy/kubernetes/monitoring/podmonitor.yaml");
    let selected = &monitor["spec"]["selector"]["matchExpressions"][0];
    assert_eq!(monitor["spec"]["jobLabel"], selected["key"]);
    assert_eq!(texts(&selected["values"]), pods.iter().map(String::as_str).collect::<Vec<_>>());
    for alert in alerts().iter().filter(|alert| alert.text.contains("up{")) {
        let known = captures(r#"job=~"([^"]+)""#, &alert.text).join("|");
        assert!(known.split('|').any(|job| job == "judged-intake"), "{}: {known}", alert.place);
        assert!(known.split('|').all(|job| job == "judged" || jobs.contains(job)), "{}: {known}", alert.place);
    }
}

#[test]
fn scaled_objects_scale_deployments_by_queues_that_are_consumed() {
    let deployments: BTreeSet<String> = ["intake", "worker"]
        .iter()
        .map(|name| deployment(name))
        .map(|document| document["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let amqp = config(&format!("{BASE}/judged.toml")).intake.amqp.unwrap();
    for document in yaml("deploy/kubernetes/keda/autoscaling.yaml") {
        let Some(target) = document["spec"]["scaleTargetRef"]["name"].as_str() else { continue };
        assert!(deployments.contains(target), "there is no deployment {target}");
        for trigger in document["spec"]["triggers"].as_array().unwrap() {
            if let Some(queue) = trigger["metadata"]["queueName"].as_str() {
                assert!([&amqp.traces_queue, &amqp.logs_queue].iter().any(|known| *known == queue), "{queue}");
            }
        }
    }
}

#[test]
fn the_unit_waits_longer_than_judged_drains() {
    let unit = read("deploy/systemd/judged.service");
    let setting = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
    let command = setting("ExecStart=");
    let command: Vec<&str> = command.split(' ').collect();
    assert!(duration(&setting("TimeoutStopSec=")) > drain("judged.service", &command) + AFTER_DRAIN);
}
