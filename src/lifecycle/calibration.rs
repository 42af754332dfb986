//! The calibrate role: at intervals, which anchors are to be judged again, how well judges agree with people and what
//! moved, as metrics and alerts.
//!
//! Any number of workers may have the role; one of them looks at a time, and another goes on when it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::leadership::{CALIBRATION, give_up, holding, leads};
use super::repeats;
use super::report_maker::ReportMaker;
use crate::alerts;
use crate::drift;
use crate::labels::anchors::{self, Rounds};
use crate::labels::pool;
use crate::model::{AlertEvent, DriftKind, Moment, Named as _, hour_of};
use crate::report::{ReportData, ReportInput, ReportOptions, RubricFacts, scales, snapshot};
use crate::rubrics::Catalogue;
use crate::store::{AlertRoute, AlertWrite, Store, StoreError};
use crate::telemetry::StoreGauges;

/// How often agreement and drift are computed.
const INTERVAL: Duration = Duration::from_mins(5);

/// How often a worker asks whether it has to look, and the one that does renews its lease.
const QUESTION: Duration = Duration::from_secs(30);

/// How long a round may go on taking answers into the pool of the label queue.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

/// What the role works with.
pub(super) struct Calibration {
    pub(super) store: Store,
    pub(super) catalogue: Catalogue,
    pub(super) baselines: Vec<String>,
    /// An alert whose flag has been gone for so long is over.
    pub(super) resolve_after: Duration,
    /// Who is told of alerts.
    pub(super) routes: Vec<AlertRoute>,
    /// When anchors are judged again.
    pub(super) rounds: Rounds,
    /// About how many answers a day each judge is asked about again.
    pub(super) repeats_per_day: u32,
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("scores and labels cannot be read")]
    Store(#[from] StoreError),
    #[error("the statistics broke; please report this with the labels that `judged labels export` prints")]
    Statistics(#[from] tokio::task::JoinError),
}

impl Calibration {
    /// Looks until `soft` is cancelled.
    pub(super) async fn watch(self, soft: CancellationToken) -> Result<(), StoreError> {
        let gauges = StoreGauges::default();
        let mut told = BTreeSet::new();
        let mut reports = ReportMaker::default();
        let mut next: Option<Instant> = None;
        let mut repeated = None;
        while !soft.is_cancelled() {
            match leads(&self.store, CALIBRATION).await {
                Ok(true) => {
                    if next.is_none_or(|next| Instant::now() >= next) {
                        // Not by the clock of the wall, which may be put back.
                        next = Some(Instant::now() + INTERVAL);
                        self.plan_anchors().await;
                        self.plan_repeats(&mut repeated).await;
                        if let Err(error) =
                            holding(&self.store, CALIBRATION, Box::pin(self.look(&gauges, &mut told))).await
                        {
                            tracing::warn!(
                                error = crate::error_chain::causes(&error),
                                "agreement and drift could not be computed; trying again later"
                            );
                        }
                    }
                    self.fill_label_pool().await;
                    self.make_report(&mut reports).await;
                }
                // Who takes over looks at once.
                Ok(false) => (next, reports) = (None, ReportMaker::default()),
                Err(error) => {
                    tracing::debug!(error = crate::error_chain::causes(&error), "nobody could be asked who looks");
                }
            }
            soft.run_until_cancelled(sleep(QUESTION)).await;
        }
        give_up(&self.store, CALIBRATION).await;
        Ok(())
    }

    /// Keeps the candidates of the label queue ready; what there is at the first start takes several rounds.
    async fn fill_label_pool(&self) {
        let start = Instant::now();
        loop {
            match pool::take_in(&self.store, &self.baselines).await {
                Ok(true) if start.elapsed() < POOL_PATIENCE => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(
                        error = crate::error_chain::causes(&error),
                        "the candidates of the label queue could not be brought up to date; trying again later"
                    );
                    return;
                }
            }
        }
    }

    /// Makes the report that pages show.
    async fn make_report(&self, reports: &mut ReportMaker) {
        let made = Box::pin(reports.make_if_due(&self.store, &self.catalogue, &self.baselines));
        if let Err(error) = holding(&self.store, CALIBRATION, made).await {
            tracing::warn!(
                error = crate::error_chain::causes(&error),
                "the report for the pages could not be made; trying again later"
            );
        }
    }

    /// Anchors that are due to be judged again become evaluations.
    async fn plan_anchors(&self) {
        match anchors::plan(&self.store, &self.catalogue.active(), self.rounds).await {
            Ok(0) => {}
            Ok(planned) => tracing::info!(planned, "anchors are judged again"),
            Err(error) => tracing::warn!(
                error = crate::error_chain::causes(&error),
                "the round of anchors could not be planned; trying again later"
            ),
        }
    }

    /// What judges said in the last hour is asked for again, a little of it.
    async fn plan_repeats(&self, repeated: &mut Option<i64>) {
        let hour = hour_of(self.store.now_ms());
        if repeated.replace(hour) == Some(hour) {
            return;
        }
        let rubrics = self.catalogue.active();
        let planned = repeats::plan_where_known(
            &self.store,
            &rubrics,
            &self.baselines,
            self.repeats_per_day,
            self.rounds.deadline,
        )
        .await;
        match planned {
            Ok(0) => {}
            Ok(planned) => tracing::debug!(planned, "answers are judged a second time"),
            Err(error) => tracing::warn!(
                error = crate::error_chain::causes(&error),
                "no answers could be drawn to be judged a second time; trying again later"
            ),
        }
    }

    async fn look(&self, gauges: &StoreGauges, told: &mut BTreeSet<ToldSeries>) -> Result<(), LookError> {
        let rubrics: Vec<RubricFacts> =
            self.catalogue.all().iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
        drift::watch::keep(&self.store, &scales(&rubrics), &self.baselines, CALIBRATION).await?;
        let options = ReportOptions { baselines: self.baselines.clone(), ..ReportOptions::default() };
        let input = ReportInput::read_labelled(&self.store, rubrics, options).await?;
        // Statistics of many labels take a while, and a worker has other things to do meanwhile.
        let report = tokio::task::spawn_blocking(move || ReportData::build(&input)).await?;
        record(&report, gauges, told);
        self.plan_flagged(&report).await?;
        self.alert(&report).await?;
        self.store.keep_snapshots(&snapshot::snapshots(&report)).await?;
        Ok(())
    }

    /// A fall whose cause awaits a round of anchors starts one.
    async fn plan_flagged(&self, report: &ReportData) -> Result<(), StoreError> {
        let pending = report.drift.flags.iter().filter(|flag| flag.flag.pending && flag.flag.segment.is_none());
        let flagged: BTreeMap<String, Moment> =
            pending.filter_map(|flag| Some((flag.rubric.clone()?, flag.flag.detected_at))).collect();
        let rubrics = self.catalogue.active();
        match anchors::plan_flagged(&self.store, &rubrics, &flagged, self.rounds.deadline).await? {
            0 => {}
            planned => tracing::info!(planned, "agreement is flagged: anchors are judged again to tell why"),
        }
        Ok(())
    }

    /// Opens, refreshes and resolves alerts.
    async fn alert(&self, report: &ReportData) -> Result<(), StoreError> {
        let findings = alerts::findings(report);
        let (now_ms, resolve_after_ms) = (self.store.now_ms(), self.resolve_after.as_millis() as i64);
        let decide = |known: &[_]| alerts::reconcile(known, &findings, now_ms, resolve_after_ms);
        match self.store.reconcile_alerts(CALIBRATION, &self.routes, &decide).await? {
            AlertWrite::NotLeading => tracing::debug!("another worker has taken calibration over"),
            AlertWrite::Written(changes) => {
                for change in changes {
                    let finding = &change.alert.finding;
                    match change.event {
                        Some(AlertEvent::Opened) => tracing::warn!(
                            rubric = finding.rubric,
                            kind = finding.kind.as_str(),
                            alert = %change.alert.id,
                            advice = finding.advice,
                            "drift is flagged; see the report"
                        ),
                        Some(AlertEvent::Resolved) => tracing::info!(
                            rubric = finding.rubric,
                            kind = finding.kind.as_str(),
                            alert = %change.alert.id,
                            "drift is not flagged any more"
                        ),
                        Some(AlertEvent::Acknowledged | AlertEvent::Standing) | None => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// Rubric, version and judge whose agreement was told.
type ToldSeries = (String, u32, String);

fn record(report: &ReportData, gauges: &StoreGauges, told: &mut BTreeSet<ToldSeries>) {
    let mut known = BTreeSet::new();
    for rubric in &report.rubrics {
        let Some(series) = rubric.current.and_then(|index| rubric.series.get(index)) else { continue };
        if let Some(agreement) = series.agreement.raw_agreement().value() {
            gauges.agreement(&rubric.name, series.version, &series.judge, agreement);
            known.insert((rubric.name.clone(), series.version, series.judge.clone()));
        }
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for kind in DriftKind::ALL {
            kinds.insert(kind.as_str(), 0);
        }
        for flag in report.drift.flags.iter().filter(|flag| flag.rubric.as_deref() == Some(&rubric.name)) {
            *kinds.entry(flag.flag.kind.as_str()).or_default() += 1;
        }
        for (kind, number) in kinds {
            gauges.drift_flags(&rubric.name, kind, number);
        }
    }
    // What is no longer known is told as that: a gauge would otherwise hold what was known last.
    for (rubric, version, judge) in told.difference(&known) {
        gauges.agreement(rubric, *version, judge, f64::NAN);
    }
    told.append(&mut known);
}
