//! Which verdicts judges are asked for again, once an hour.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{HOUR_MS, Probability, hour_start};
use crate::rubrics::Rubric;
use crate::store::{RepeatDraw, Store, StoreError};

/// The largest share of its verdicts that a judge gives twice: little traffic is not to cost much more.
const MOST: f64 = 0.05;

/// The same as [`plan`], unless a worker of an earlier release shares the database: it would take repeats for anchors.
pub(super) async fn plan_where_known(
    store: &Store,
    rubrics: &[Arc<Rubric>],
    baselines: &[String],
    per_day: u32,
    deadline: Duration,
) -> Result<u64, StoreError> {
    if store.all_tell_repeats().await? { plan(store, rubrics, baselines, per_day, deadline).await } else { Ok(0) }
}

/// Plans the repeats of verdicts on what was planned in the hour before the last, so that most of them are there, of every rubric whose judge is no baseline: about as many as make
/// `per_day` a day. Returns how many were new.
async fn plan(
    store: &Store,
    rubrics: &[Arc<Rubric>],
    baselines: &[String],
    per_day: u32,
    deadline: Duration,
) -> Result<u64, StoreError> {
    let Ok(most) = Probability::try_from(MOST) else { return Ok(0) };
    let now_ms = store.now_ms();
    let until_ms = hour_start(now_ms) - HOUR_MS;
    let mut planned = 0;
    for rubric in rubrics.iter().filter(|rubric| per_day > 0 && !baselines.contains(&rubric.judge)) {
        let draw = RepeatDraw {
            rubric: &rubric.name,
            version: rubric.version,
            judge: &rubric.judge,
            from_ms: until_ms - HOUR_MS,
            until_ms,
            expected: f64::from(per_day) / 24.0,
            most,
        };
        let drawn = store.draw_repeats(draw).await?;
        planned += store.plan_replays(&drawn, now_ms + deadline.as_millis() as i64).await?;
    }
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{Outcome, Scale, Score, Verdict};
    use crate::report::{ReportData, ReportInput, ReportOptions, RubricFacts};
    use crate::rubrics::SHIPPED;
    use crate::store::{Conclusion, EvaluationResult, JudgeCall, PlannedFrom};
    use crate::testing::on_both_databases;
    use crate::testing::records::planned;

    const DEADLINE: Duration = Duration::from_hours(24);
    const LEASE_MS: i64 = 60_000;

    /// A rubric as [`planned`] names it.
    fn rubric() -> Arc<Rubric> {
        let (_, text) = SHIPPED.iter().find(|(path, _)| *path == "faithfulness/v1.md").unwrap();
        Arc::new(Rubric::parse("faithfulness", 1, Path::new("v1.md"), text).unwrap())
    }

    /// Judges what waits: all pass, or all but the first.
    async fn judge(store: &Store, passes: bool) -> usize {
        let leased = store.lease_evaluations("default", 1_000, LEASE_MS).await.unwrap();
        let scale = Scale::Binary { pass: "good".into(), fail: "bad".into() };
        let of = |(index, leased): (usize, &crate::store::LeasedEvaluation)| {
            let number = f64::from(u8::from(passes || index > 0));
            let score = Score::of_number(&scale, number).unwrap();
            let conclusion = Conclusion::from(Verdict::Scored { score, rationale: "so".into() });
            EvaluationResult::Final {
                id: leased.id,
                conclusion,
                call: JudgeCall { model: Some("m-1".into()), ..JudgeCall::default() },
            }
        };
        let results: Vec<EvaluationResult> = leased.iter().enumerate().map(of).collect();
        store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap().len()
    }

    on_both_databases! {
        /// Scenario: a judge gives 600 verdicts in an hour. Guarantee: a few of them, drawn with a recorded probability, are asked for
        /// again, once; what it says tells its noise and is no part of what is said of the traffic.
        a_few_verdicts_are_asked_for_again_and_tell_the_noise(database) {
            let store = &database.store;
            let plans: Vec<_> = (0..600).map(|number| planned(number, 0, Outcome::Pending, "an answer")).collect();
            store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
            assert_eq!(judge(store, true).await, 600);
            let rubrics = [rubric()];
            assert_eq!(plan(store, &rubrics, &[], 480, DEADLINE).await.unwrap(), 0, "the hour is not over");
            database.clock.advance(2 * HOUR_MS);
            assert_eq!(plan(store, &rubrics, &["default".to_owned()], 480, DEADLINE).await.unwrap(), 0, "a baseline says the same");
            let drawn = plan(store, &rubrics, &[], 480, DEADLINE).await.unwrap();
            assert!((8..=36).contains(&drawn), "20 are expected: {drawn}");
            assert_eq!(plan(store, &rubrics, &[], 480, DEADLINE).await.unwrap(), 0, "once");
            let leased = database.store.lease_evaluations("default", 1, LEASE_MS).await.unwrap();
            let made = store.evaluation_detail(leased[0].id).await.unwrap().unwrap().evaluation;
            assert!((made.inclusion_probability - 0.15 * 20.0 / 600.0).abs() < 1e-9, "{made:?}");
            store.release_evaluations(&[leased[0].id]).await.unwrap();

            // The first of the second verdicts differs.
            assert_eq!(judge(store, false).await as u64, drawn);
            let pairs = store.repeated_verdicts(0).await.unwrap();
            assert_eq!(pairs.len() as u64, drawn);
            assert_eq!(pairs.iter().filter(|pair| pair.first != pair.again).count(), 1);
            assert_eq!(store.first_repeats("faithfulness", "default", 5).await.unwrap(), pairs[..5]);
            assert_eq!(store.scored_evaluations(0).await.unwrap().len(), 600);
            assert!(store.ledger(0).await.unwrap().balanced);

            let facts = vec![RubricFacts::from(rubrics[0].as_ref())];
            let report = ReportData::build(&ReportInput::read(store, facts, Vec::new(), ReportOptions::default()).await.unwrap());
            let series = &report.rubrics[0].series[0];
            assert_eq!((series.scored, series.noise.items), (600, drawn));
            assert!((series.noise.flip_rate.value().unwrap() - 1.0 / drawn as f64).abs() < 1e-9);
            let text = crate::report::markdown::render(&report);
            let (noise, agreement) = (text.find("says something else").unwrap(), text.find("items with both verdicts").unwrap());
            assert!(noise < agreement);
            assert!(crate::report::html::render(&report).unwrap().contains("Does the judge say the same again?"));
        }
    }
}
