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
        Self::start_in(files)
    }

    fn start_in(files: tempfile::TempDir) -> Self {
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

    fn command(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_judged"));
        let output = command.args(arguments).current_dir(self.files.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
    write_with_rubrics(files, sections, "[]");
}

fn write_with_rubrics(files: &tempfile::TempDir, sections: &str, enabled: &str) {
    let url = format!("sqlite://{}", files.path().join("judged.db").display());
    let text = format!(
        "{sections}\n[store]\nurl = \"{url}\"\n[intake.otlp]\nhttp = \"127.0.0.1:0\"\ngrpc = \"off\"\n[rubrics]\nenabled = {enabled}\n"
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

fn write_tone(files: &tempfile::TempDir, version: u32, text: &str) {
    let folder = files.path().join("rubrics/tone");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("v{version}.md")), text).unwrap();
}

#[test]
fn a_new_file_judges_once_it_is_published_and_promoted() {
    const TONE: &str = include_str!("../../rubrics/harmfulness/v1.md");
    let files = tempfile::tempdir().unwrap();
    write_with_rubrics(&files, "", "[\"tone\"]");
    write_tone(&files, 1, TONE);
    let running = Running::start_in(files);
    write_tone(&running.files, 2, &(TONE.to_owned() + "{# other #}\n"));
    assert!(running.says("not published").contains("tone v2 is not published"));
    running.command(&["rubrics", "publish"]);
    running.command(&["rubrics", "promote", "tone", "2"]);
    let line = running.says("judges from now on");
    assert!(line.contains("tone") && line.contains("\"version\":2"), "{line}");
}

#[test]
fn a_file_that_cannot_be_used_stops_no_start_once_its_rubric_is_published() {
    let files = tempfile::tempdir().unwrap();
    write_with_rubrics(&files, "", "[\"tone\"]");
    write_tone(&files, 1, include_str!("../../rubrics/harmfulness/v1.md"));
    let mut running = Running::start_in(files);
    running.process.kill().unwrap();
    running.process.wait().unwrap();
    let files = std::mem::replace(&mut running.files, tempfile::tempdir().unwrap());
    write_tone(&files, 1, "no front matter");
    Running::start_in(files);
}
