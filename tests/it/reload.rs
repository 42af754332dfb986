//! SIGHUP and a changed file, on a running process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    files: tempfile::TempDir,
    process: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(sampling: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        write(&files, sampling);
        let mut process = Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(["run", "--roles", "intake,assemble"])
            .current_dir(files.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let running = Self { files, process, lines };
        running.says("OTLP/HTTP");
        running
    }

    /// Waits for a line of the log that holds `text`.
    fn says(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with `{text}` in:\n{}", seen.join("\n"));
    }

    fn change(&self, sampling: &str) {
        write(&self.files, sampling);
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn write(files: &tempfile::TempDir, sections: &str) {
    let url = format!("sqlite://{}", files.path().join("judged.db").display());
    let text = format!(
        "{sections}\n[store]\nurl = \"{url}\"\n[intake.otlp]\nhttp = \"127.0.0.1:0\"\ngrpc = \"off\"\n[rubrics]\nenabled = []\n"
    );
    std::fs::write(files.path().join("judged.toml"), text).unwrap();
}

#[test]
fn a_running_process_takes_new_rates_and_patterns_and_names_what_needs_a_restart() {
    let running = Running::start("sampling.rate = 0.1");
    running.change("sampling.rate = 0.5\nassembly.settle = \"3s\"");
    assert!(running.says("need a restart").contains("assembly.settle"));
    assert!(running.says("settings reloaded").contains("sampling.rate"));

    running.change("sampling.rate = 2.0");
    let refused = running.says("settings not reloaded");
    assert!(refused.contains("judged.toml") && refused.contains("line 1"), "{refused}");

    running.change("[[privacy.patterns]]\nname = \"ticket\"\nregex = \"(\"\n[sampling]\nrate = 0.5");
    assert!(running.says("settings not reloaded").contains("ticket"));
    running.change("[[privacy.patterns]]\nname = \"ticket\"\nregex = \"FJ-[0-9]{5}\"\n[sampling]\nrate = 0.5");
    assert!(running.says("settings reloaded").contains("privacy.patterns"));
}

#[test]
fn a_changed_file_is_found_without_a_signal() {
    let running = Running::start("sampling.rate = 0.1");
    write(&running.files, "sampling.rate = 0.7");
    assert!(running.says("settings reloaded").contains("sampling.rate"));
}
