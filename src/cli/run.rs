//! `judged run`: the service.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::open_store;
use crate::config::Config;
use crate::lifecycle::{Lifecycle, Role, Service};
use crate::telemetry::Telemetry;

/// What the process does.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The roles of this process, with commas between them; all when left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    roles: Vec<Role>,
    /// How long work in hand may take after SIGTERM.
    #[arg(long, default_value = "25s", value_parser = crate::config::duration::parse)]
    drain: Duration,
}

/// Exit code 1 when a task failed.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::start(&config.telemetry)?;
    let roles: BTreeSet<Role> = if args.roles.is_empty() { Role::ALL.into() } else { args.roles.into_iter().collect() };
    let store = open_store(&config).await?;
    let lifecycle = Lifecycle::new();
    let service = Service::build(config, roles, store.clone()).await.context("judged cannot start")?;
    announce(&service);
    service.start(&lifecycle);
    let well = lifecycle.run(args.drain).await;
    store.close().await;
    telemetry.shutdown();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says once where everything is.
fn announce(service: &Service) {
    let (http, grpc) = service.intake_addresses();
    if let Some(address) = grpc {
        tracing::info!("OTLP/gRPC on {address}");
    }
    if let Some(address) = http {
        tracing::info!("OTLP/HTTP on http://{address}");
    }
    for rubric in service.catalogue.active() {
        tracing::info!(rubric = rubric.name, version = rubric.version, judge = rubric.judge, "judging");
    }
}
