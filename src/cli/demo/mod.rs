//! `judged demo`: the main job on bundled real spans, intake to report, in one go and in a throw-away directory.
//!
//! Nothing here is a shortcut: the spans go over OTLP/HTTP into the same service that `judged run` starts, and the scores
//! come back over OTLP. Only the times are shorter, because nothing more will come.

mod data;
mod receiver;
mod scenario;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::data::{LABELS, RECORDINGS};
use self::receiver::Receiver;
use super::exit::success_if;
use super::output::Output;
use crate::clock::Clock;
use crate::config::intake::Listen;
use crate::config::sinks::SinkConfig;
use crate::config::{Config, RubricsConfig};
use crate::labels::file::{LabelFile, Reading};
use crate::labels::{self, Terms};
use crate::lifecycle::{Lifecycle, Role, Service};
use crate::model::LabelWay;
use crate::model::Probability;
use crate::store::{Ledger, Store};
use crate::telemetry::Telemetry;

/// Runs the main job on bundled real spans: intake to report, in one go, without key or server.
///
/// Exit code 1 when the ledger does not balance or no score arrived.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The share of traces that is judged. Production judges 10–20 %; the demo judges all, so that there is something to see.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Where database and report go; by default a new directory among the temporary files.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Simulates weeks in which something moves, or nothing does, and shows what the drift report makes of them.
    #[arg(long, value_enum, conflicts_with = "rate")]
    scenario: Option<scenario::Scenario>,
    /// The same seed gives the same simulation.
    #[arg(long, default_value_t = 3, requires = "scenario")]
    seed: u64,
}

/// Longer than any stage should take, even with a slow judge.
const PATIENCE: Duration = Duration::from_mins(10);

pub(super) async fn run(args: Args, config: Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let rate = Probability::try_from(args.rate).context("--rate")?;
    let out = directory(args.out)?;
    if let Some(scenario) = args.scenario {
        return scenario::run(scenario, args.seed, config, &out, output).await;
    }
    let telemetry = Telemetry::start(&quiet(&config))?;
    let lifecycle = Lifecycle::new();
    let receiver = Receiver::start(lifecycle.soft()).await.context("cannot listen on the loopback interface")?;
    let config = demo_config(config, rate, &out, &receiver)?;
    let store = Store::open(&config.store.url, Clock::system()).await?;
    let roles = [Role::Intake, Role::Assemble, Role::Evaluate, Role::Deliver, Role::Calibrate].into();
    let service = Service::build(config.clone(), roles, store.clone()).await?;
    let (http, _) = service.intake_addresses();
    let http = http.context("the demo's OTLP receiver has no address")?;
    output.say(summary::opening(&service, rate, &out))?;
    service.start(&lifecycle);

    let clock = Instant::now();
    let sent = send(&format!("http://{http}")).await?;
    let what = format!("{} export requests over OTLP/HTTP, {} bytes", sent.requests, sent.bytes);
    summary::step(output, "intake", &what, clock)?;

    let clock = Instant::now();
    let ledger = wait_until(&store, |ledger| settled(ledger) && !ledger.rubrics.is_empty(), output).await?;
    summary::judged(output, &ledger, clock)?;

    let clock = Instant::now();
    let ledger = wait_until(&store, |ledger| ledger.deliveries.values().all(|sink| sink.owed == 0), output).await?;
    let received = receiver.received();
    summary::delivered(output, &received, clock)?;

    let clock = Instant::now();
    let rubrics = super::labels::labelled_rubrics(&config)?;
    let key = super::labels::seal_key(&store, &config).await?;
    let terms = Terms { rubrics: &rubrics, via: LabelWay::Import, key: &key, trusts_draws: true };
    let labels = LabelFile::open(LABELS.as_bytes().to_vec(), &Reading::default())?;
    let import = labels::import(&store, &terms, labels).await?;
    summary::labelled(output, &import, rate, clock)?;

    lifecycle.stop();
    lifecycle.drain(Duration::from_secs(10)).await;
    let clock = Instant::now();
    let report = super::report::write(&store, &config, &out).await?;
    summary::step(output, "report", "HTML, Markdown and JSON", clock)?;
    output.say(format_args!("\n{}", summary::table(&report, &ledger)))?;
    let well = ledger.balanced && received.events > 0;
    output.say(summary::closing(&report, &out, &ledger))?;
    store.close().await;
    telemetry.shutdown();
    Ok(success_if(well))
}

