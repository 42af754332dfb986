//! `judged replay`: feeds recorded requests into an intake, over the same wire as an exporter.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::arguments::positive;
use super::exit::success_if;
use super::output::Output;
use crate::config::Config;
use crate::error_chain::causes;
use crate::otlp::Request;
use crate::pipeline::intake::files::{self, FileError};
use crate::pipeline::intake::otlp_client::{Sender, Sent, Target};

/// Feeds OTLP files into an intake.
///
/// Exit code 1 when a request could not be read; the others are sent.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files of OTLP requests: .binpb, .json, .jsonl, or what the Collector's file exporter writes; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where to: http(s)://host:port (OTLP/HTTP), grpc(s)://host:port (OTLP/gRPC), amqp(s)://user:password@host/vhost or
    /// kafka://host:port,host:port (the queues, or the topics and the log-in, of the configuration).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4328")]
    to: Target,
    /// Requests a second at most.
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
}

/// Requests on their way at once: enough to share transactions, few enough to keep their order roughly.
const AT_ONCE: usize = 8;

/// What has been done so far.
#[derive(Debug, Default)]
struct Progress {
    requests: u64,
    spans: u64,
    log_records: u64,
    rejected: i64,
    unreadable: u64,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let sender = Sender::connect(&args.to, &config.intake).await?;
    let pace = Pace::new(args.rate);
    let mut progress = Progress::default();
    let requests = args.files.iter().flat_map(|file| match files::open(file) {
        Ok(requests) => Box::new(requests) as Box<dyn Iterator<Item = Result<Request, FileError>> + Send>,
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    let mut answers = stream::iter(requests.enumerate())
        .map(|(number, request)| {
            let (sender, pace) = (&sender, &pace);
            async move {
                let request = request?;
                pace.wait(number).await;
                let (spans, log_records) = records(&request);
                Ok((spans, log_records, sender.send(request).await))
            }
        })
        .buffered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        match answer {
            Err(error) => {
                progress.unreadable += 1;
                let error: FileError = error;
                output.note(format_args!("error: {}", causes(&error)));
            }
            Ok((spans, log_records, sent)) => {
                let Sent { rejected, message } = sent?;
                progress.requests += 1;
                progress.spans += spans;
                progress.log_records += log_records;
                progress.rejected += rejected;
                if !message.is_empty() {
                    output.note(format_args!("warning: {message}"));
                }
            }
        }
        let Progress { requests, spans, log_records, .. } = &progress;
        output.progress(format_args!("{requests} requests, {spans} spans, {log_records} log records"));
    }
    output.say(summary(&progress, &args.to))?;
    Ok(success_if(progress.unreadable == 0))
}

fn records(request: &Request) -> (u64, u64) {
    match request {
        Request::Traces(traces) => {
            let groups = traces.resource_spans.iter().flat_map(|block| &block.scope_spans);
            (groups.map(|group| group.spans.len() as u64).sum(), 0)
        }
        Request::Logs(logs) => {
            let groups = logs.resource_logs.iter().flat_map(|block| &block.scope_logs);
            (0, groups.map(|group| group.log_records.len() as u64).sum())
        }
    }
}

fn summary(progress: &Progress, to: &Target) -> String {
    let Progress { requests, spans, log_records, rejected, unreadable } = progress;
    let mut line = format!("replayed to {to}: {requests} requests, {spans} spans, {log_records} log records");
    if *rejected > 0 {
        line.push_str(&format!(", {rejected} of them rejected"));
    }
    if *unreadable > 0 {
        line.push_str(&format!("; {unreadable} requests could not be read"));
    }
    line
}

/// Keeps to a rate without drifting: request n is due n/rate after the start.
struct Pace {
    start: Instant,
    interval: Option<Duration>,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        Self { start: Instant::now(), interval: rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()) }
    }

    async fn wait(&self, number: usize) {
        if let Some(due) = self.due(number) {
            tokio::time::sleep_until(due).await;
        }
    }

    fn due(&self, number: usize) -> Option<Instant> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.interval.map(|interval| self.start + interval.saturating_mul(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_was_not_replayed() {
        let progress = Progress { requests: 3, spans: 40, log_records: 2, rejected: 1, unreadable: 1 };
        assert_eq!(
            summary(&progress, &"http://127.0.0.1:4328".parse().unwrap()),
            "replayed to http://127.0.0.1:4328: 3 requests, 40 spans, 2 log records, 1 of them rejected; 1 requests could not be read"
        );
    }

    #[test]
    fn the_pace_is_kept_from_the_start() {
        let pace = Pace::new(Some(10.0));
        assert_eq!(pace.due(5), Some(pace.start + Duration::from_millis(500)));
        assert_eq!(Pace::new(None).due(5), None);
    }
}
