//! Publishing and promoting, killed at many moments: the registry is as it was before or as it is after, and something is
//! always in production.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u32 = 12;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write(
            "judged.toml",
            "[store]\nurl = \"sqlite://judged.db\"\n[intake.otlp]\nhttp = \"127.0.0.1:0\"\ngrpc = \"off\"\n",
        );
        place.add_version(1);
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn add_version(&self, version: u32) {
        let text = include_str!("../../rubrics/harmfulness/v1.md").to_owned() + &format!("{{# {version} #}}\n");
        self.write(&format!("rubrics/tone/v{version}.md"), &text);
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("GIT_CEILING_DIRECTORIES", self.0.path().parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The versions of each rubric, and the one in production; empty before the first publication.
    fn registry(&self) -> BTreeMap<String, (Vec<u64>, Option<u64>)> {
        let output = Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(["rubrics", "list", "--registry", "--format", "json"])
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut registry: BTreeMap<String, (Vec<u64>, Option<u64>)> = BTreeMap::new();
        for row in rows.as_array().unwrap() {
            let version = row["version"].as_u64().unwrap();
            let (versions, production) = registry.entry(row["name"].as_str().unwrap().to_owned()).or_default();
            versions.push(version);
            if row["aliases"].as_array().unwrap().iter().any(|alias| alias == "production") {
                *production = Some(version);
            }
        }
        registry
    }

    /// Runs the command to its end; how long that took.
    fn finish(&self, arguments: &[&str]) -> Duration {
        let start = Instant::now();
        assert!(self.spawn(arguments).wait().unwrap().success(), "{arguments:?}");
        start.elapsed()
    }

    fn kill_after(&self, arguments: &[&str], delay: Duration) {
        let mut process = self.spawn(arguments);
        std::thread::sleep(delay);
        drop(process.kill());
        process.wait().unwrap();
    }
}

#[test]
fn a_first_publication_is_whole_or_has_not_happened() {
    let time = Place::new().finish(&["rubrics", "publish"]);
    for kill in 1..=KILLS {
        let place = Place::new();
        let command: &[&str] = if kill % 2 == 0 { &["rubrics", "publish"] } else { &["run"] };
        place.kill_after(command, time * kill / KILLS);
        let registry = place.registry();
        assert!(registry.is_empty() || registry.len() == 12, "{registry:?}");
        assert!(registry.values().all(|(_, production)| *production == Some(1)), "{registry:?}");
        place.finish(&["rubrics", "publish"]);
        assert_eq!(place.registry().len(), 12);
    }
}

#[test]
fn a_killed_promotion_leaves_one_of_the_two_versions_in_production() {
    let place = Place::new();
    place.finish(&["rubrics", "publish"]);
    let mut time = Duration::ZERO;
    for version in 2..=KILLS {
        place.add_version(version);
        let before = place.registry();
        place.kill_after(&["rubrics", "publish"], time * version / KILLS);
        let (versions, production) = place.registry()["tone"].clone();
        let newest = u64::from(version);
        assert!(versions.len() as u64 == newest || versions.len() as u64 == newest - 1, "{versions:?}");
        assert_eq!(production, before["tone"].1, "publishing promotes nothing");
        time = place.finish(&["rubrics", "publish"]).max(time);

        place.kill_after(&["rubrics", "promote", "tone", &version.to_string()], time * version / KILLS);
        let production = place.registry()["tone"].1;
        assert!(production == before["tone"].1 || production == Some(newest), "{production:?}");
        place.finish(&["rubrics", "promote", "tone", &version.to_string()]);
    }
}
