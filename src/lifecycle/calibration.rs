//! The calibrate role: at intervals, which anchors are to be judged again, how well judges agree with people and what
//! moved, as metrics and log lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::calibration::anchors::{self, Rounds};
use crate::calibration::report::{ReportData, ReportInput, ReportOptions, RubricFacts};
use crate::rubrics::Catalogue;
use crate::store::{Store, StoreError};
use crate::telemetry::StoreGauges;

/// How often agreement and drift are computed.
const INTERVAL: Duration = Duration::from_mins(5);

/// Looks until `soft` is cancelled. Flags are logged once, when they are first seen.
pub(super) async fn watch(
    store: Store,
    catalogue: Catalogue,
    baselines: Vec<String>,
    rounds: Rounds,
    soft: CancellationToken,
) -> Result<(), StoreError> {
    let gauges = StoreGauges::default();
    let mut seen = BTreeSet::new();
    while !soft.is_cancelled() {
        match anchors::plan(&store, &catalogue.active(), rounds).await {
            Ok(0) => {}
            Ok(planned) => tracing::info!(planned, "anchors are judged again"),
            Err(error) => tracing::warn!(
                error = crate::causes::causes(&error),
                "the round of anchors could not be planned; trying again later"
            ),
        }
        match look(&store, &catalogue, &baselines).await {
            Ok(report) => tell(&report, &gauges, &mut seen),
            Err(error) => tracing::warn!(
                error = crate::causes::causes(&error),
                "agreement and drift could not be computed; trying again later"
            ),
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("scores and labels cannot be read")]
    Store(#[from] StoreError),
    #[error("the statistics broke; please report this with the labels that `judged labels export` prints")]
    Statistics(#[from] tokio::task::JoinError),
}

async fn look(store: &Store, catalogue: &Catalogue, baselines: &[String]) -> Result<ReportData, LookError> {
    let rubrics = catalogue.all().iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
    let options = ReportOptions { baselines: baselines.to_vec(), ..ReportOptions::default() };
    let input = ReportInput::read_labelled(store, rubrics, options).await?;
    // Statistics of many labels take a while, and a worker has other things to do meanwhile.
    Ok(tokio::task::spawn_blocking(move || ReportData::build(&input)).await?)
}

fn tell(report: &ReportData, gauges: &StoreGauges, seen: &mut BTreeSet<String>) {
    for rubric in &report.rubrics {
        let Some(series) = rubric.current.and_then(|index| rubric.series.get(index)) else { continue };
        if let Some(agreement) = series.agreement.raw_agreement().value() {
            gauges.agreement(&rubric.name, series.version, &series.judge, agreement);
        }
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for kind in crate::calibration::drift::Kind::ALL {
            kinds.insert(kind.as_str(), 0);
        }
        for flag in report.drift.flags.iter().filter(|flag| flag.rubric.as_deref() == Some(&rubric.name)) {
            *kinds.entry(flag.flag.kind.as_str()).or_default() += 1;
            let identity =
                format!("{}/{}/{:?}/{}", rubric.name, flag.flag.kind.as_str(), flag.flag.segment, flag.flag.since);
            if seen.insert(identity) {
                tracing::warn!(
                    rubric = rubric.name,
                    kind = flag.flag.kind.as_str(),
                    since = %flag.flag.since,
                    advice = flag.flag.advice,
                    "drift is flagged; see the report"
                );
            }
        }
        for (kind, number) in kinds {
            gauges.drift_flags(&rubric.name, kind, number);
        }
    }
}
