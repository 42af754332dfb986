//! `judged replay` as a person runs it: the real program against real receivers.

use std::io::Write;
use std::process::Output;

use prost::Message;

use super::*;

async fn replay(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_judged"));
    command.arg("replay").args(arguments).current_dir(directory.path()).output().await.unwrap()
}

fn file(extension: &str, content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_kind_arrive_over_every_wire() {
    let lines =
        format!("{}\n{}\n", serde_json::to_string(&traces(1, 2)).unwrap(), serde_json::to_string(&logs(1, 3)).unwrap());
    let (lines, binary) = (file(".jsonl", lines.as_bytes()), file(".binpb", &traces(2, 4).encode_to_vec()));
    let files = [lines.path().to_str().unwrap(), binary.path().to_str().unwrap()];
    let service = Service::start("", "rate = 1").await;
    let targets = [format!("http://{}", service.http), format!("grpc://{}", service.grpc)];
    for (round, to) in targets.iter().enumerate() {
        let output = replay(&[files[0], files[1], "--to", to]).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.ends_with(": 3 requests, 6 spans, 3 log records\n"), "{said}");
        let account = service.account().await;
        assert_eq!((account.kept, account.duplicate), (9, 9 * round as i64), "the same files again are duplicates");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_and_the_rest_is_sent() {
    let service = Service::start("", "rate = 1").await;
    let lines = format!(
        "{}\nnonsense\n{}\n",
        serde_json::to_string(&traces(1, 1)).unwrap(),
        serde_json::to_string(&traces(2, 1)).unwrap()
    );
    let lines = file(".jsonl", lines.as_bytes());
    let to = format!("http://{}", service.http);
    let output = replay(&[lines.path().to_str().unwrap(), "/nowhere/spans.jsonl", "--to", &to]).await;
    assert_eq!(output.status.code(), Some(1));
    let complaints = text(&output.stderr);
    assert!(complaints.contains(".jsonl:2: not an OTLP request"), "{complaints}");
    assert!(complaints.contains("cannot read /nowhere/spans.jsonl"), "{complaints}");
    assert!(text(&output.stdout).contains("2 requests, 2 spans, 0 log records; 2 requests could not be read"));
    assert_eq!(service.account().await.kept, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_target_is_wrong_usage_and_an_absent_one_a_failure() {
    let binary = file(".binpb", &traces(1, 1).encode_to_vec());
    let path = binary.path().to_str().unwrap();
    let output = replay(&[path, "--to", "localhost:4328"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("http(s)://host:port, grpc(s)://host:port or amqp(s)://"));
    for to in ["http://127.0.0.1:9", "grpc://127.0.0.1:9", "amqp://me:hunter2@127.0.0.1:9"] {
        let output = replay(&[path, "--to", to]).await;
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{to}: {complaint}");
        assert!(complaint.contains("is judged running there?") && complaint.contains("127.0.0.1:9"), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_asked_again() {
    let service = Service::start("retry_after_seconds = 1", "rate = 1").await;
    service.store.away.store(true, Ordering::SeqCst);
    let binary = file(".binpb", &traces(1, 5).encode_to_vec());
    let (path, to) = (binary.path().to_str().unwrap().to_owned(), format!("http://{}", service.http));
    let replaying = tokio::spawn(async move { replay(&[&path, "--to", &to]).await });
    eventually("a refusal", async || !service.intake.status().troubles().is_empty()).await;
    service.store.away.store(false, Ordering::SeqCst);
    let output = replaying.await.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(service.account().await.kept, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_filled_with_confirmation_and_a_missing_queue_noticed() {
    let url = std::env::var("JUDGED_TEST_AMQP_URL")
        .expect("JUDGED_TEST_AMQP_URL is not set: run the suite with scripts/test, which starts a RabbitMQ");
    let name = |what: &str| format!("test-{what}-{}", uuid::Uuid::now_v7().simple());
    let (traces_queue, logs_queue, dead) = (name("replay-spans"), name("replay-logs"), name("replay-dead"));
    let section = format!(
        "url = \"{url}\"\ntraces_queue = \"{traces_queue}\"\nlogs_queue = \"{logs_queue}\"\ndead_letter_queue = \"{dead}\"\n"
    );
    let config = file(".toml", format!("[intake.amqp]\n{section}").as_bytes());
    let binary = file(".binpb", &traces(1, 5).encode_to_vec());
    let arguments = [binary.path().to_str().unwrap(), "--to", &url, "--config", config.path().to_str().unwrap()];
    let output = replay(&arguments).await;
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains(&format!("queue `{traces_queue}` does not exist")), "{complaint}");
    let service = Service::start(&format!("[amqp]\n{section}"), "rate = 1").await;
    eventually("the consumer", async || replay(&arguments).await.status.success()).await;
    eventually("the spans", async || service.account().await.kept == 5).await;
    service.stop().await;
}
