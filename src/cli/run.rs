//! `judged run`: the service.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum as _;

use super::exit::success_if;
use super::open_store::open_store;
use crate::config::{Config, ConfigSource};
use crate::lifecycle::supervisor::{self, Progress};
use crate::lifecycle::{Lifecycle, Role, Service};
use crate::telemetry::Telemetry;
use crate::web::{self, Access, WebParts};

/// Runs the service.
///
/// Exit code 1 when a task failed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The roles of this process, with commas between them; all when left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    roles: Vec<Role>,
    /// How long work in hand may take after SIGTERM.
    #[arg(long, default_value = "25s", value_parser = crate::config::duration::parse)]
    drain: Duration,
}

pub(super) async fn run(args: Args, config: Config, source: ConfigSource) -> anyhow::Result<ExitCode> {
    let telemetry = Arc::new(Telemetry::start(&config.telemetry)?);
    crate::panics::tell_places_only();
    let lifecycle = Lifecycle::listening().context("cannot listen for signals")?;
    let roles: BTreeSet<Role> = if args.roles.is_empty() {
        Role::value_variants().iter().copied().collect()
    } else {
        args.roles.into_iter().collect()
    };
    let pages = if roles.contains(&Role::Web) {
        Some((Access::from_config(&config.web)?, web::bind(&config.web).await?))
    } else {
        None
    };
    let store = open_store(&config).await?;
    let mut service = Service::build(config.clone(), roles, store.clone()).await.context("judged cannot start")?;
    service.config_source = Some(source);
    announce(&service);
    for proxy in crate::net::proxies_in_use() {
        tracing::info!(proxy, "other servers are reached by a proxy");
    }
    if let Some((access, listener)) = pages {
        tracing::info!(address = %listener.local_addr()?, "pages, health and metrics are served");
        let router = web::router(parts(&config, &service, &telemetry, access, &lifecycle))?;
        lifecycle.spawn("web", web::serve(listener, router, lifecycle.soft()));
    }
    service.start(&lifecycle);
    supervisor::tell(Progress::Ready);
    let stopping = lifecycle.soft();
    tokio::spawn(async move {
        stopping.cancelled().await;
        supervisor::tell(Progress::Stopping);
    });
    let well = lifecycle.run(args.drain).await;
    store.close().await;
    telemetry.shutdown();
    Ok(success_if(well))
}

fn parts(
    config: &Config,
    service: &Service,
    telemetry: &Arc<Telemetry>,
    access: Access,
    lifecycle: &Lifecycle,
) -> WebParts {
    let (status, lifecycle) = (Arc::clone(service.intake.status()), lifecycle.clone());
    let telemetry = Arc::clone(telemetry);
    WebParts {
        store: service.store.clone(),
        catalogue: service.catalogue.clone(),
        fence: service.keys.fence.clone(),
        redactor: service.redactor.clone(),
        seal: service.keys.seal.clone(),
        baselines: crate::lifecycle::baselines(config),
        alert_routes: service.alert_routes(),
        trace_link: config.web.trace_link.clone(),
        access,
        troubles: Arc::new(move || lifecycle.trouble().into_iter().chain(status.troubles()).collect()),
        metrics: Arc::new(move || telemetry.prometheus_text()),
    }
}

/// Says once what judges.
fn announce(service: &Service) {
    for rubric in service.catalogue.active() {
        tracing::info!(rubric = rubric.name, version = rubric.version, judge = rubric.judge, "judging");
    }
}
