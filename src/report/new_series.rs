//! A series that is new: the labels of what was judged before do not count for it until that is judged again.

use super::data::{NewSeries, SeriesReport};
use super::words::{plural, time};
use crate::agreement::intervals::MIN_PAIRS;

/// Of the series of a rubric, the current one first: whether it lacks what an earlier one has.
pub(super) fn new_series(rubric: &str, current: &SeriesReport, earlier: &[SeriesReport]) -> Option<NewSeries> {
    let labelled = labels(current);
    let before = earlier.iter().filter(|series| !series.baseline).max_by_key(|series| labels(series))?;
    let labelled_before = labels(before);
    (!current.baseline && labelled < MIN_PAIRS as u64 && labelled < labelled_before).then(|| {
        let what = what_is_new(current, before);
        let command = format!("judged backfill --labelled --rubric {rubric}@{}", current.version);
        let since = current.from.map(|since| format!(" since {}", time(since))).unwrap_or_default();
        let before = plural(labelled_before, "labelled answer", "labelled answers");
        let text = format!(
            "{what}{since}: {before} count for what was before, {labelled} for this. Have them judged again: {command}"
        );
        NewSeries { since: current.from, what, labelled_before, labelled, command, text }
    })
}

fn labels(series: &SeriesReport) -> u64 {
    series.agreement.items + series.agreement_unknown.as_ref().map_or(0, |unknown| unknown.items)
}

fn what_is_new(current: &SeriesReport, before: &SeriesReport) -> String {
    let model =
        |series: &SeriesReport| series.judge_model.clone().unwrap_or_else(|| "a model without a name".to_owned());
    if current.version != before.version {
        format!("version {} judges", current.version)
    } else if current.judge != before.judge {
        format!("the judge {} judges instead of {}", current.judge, before.judge)
    } else if current.judge_model != before.judge_model {
        format!("{} judges instead of {}", model(current), model(before))
    } else {
        "this release of judged shows answers to the judge otherwise".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Scale, Score};
    use crate::report::{ReportData, ReportInput, ReportOptions};
    use crate::testing::conversations::{Tie, sixty_conversations};
    use crate::testing::databases::{Database, START_MS};
    use crate::testing::evaluated::{rubric_facts, ten_days};

    fn binary(pass: bool) -> Score {
        let scale = Scale::Binary { pass: String::new(), fail: String::new() };
        Score::of_number(&scale, f64::from(pass)).unwrap()
    }

    /// Scenario: the model is changed, and all that is judged since lies in one hour with what was judged before. Guarantee:
    /// the newer model is the one that the report speaks of.
    #[tokio::test]
    async fn of_two_models_in_one_hour_the_newer_is_the_current_one() {
        let database = Database::sqlite().await;
        sixty_conversations(&database, "harmfulness", Tie::Session, binary, binary).await;
        let newest = "SELECT id FROM evaluations ORDER BY id LIMIT 3";
        let change = format!(
            "UPDATE evaluations SET judge_model = 'aaa', created_at_ms = created_at_ms + 1000 WHERE id IN ({newest})"
        );
        database.execute(&change).await;
        let input =
            ReportInput::read(&database.store, rubric_facts(), Vec::new(), ReportOptions::default()).await.unwrap();
        let report = ReportData::build(&input);
        let rubric = &report.rubrics[0];
        assert_eq!(rubric.series[0].judge_model.as_deref(), Some("aaa"), "{:?}", rubric.series.len());
        assert!(rubric.new_series.as_ref().unwrap().what.starts_with("aaa judges instead of"));
    }

    #[tokio::test]
    async fn a_model_that_nobody_labelled_says_how_the_labels_come_to_count() {
        let database = Database::sqlite().await;
        ten_days(&database).await;
        let last_day = START_MS + 9 * 86_400_000;
        let change = format!(
            "UPDATE evaluations SET judge_model = 'newer-model' WHERE rubric = 'faithfulness' AND judge = 'default' AND subject_id IN \
             (SELECT id FROM subjects WHERE observed_at_ms >= {last_day})"
        );
        database.execute(&change).await;
        let options = ReportOptions { baselines: vec!["baseline".to_owned()], ..ReportOptions::default() };
        let input = ReportInput::read(&database.store, rubric_facts(), Vec::new(), options).await.unwrap();
        let report = ReportData::build(&input);
        let rubric = report.rubrics.iter().find(|rubric| rubric.name == "faithfulness").unwrap();
        let new = rubric.new_series.as_ref().unwrap();
        assert!(new.labelled < new.labelled_before, "{new:?}");
        assert!(new.what.starts_with("newer-model judges instead of "), "{new:?}");
        assert_eq!(new.command, "judged backfill --labelled --rubric faithfulness@1");
        assert!(report.actions.iter().any(|action| action.text.contains(&new.command)), "{:?}", report.actions);
        let others = report.rubrics.iter().filter(|rubric| rubric.name != "faithfulness");
        assert!(others.clone().count() > 0 && others.into_iter().all(|rubric| rubric.new_series.is_none()));
    }
}
