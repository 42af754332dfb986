//! `judged demo --scenario`: what drift looks like in the report. A simulation, and said to be one.
//!
//! The verdicts of judge and people are made up from a seed, so that the truth is known. Nothing else is: the answers are
//! those of the bundled traces, everything goes through the store, and the report knows nothing of what was made up.

mod answers;
mod choice;
mod history;
mod releases;
mod simulated;
mod words;

use std::path::Path;
use std::process::ExitCode;

pub(in crate::cli) use self::choice::Scenario;

use super::super::output::Output;
use crate::clock::Clock;
use crate::config::{Config, RubricsConfig};
use crate::store::Store;
use history::START_MS;
use simulated::RUBRIC;

/// Simulates, reports, and holds what the report found against the truth.
pub(super) async fn run(
    scenario: Scenario,
    seed: u64,
    config: Config,
    out: &Path,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    if let Some(truth) = scenario.releases() {
        return releases::run(truth, seed, config, out, output).await;
    }
    output.say(words::opening(scenario, seed, out))?;
    let (report, changed_at_ms) = simulate(scenario, seed, config, out).await?;
    output.say(words::result(scenario, &report, changed_at_ms, out))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of simulated weeks to `out`, and tells when things changed.
async fn simulate(
    scenario: Scenario,
    seed: u64,
    mut config: Config,
    out: &Path,
) -> anyhow::Result<(crate::report::ReportData, i64)> {
    config.store.url = format!("sqlite://{}", out.join("judged.db").display());
    config.rubrics = RubricsConfig { enabled: vec![RUBRIC.to_owned()], ..RubricsConfig::default() };
    let clock = Clock::manual(START_MS);
    let store = Store::open(&config.store.url, clock.clone()).await?;
    let changed_at_ms = history::fill(&store, &clock, scenario, seed, &config).await?;
    let note = words::note(scenario, seed);
    let report = super::super::report::write_simulated(&store, &config, out, note).await?;
    store.close().await;
    Ok((report, changed_at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Attribution, Kind};

    async fn causes(scenario: Scenario) -> Vec<(Kind, Option<String>, Attribution)> {
        let out = tempfile::tempdir().unwrap();
        let (report, _) = simulate(scenario, 1, Config::default(), out.path()).await.unwrap();
        assert!(report.ledger.balanced);
        assert!(report.simulation.is_some());
        assert!(std::fs::read_to_string(out.path().join("report.html")).unwrap().contains("simulation"));
        assert!(std::fs::read_to_string(out.path().join("report.md")).unwrap().contains("simulation"));
        report.drift.flags.into_iter().map(|flag| (flag.flag.kind, flag.flag.segment, flag.flag.attribution)).collect()
    }

    fn of_the_whole(found: &[(Kind, Option<String>, Attribution)], kind: Kind) -> Option<Attribution> {
        found.iter().find(|(found, segment, _)| *found == kind && segment.is_none()).map(|(_, _, cause)| *cause)
    }

    #[tokio::test]
    async fn a_judge_that_drifted_is_the_judges_model() {
        let found = causes(Scenario::JudgeDrift).await;
        assert_eq!(of_the_whole(&found, Kind::Agreement), Some(Attribution::JudgeModel), "{found:?}");
        assert_eq!(of_the_whole(&found, Kind::Judge), Some(Attribution::JudgeModel), "{found:?}");
    }

    #[tokio::test]
    async fn a_judge_that_was_repaired_is_told_as_recovered() {
        let out = tempfile::tempdir().unwrap();
        let (report, changed_at_ms) =
            simulate(Scenario::JudgeRepaired, 1, Config::default(), out.path()).await.unwrap();
        assert!(report.drift.flags.iter().all(|flag| flag.flag.kind != Kind::Agreement), "{:?}", report.drift.flags);
        let agreement = report
            .drift
            .recovered
            .iter()
            .find(|one| one.flag.flag.kind == Kind::Agreement && one.flag.flag.segment.is_none());
        let one = agreement.unwrap_or_else(|| panic!("{:?}", report.drift.recovered));
        assert_eq!(one.flag.flag.attribution, Attribution::JudgeModel);
        let back = one.recovery.since;
        assert!(back.0 > changed_at_ms);
        let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
        assert!(page.contains("What is back") && page.contains("Has agreement fallen?"));
        assert!(std::fs::read_to_string(out.path().join("report.md")).unwrap().contains("back since"));
    }

    #[tokio::test]
    async fn an_input_that_shifted_is_the_mix() {
        let found = causes(Scenario::InputShift).await;
        assert_eq!(of_the_whole(&found, Kind::Agreement), Some(Attribution::InputMix), "{found:?}");
        assert!(found.iter().any(|(kind, _, _)| *kind == Kind::InputMix), "{found:?}");
        assert_eq!(of_the_whole(&found, Kind::Judge), None, "{found:?}");
    }

    #[tokio::test]
    async fn people_who_changed_their_minds_are_the_raters() {
        let found = causes(Scenario::RaterDrift).await;
        assert_eq!(of_the_whole(&found, Kind::Agreement), Some(Attribution::Raters), "{found:?}");
        assert_eq!(of_the_whole(&found, Kind::Rater), Some(Attribution::Raters), "{found:?}");
    }

    #[tokio::test]
    async fn health_raises_no_flag() {
        let found = causes(Scenario::Healthy).await;
        assert!(found.is_empty(), "{found:?}");
    }
}
