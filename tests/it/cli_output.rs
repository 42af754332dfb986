//! What commands do with standard output and standard error, whatever they print.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

/// A folder with a database in which the shipped rubrics are published.
struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("judged.toml"), "[store]\nurl = \"sqlite://judged.db\"\n").unwrap();
        let place = Self(folder);
        assert!(place.run("rubrics publish", Stdio::piped()).status.success());
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, command: &str, stdout: impl Into<Stdio>) -> Output {
        Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(command.split(' '))
            .current_dir(self.0.path())
            .env("GIT_CEILING_DIRECTORIES", "/")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    }

    /// Exit code and standard error of a command whose standard output nobody reads any more.
    fn unread(&self, command: &str) -> (Option<i32>, String) {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        outcome(&self.run(command, writer))
    }
}

fn outcome(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// 300 labels, of which judge and human agree on 90 % at first and on 50 % in the end.
fn history_with_a_fall() -> String {
    let line = |index: usize| {
        let human = index % 3;
        let agrees = if index < 240 { !index.is_multiple_of(10) } else { index.is_multiple_of(2) };
        let judge = if agrees { human } else { (human + 1) % 3 };
        format!("{{\"time\":\"day {index}\",\"item_id\":{index},\"human\":{human},\"judge\":{judge}}}\n")
    };
    (0..300).map(line).collect()
}

const LABELS: &str = "{\"item_id\":\"a\",\"human\":{\"ada\":1},\"judge\":{\"mini\":1}}\n";

/// Scenario: `judged … | head`. Guarantee: a command ends as it would with a reader, and says nothing of the closed pipe.
#[test]
fn a_reader_that_stops_early_changes_no_exit_code_and_is_no_error() {
    let place = Workplace::new();
    place.write("labels.jsonl", LABELS);
    place.write("history.jsonl", &history_with_a_fall());
    for command in [
        "agreement labels.jsonl --format json",
        "alerts list",
        "alerts list --format json",
        "anchors list",
        "calibration",
        "doctor --no-judges",
        "drift",
        "drift history.jsonl --fail",
        "export",
        "export --format csv",
        "inspect --conventions",
        "labels export",
        "ledger",
        "ledger --format json",
        "plan --drop 0.3",
        "plan --drop 0.3 --format svg",
        "report",
        "rubrics check",
        "rubrics list",
        "rubrics list --registry",
        "rubrics promote faithfulness 1",
        "rubrics show faithfulness",
        "rubrics test",
        "simulate --streams 1 --samples 10",
    ] {
        let read = outcome(&place.run(command, Stdio::piped()));
        assert_eq!(place.unread(command), read, "judged {command}");
    }
    assert_eq!(place.unread("drift history.jsonl --fail").0, Some(3));
}

/// Scenario: the disk is full. Guarantee: an incomplete listing is a failure that says so.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let place = Workplace::new();
    for command in ["plan --drop 0.3", "rubrics list", "inspect --conventions --format json"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, error) = outcome(&place.run(command, full));
        assert_eq!(code, Some(1), "judged {command}");
        assert!(error.starts_with("error: cannot write to standard output: "), "judged {command}: {error}");
    }
}

/// Scenario: names in a span hold terminal escapes. Guarantee: no form of printing sends them to the terminal.
#[test]
fn what_stands_in_a_span_does_not_steer_the_terminal() {
    let place = Workplace::new();
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let attributes = [
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.request.model", r"gpt\u001b[2J\u0007\u009b31m"),
        attribute(r"gen_ai.unheard_of.\u001b]0;title\u0007", "x"),
    ];
    let span = format!(
        r#"{{"traceId":"a30e0c04b7c7f05d9e7f61037cb86b6b","spanId":"6bdc1f3a9b1c2d3e","name":"chat \u001b[31m","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{}]}}"#,
        attributes.join(",")
    );
    place.write(
        "spans.jsonl",
        &format!(r#"{{"resourceSpans":[{{"resource":{{}},"scopeSpans":[{{"scope":{{}},"spans":[{span}]}}]}}]}}"#),
    );
    for command in ["inspect spans.jsonl", "inspect spans.jsonl --format json"] {
        let output = place.run(command, Stdio::piped());
        let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains("gpt"), "{printed}");
        let obeyed = |letter: char| letter.is_ascii_control() && letter != '\n';
        assert!(!printed.contains(obeyed), "judged {command}: {printed:?}");
    }
}
