//! Processes that begin on one database, and the command that shows and rotates their keys.

use std::process::{Command, Output, Stdio};

struct Installed {
    files: tempfile::TempDir,
}

impl Installed {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", files.path().join("judged.db").display());
        std::fs::write(files.path().join("judged.toml"), format!("[store]\nurl = \"{url}\"\n")).unwrap();
        Self { files }
    }

    fn judged(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_judged"));
        command.current_dir(self.files.path()).args(arguments).stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.judged(arguments).output().unwrap()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn processes_may_open_a_new_sqlite_database_at_once() {
    for _ in 0..3 {
        let installed = Installed::new();
        let started: Vec<_> = (0..3)
            .map(|_| {
                let mut doctor = installed.judged(&["doctor", "--no-judges"]);
                doctor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for process in started {
            let output = process.wait_with_output().unwrap();
            assert!(text(&output).contains("reachable, schema up to date"), "{}", text(&output));
        }
    }
}

#[test]
fn keys_are_shown_by_their_origin_and_rotated_only_when_asked_for() {
    let installed = Installed::new();
    installed.output(&["doctor", "--no-judges"]);
    let shown = text(&installed.output(&["secrets", "show"]));
    assert!(shown.contains("the salt in the database") && shown.contains("the secret in the database"), "{shown}");
    let refused = installed.output(&["secrets", "rotate"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("say --yes") && text(&refused).contains("stop all of them first"));
    let rotated = installed.output(&["secrets", "rotate", "--yes"]);
    assert!(rotated.status.success(), "{}", text(&rotated));
}
