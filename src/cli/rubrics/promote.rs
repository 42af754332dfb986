//! `judged rubrics promote`: which version judges, and whether people agree with it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::super::acting;
use super::super::exit::GATE;
use super::super::open_store::open_store;
use super::super::output::Output;
use super::alias::Alias;
use crate::config::Config;
use crate::judges::{JudgeEnvironment, Judges};
use crate::lifecycle::{baselines, rubric_loader};
use crate::report::{ReportData, ReportInput, ReportOptions, RubricFacts};
use crate::rubrics::{GateUnavailable, PromotionGate, Rubric};
use crate::store::{AliasMove, AuditAction, NewRubricVersion, Store};

/// The agreement of a version with human labels, and what it must be: more than always saying the same would reach.
async fn agreement_gate(store: &Store, name: &str, version: u32, config: &Config) -> anyhow::Result<PromotionGate> {
    let all = rubric_loader::look(store, &config.rubrics).await?.all;
    let judge = all.iter().find(|one| one.name == name && one.version == version).map(|one| one.judge.clone());
    let facts = all.iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
    let options = ReportOptions { baselines: baselines(config), ..ReportOptions::default() };
    let report = ReportData::build(&ReportInput::read_labelled(store, facts, options).await?);
    let rubric = report.rubrics.iter().find(|rubric| rubric.name == name);
    let series = rubric.and_then(|rubric| {
        rubric.series.iter().find(|one| one.version == version && Some(&one.judge) == judge.as_ref())
    });
    let agreement = &series.ok_or(GateUnavailable("the judge of this version has scored nothing with it"))?.agreement;
    let Some(interval) = agreement.raw_agreement().interval() else {
        return Err(GateUnavailable("too few of its scores have a human label of known selection").into());
    };
    let majority = agreement.majority_class.as_ref();
    Ok(PromotionGate {
        agreement: agreement.raw_agreement().value().unwrap_or(interval.low),
        lower_bound: interval.low,
        majority: majority.and_then(|class| Some((class.label.clone(), class.share.value()?))),
        labels: agreement.items as usize,
    })
}