fn directory(out: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let out = out.unwrap_or_else(|| std::env::temp_dir().join(format!("judged-demo-{}", std::process::id())));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    if out.join("judged.db").exists() {
        bail!("{} holds the database of an earlier demo; name another directory with --out", out.display());
    }
    Ok(out)
}

/// The demo tells its own story; the service's log lines would interrupt it.
fn quiet(config: &Config) -> crate::config::TelemetryConfig {
    crate::config::TelemetryConfig { log: "warn".to_owned(), ..config.telemetry.clone() }
}

/// The user's judges, and everything else as the demo needs it.
fn demo_config(
    mut config: Config,
    rate: Probability,
    out: &std::path::Path,
    receiver: &Receiver,
) -> anyhow::Result<Config> {
    config.store.url = format!("sqlite://{}", out.join("judged.db").display());
    config.intake.otlp.http = Listen::At("127.0.0.1:0".to_owned());
    config.intake.otlp.grpc = Listen::Off;
    config.intake.amqp = None;
    config.intake.kafka = None;
    config.sampling.rate = rate;
    config.sampling.rules.clear();
    config.assembly.settle = Duration::from_millis(1_500);
    config.assembly.max_wait = Duration::from_secs(5);
    config.rubrics.enabled = RubricsConfig::default().enabled;
    let sink = format!("name = \"demo\"\ntype = \"otlp\"\nendpoint = \"{}\"", receiver.url());
    config.sinks = vec![toml::from_str::<SinkConfig>(&sink)?];
    Ok(config)
}

struct Sent {
    requests: usize,
    bytes: usize,
}

/// Sends every recording, request by request, as an exporter would. Log events go first: they may come before their spans.
async fn send(url: &str) -> anyhow::Result<Sent> {
    let client = reqwest::Client::new();
    let mut sent = Sent { requests: 0, bytes: 0 };
    for recording in RECORDINGS {
        for (path, requests) in [("/v1/logs", recording.logs), ("/v1/traces", Some(recording.traces))] {
            for request in requests.unwrap_or_default().lines().filter(|line| !line.is_empty()) {
                let response = client
                    .post(format!("{url}{path}"))
                    .header("content-type", "application/json")
                    .body(request)
                    .send()
                    .await
                    .with_context(|| format!("sending a request of {}", recording.producer))?;
                if !response.status().is_success() {
                    bail!("intake answered {} to a request of {}", response.status(), recording.producer);
                }
                sent.requests += 1;
                sent.bytes += request.len();
            }
        }
    }
    Ok(sent)
}

fn settled(ledger: &Ledger) -> bool {
    ledger.rubrics.iter().all(|account| account.pending == 0)
}

/// Waits until every trace is assembled and the ledger is as wanted.
async fn wait_until(store: &Store, wanted: impl Fn(&Ledger) -> bool, output: &mut Output) -> anyhow::Result<Ledger> {
    let clock = Instant::now();
    loop {
        // In this order: a trace assembled between the two is in the ledger that is read after it.
        let assembled = store.next_due_trace_ms().await?.is_none();
        let ledger = store.ledger(0).await?;
        if assembled && wanted(&ledger) {
            return Ok(ledger);
        }
        if clock.elapsed() > PATIENCE {
            bail!("the demo did not finish within {} s; see the log lines above", PATIENCE.as_secs());
        }
        summary::progress(output, &ledger);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
