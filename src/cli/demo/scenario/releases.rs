//! Two releases of the application, of which the truth is known, and what `judged compare` says of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::answers::answers;
use super::choice::Releases;
use super::history::START_MS;
use super::simulated::{DAY_MS, RUBRIC, Simulated, rubric};
use crate::cli::output::Output;
use crate::clock::Clock;
use crate::config::{Config, RubricsConfig};
use crate::model::{Subject, SubjectId, TraceId};
use crate::report::RubricFacts;
use crate::report::releases::{By, ReleaseComparison, ReleaseInput, Sides, text};
use crate::store::{PlannedFrom, Store};

const VERSIONS: [&str; 2] = ["2.3", "2.4"];
const ANSWERS: usize = 2_000;
const DAYS: usize = 10;
const LABELLED: f64 = 0.1;
/// How often the judge passes what people pass, and fails what they fail.
const TPR: f64 = 0.9;
const TNR: f64 = 0.8;

/// Simulates, compares, and says what was true.
pub(super) async fn run(
    truth: Releases,
    seed: u64,
    mut config: Config,
    out: &Path,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    output.say(format_args!("judged demo: a SIMULATION of two releases on bundled answers (seed {seed})\n"))?;
    output.say(format_args!("  verdicts  made up; 2,000 judged answers a release, a tenth of them labelled"))?;
    output.say(format_args!("  truth     {}\n", truth.story))?;
    config.store.url = format!("sqlite://{}", out.join("judged.db").display());
    let comparison = simulate(truth, seed, config.clone()).await?;
    output.say(text(&comparison))?;
    output.say(format_args!("The same again: JUDGED__STORE__URL={} judged compare 2.3 2.4", config.store.url))?;
    Ok(ExitCode::SUCCESS)
}

/// Stores both releases and compares them.
async fn simulate(truth: Releases, seed: u64, mut config: Config) -> anyhow::Result<ReleaseComparison> {
    config.rubrics = RubricsConfig { enabled: vec![RUBRIC.to_owned()], ..RubricsConfig::default() };
    let clock = Clock::manual(START_MS);
    let store = Store::open(&config.store.url, clock.clone()).await?;
    let rubric = rubric(&store, &config).await?;
    let mut traffic = Traffic {
        simulated: Simulated { store: &store, rubric: &rubric },
        clock: &clock,
        truth,
        answers: answers()?,
        rng: Xoshiro256PlusPlus::seed_from_u64(seed),
    };
    for release in 0..VERSIONS.len() {
        for _ in 0..DAYS {
            traffic.day(release).await?;
            clock.advance(DAY_MS);
        }
    }
    while store.fold(ANSWERS).await?.is_behind {}
    let sides = Sides::of_values(By::ServiceVersion, VERSIONS[0], VERSIONS[1], None);
    let input = ReleaseInput::read(&store, sides, &[RubricFacts::from(&rubric)]).await?;
    let comparison = ReleaseComparison::of(&input, 0.0).with_examples(&store, &input).await?;
    store.close().await;
    Ok(comparison)
}

struct Traffic<'a> {
    simulated: Simulated<'a>,
    clock: &'a Clock,
    truth: Releases,
    answers: Vec<Subject>,
    rng: Xoshiro256PlusPlus,
}

impl Traffic<'_> {
    async fn day(&mut self, release: usize) -> anyhow::Result<()> {
        let (mut plans, mut verdicts, mut labels) = (Vec::new(), BTreeMap::new(), Vec::new());
        for number in 0..ANSWERS / DAYS {
            let hard = self.chance(self.truth.hard[release]);
            let good = self.chance(self.truth.good[release][usize::from(hard)]);
            let passes = good == self.chance(if good { TPR } else { TNR });
            let mut subject = self.answers[number % self.answers.len()].clone();
            subject.trace_id = TraceId::try_from(self.rng.random::<u128>().to_be_bytes().as_slice())?;
            subject.id = SubjectId::of_generation(subject.trace_id, subject.span_id);
            subject.session_id = None;
            subject.end = self.clock.now_ms() as u64 * 1_000_000;
            subject.release.service_version = Some(VERSIONS[release].to_owned());
            subject.segments = [("topic".to_owned(), if hard { "contracts" } else { "orders" }.to_owned())].into();
            if self.chance(LABELLED) {
                labels.push(self.simulated.label(subject.id, good, self.clock.now_ms())?);
            }
            verdicts.insert(self.simulated.evaluation(subject.id), passes);
            plans.push(self.simulated.planned(subject));
        }
        let store = self.simulated.store;
        store.commit_plan(PlannedFrom::default(), &plans).await?;
        self.simulated.judge(&verdicts).await?;
        store.insert_labels(&labels).await?;
        Ok(())
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::scenario::Scenario;
    use crate::report::releases::ReleaseVerdict;

    async fn verdict(scenario: Scenario) -> ReleaseComparison {
        let out = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.url = format!("sqlite://{}", out.path().join("judged.db").display());
        simulate(scenario.releases().unwrap(), 3, config).await.unwrap()
    }

    #[tokio::test]
    async fn a_worse_release_is_told_from_a_better_one() {
        let worse = verdict(Scenario::ReleaseWorse).await;
        assert_eq!(worse.verdict, ReleaseVerdict::Worse, "{}", text(&worse));
        assert!(worse.rubrics[0].examples.iter().any(|one| one.side == "new"));
        assert!(worse.rubrics[0].examples.iter().any(|one| one.side == "old"));
        let better = verdict(Scenario::ReleaseBetter).await;
        assert_eq!(better.verdict, ReleaseVerdict::Better, "{}", text(&better));
    }

    #[tokio::test]
    async fn harder_questions_alone_are_no_worse_release() {
        let mixed = verdict(Scenario::MixOnly).await;
        let rubric = &mixed.rubrics[0];
        assert_ne!(mixed.verdict, ReleaseVerdict::Worse, "{}", text(&mixed));
        assert!(rubric.difference.unwrap().interval().unwrap().high < 0.0, "all in all the answers are worse");
        let mix = rubric.without_mix.as_ref().unwrap();
        assert_eq!(mix.segment, "topic");
        assert!(mix.mix < -0.05 && mix.within.interval().unwrap().high > 0.0, "{mix:?}");
    }
}
