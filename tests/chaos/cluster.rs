//! The workers: real processes, killed and started again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What every worker is told; the sink's address names the life of the worker.
pub struct Settings {
    pub database: String,
    pub broker: String,
    pub traces_queue: String,
    pub dead_letter_queue: String,
    pub judge: String,
    pub sink: String,
}

impl Settings {
    fn file(&self, life: u64) -> String {
        let Self { database, broker, traces_queue, dead_letter_queue, judge, sink } = self;
        format!(
            r#"
            rubrics = {{ dir = "none", enabled = ["harmfulness", "answer_relevance"] }}
            sampling = {{ rate = 1.0 }}
            # Short, so that what a killed worker held is given back before the test ends.
            assembly = {{ settle = "500ms", max_wait = "3s", lease = "5s" }}
            evaluation = {{ attempts = 2, lease = "4s" }}
            delivery = {{ lease = "6s" }}
            store = {{ url = "{database}" }}
            [intake]
            otlp = {{ http = "off", grpc = "off" }}
            [intake.amqp]
            url = "{broker}"
            traces_queue = "{traces_queue}"
            logs_queue = ""
            dead_letter_queue = "{dead_letter_queue}"
            [judges.default]
            provider = "openai"
            model = "moody"
            base_url = "{judge}"
            timeout = "1s"
            [[sinks]]
            name = "otel"
            type = "otlp"
            endpoint = "{sink}/{life}"
            timeout = "2s"
            [telemetry]
            log_format = "json"
            "#
        )
    }
}

struct Worker {
    life: u64,
    process: Child,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A test that failed leaves nobody behind. Those that ended by themselves cannot be killed.
        self.process.kill().unwrap_or(());
        drop(self.process.wait());
    }
}

/// The end of a life.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    pub life: u64,
    pub at: Instant,
}

/// Several workers and their histories.
pub struct Cluster {
    folder: PathBuf,
    settings: Settings,
    lives: u64,
    workers: Vec<Option<Worker>>,
    /// Every worker that was killed.
    pub killed: Vec<Death>,
    /// How many ended by themselves: a worker that cannot reach its database when it starts does.
    pub gave_up: u64,
}

impl Cluster {
    pub fn start(folder: &Path, settings: Settings, workers: usize) -> Self {
        let workers = (0..workers).map(|_| None).collect();
        let folder = folder.to_owned();
        let mut cluster = Self { folder, settings, lives: 0, workers, killed: Vec::new(), gave_up: 0 };
        cluster.begin_with_the_previous_release();
        cluster.revive();
        cluster
    }

    /// An upgrade begins with a database of the previous release, whose salt and placeholders both releases then share.
    fn begin_with_the_previous_release(&self) {
        if let Some(previous) = std::env::var_os("JUDGED_CHAOS_PREVIOUS") {
            let config = self.folder.join("0.toml");
            fs::write(&config, self.settings.file(0)).unwrap();
            let opened = self.judged(previous, &config).arg("ledger").output().unwrap();
            assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        }
    }

    /// Starts every worker that is not alive.
    pub fn revive(&mut self) {
        for slot in 0..self.workers.len() {
            if let Some(worker) = &mut self.workers[slot]
                && worker.process.try_wait().unwrap().is_some()
            {
                self.gave_up += 1;
                self.workers[slot] = None;
            }
            if self.workers[slot].is_none() {
                self.lives += 1;
                self.workers[slot] = Some(self.spawn(self.lives));
            }
        }
    }

    /// Every second life is one of the previous release, when the environment names its binary.
    fn release(life: u64) -> OsString {
        let previous = std::env::var_os("JUDGED_CHAOS_PREVIOUS").filter(|_| life.is_multiple_of(2));
        previous.unwrap_or_else(|| env!("CARGO_BIN_EXE_judged").into())
    }

    fn spawn(&self, life: u64) -> Worker {
        let config = self.folder.join(format!("{life}.toml"));
        fs::write(&config, self.settings.file(life)).unwrap();
        let log = File::create(self.log(life)).unwrap();
        let process = self
            .judged(Self::release(life), &config)
            .args(["run", "--roles", "intake,assemble,evaluate,deliver,calibrate"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Worker { life, process }
    }

    fn judged(&self, binary: impl AsRef<OsStr>, config: &Path) -> Command {
        let mut command = Command::new(binary);
        command.arg("--config").arg(config).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn log(&self, life: u64) -> PathBuf {
        self.folder.join(format!("{life}.log"))
    }

    /// SIGKILL, if it is alive.
    pub fn kill(&mut self, slot: usize) {
        if let Some(mut worker) = self.workers[slot].take() {
            worker.process.kill().unwrap();
            worker.process.wait().unwrap();
            self.killed.push(Death { life: worker.life, at: Instant::now() });
        }
    }

    pub fn size(&self) -> usize {
        self.workers.len()
    }

    /// SIGTERM to all. True when every one finished what it had in hand and ended well.
    pub async fn stop(&mut self) -> bool {
        let mut well = true;
        for worker in self.workers.iter().flatten() {
            let pid = worker.process.id().to_string();
            well &= Command::new("kill").args(["-TERM", &pid]).status().unwrap().success();
        }
        for worker in self.workers.iter_mut().flatten() {
            let deadline = Instant::now() + Duration::from_secs(40);
            let status = loop {
                match worker.process.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if Instant::now() > deadline => break None,
                    None => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            };
            well &= status.is_some_and(|status| status.success());
        }
        well
    }

    /// What `judged ledger` prints, and whether it says that the accounts balance.
    pub fn ledger(&self) -> (bool, String) {
        let config = self.folder.join(format!("{}.toml", self.lives));
        let output =
            self.judged(env!("CARGO_BIN_EXE_judged"), &config).args(["ledger", "--format", "json"]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// Lines of the logs that no fault from outside explains.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for life in 1..=self.lives {
            let log = fs::read_to_string(self.log(life)).unwrap();
            let wrong = |line: &&str| {
                ["task failed", "task ended", "panicked", "not balance"].iter().any(|sign| line.contains(sign))
            };
            complaints.extend(log.lines().filter(wrong).map(|line| format!("life {life}: {line}")));
        }
        complaints
    }
}