pub(super) async fn promote(
    name: &str,
    version: u32,
    alias: Alias,
    gate: bool,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    if gate {
        let gate = agreement_gate(&store, name, version, config).await?;
        output.say(format_args!("{name} v{version}: {gate}"))?;
        if !gate.holds() {
            store.close().await;
            return Ok(ExitCode::from(GATE));
        }
    }
    let versions = store.rubric_versions().await.context("cannot read the registry")?;
    if let Some(published) = versions.iter().find(|known| known.rubric.name == name && known.rubric.version == version)
    {
        check_judge(&published.rubric, config)?;
    }
    let moved = store.move_rubric_alias(name, alias.as_str(), version).await?;
    if matches!(moved, AliasMove::Moved { .. }) {
        let detail = format!("is now {}", alias.as_str());
        acting::note(&store, AuditAction::RubricPromoted, &format!("{name} v{version}"), &detail).await?;
    }
    store.close().await;
    match moved {
        AliasMove::Moved { from: Some(from) } if from == version => {
            output.say(format_args!("{name}: {} was v{version} already", alias.as_str()))?;
        }
        AliasMove::Moved { from: Some(from) } => {
            output.say(format_args!("{name}: {} moved from v{from} to v{version}", alias.as_str()))?;
        }
        AliasMove::Moved { from: None } => {
            output.say(format_args!("{name}: {} is v{version}", alias.as_str()))?;
        }
        AliasMove::NoProduction => bail!(
            "{name} has nothing in production, and a candidate judges beside what is; `judged rubrics promote {name} {version}` \
             puts v{version} there"
        ),
        AliasMove::NotPublished => {
            let known: Vec<String> = versions
                .iter()
                .filter(|known| known.rubric.name == name)
                .map(|known| format!("v{}", known.rubric.version))
                .collect();
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            bail!(
                "{name} v{version} is not published; of {name} there is: {known}. `judged rubrics publish` comes first"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a version whose judge is not configured: a running judged would not take it.
fn check_judge(published: &NewRubricVersion, config: &Config) -> anyhow::Result<()> {
    let rubric = Rubric::parse(&published.name, published.version, Path::new("registry"), &published.source)?;
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    Ok(rubric_loader::check_judges(&[Arc::new(rubric)], &judges)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::file::{Options, analyse};
    use crate::agreement::{Coefficient, Item};
    use crate::model::{Scale, Score};
    use crate::rubrics::Library;
    use crate::statistics::{Estimate, Interval};
    use crate::testing::conversations::{Tie, as_file, sixty_conversations};
    use crate::testing::databases::Database;
    use crate::testing::on_both_databases;

    const RUBRIC: &str = "harmfulness";

    fn binary(pass: bool) -> Score {
        let scale = Scale::Binary { pass: String::new(), fail: String::new() };
        Score::of_number(&scale, f64::from(pass)).unwrap()
    }

    async fn reports(database: &Database) -> [ReportData; 2] {
        let facts = || Library::open(&Config::default().rubrics.dir).rubrics.iter().map(RubricFacts::from).collect();
        let (all, labelled) = (
            ReportInput::read(&database.store, facts(), Vec::new(), ReportOptions::default()).await.unwrap(),
            ReportInput::read_labelled(&database.store, facts(), ReportOptions::default()).await.unwrap(),
        );
        [ReportData::build(&all), ReportData::build(&labelled)]
    }

    fn in_file() -> crate::agreement::Comparison {
        let items: Vec<Item> = as_file().iter().map(|line| Item::parse(line).unwrap()).collect();
        analyse(&items, &Options::default()).unwrap().all.judges["default"].comparison.clone()
    }

    on_both_databases! {
        the_same_labels_have_the_same_intervals_in_a_file_in_the_report_and_at_the_gate(database) {
            sixty_conversations(&database, RUBRIC, Tie::Session, binary, binary).await;
            let file = in_file();
            let of_file = |coefficient| file.coefficients.get(coefficient);
            for report in reports(&database).await {
                let series = &report.rubrics[0].series[0].agreement;
                let rates = series.pass_fail.unwrap();
                assert_eq!(rates.raw_agreement, of_file(Coefficient::RawAgreement));
                assert_eq!(rates.tpr, of_file(Coefficient::Tpr));
                assert_eq!(rates.tnr, of_file(Coefficient::Tnr));
                assert_eq!(rates.cohen_kappa, of_file(Coefficient::CohenKappa));
                assert_eq!(rates.gwet_ac1, of_file(Coefficient::GwetAc1));
                assert_eq!(series.majority_class.as_ref().unwrap().share, file.majority_class.clone().unwrap().raw_agreement);
            }
            let config: Config = toml::from_str("[judges.default]\nprovider = \"openai\"").unwrap();
            let gate = agreement_gate(&database.store, RUBRIC, 1, &config).await.unwrap();
            let Estimate::Interval(value, Interval { low, high }) = of_file(Coefficient::RawAgreement) else {
                panic!("no interval")
            };
            assert_eq!(gate.lower_bound, low);
            assert!((value - 0.8).abs() < 1e-12 && (low - 0.68).abs() < 0.01 && (high - 0.88).abs() < 0.01, "{low} {high}");
        }
    }

    on_both_databases! {
        copies_of_one_answer_are_one_observation(database) {
            sixty_conversations(&database, RUBRIC, Tie::Content, binary, binary).await;
            let [report, _] = reports(&database).await;
            let rates = report.rubrics[0].series[0].agreement.pass_fail.unwrap();
            assert_eq!(rates.raw_agreement, in_file().coefficients.get(Coefficient::RawAgreement));
        }
    }

    on_both_databases! {
        a_bare_pass_counts_on_an_ordinal_scale(database) {
            let facts: Vec<RubricFacts> =
                Library::open(&Config::default().rubrics.dir).rubrics.iter().map(RubricFacts::from).collect();
            let scale = facts.iter().find(|facts| facts.name == "faithfulness").unwrap().scale.clone();
            let level = |pass: bool| Score::of_number(&scale, if pass { 5.0 } else { 1.0 }).unwrap();
            let bare = |pass: bool| Score::of_pass(&scale, pass).unwrap();
            sixty_conversations(&database, "faithfulness", Tie::Session, level, bare).await;
            for report in reports(&database).await {
                let series = &report.rubrics[0].series[0].agreement;
                assert_eq!((series.items, series.off_scale), (300, 0));
                assert_eq!(series.pass_fail.unwrap().raw_agreement, in_file().coefficients.get(Coefficient::RawAgreement));
                let watched = report.drift.watching[0].labels;
                assert_eq!(watched, 295, "the watch on agreement has them too, and waits for the end of the last conversation");
            }
        }
    }
}
