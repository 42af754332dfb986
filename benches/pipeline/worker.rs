//! `judged run` as a process, and what the kernel says about it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running worker; it ends with this.
pub struct Worker(Child);

impl Worker {
    /// A worker with these roles (all for an empty list); its log goes to `log` in `folder`.
    pub fn start(folder: &Path, config: &str, roles: &str) -> Self {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
        // Another build of the same program can be measured, for a comparison.
        let program = std::env::var_os("JUDGED_BENCH_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_judged").into());
        let process = Command::new(program)
            .arg("--config")
            .arg(&file)
            .args(["run", "--roles", roles])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(process)
    }

    /// Processor time so far, user and system, in milliseconds.
    pub fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // The name in parentheses may hold spaces; utime and stime are the 14th and 15th fields.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().map(|index| fields[*index].parse::<f64>().unwrap()).sum();
        // Linux counts in hundredths of a second on every architecture it tells programs about.
        ticks * 10.0
    }

    /// Resident memory in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
