//! A series that is new: the labels of what was judged before do not count for it until that is judged again.

use serde::Serialize;

use super::data::{Moment, SeriesReport};
use super::words::plural;
use crate::agreement::intervals::MIN_PAIRS;

/// Why the current series has fewer labels than an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewSeries {
    /// The first answer that it judged.
    pub since: Option<Moment>,
    /// What is new: the version, the judge, its model, or how judged shows answers to it.
    pub what: String,
    /// Labelled answers that an earlier series judged.
    pub labelled_before: u64,
    /// Those that this one judged.
    pub labelled: u64,
    /// What has them judged again.
    pub command: String,
}

impl NewSeries {
    /// Of the series of a rubric, the current one first: whether it lacks what an earlier one has.
    pub(super) fn of(rubric: &str, current: &SeriesReport, earlier: &[SeriesReport]) -> Option<Self> {
        let labelled = labels(current);
        let before = earlier.iter().filter(|series| !series.baseline).max_by_key(|series| labels(series))?;
        let labelled_before = labels(before);
        (!current.baseline && labelled < MIN_PAIRS as u64 && labelled < labelled_before).then(|| Self {
            since: current.from,
            what: what_is_new(current, before),
            labelled_before,
            labelled,
            command: format!("judged backfill --labelled --rubric {rubric}@{}", current.version),
        })
    }

    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        let since = self.since.map(|since| format!(" since {since}")).unwrap_or_default();
        format!(
            "{}{since}: {} count for what was before, {} for this. Have them judged again: {}",
            self.what,
            plural(self.labelled_before, "labelled answer", "labelled answers"),
            self.labelled,
            self.command
        )
    }
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
    use crate::report::{ReportData, ReportInput, ReportOptions};
    use crate::testing::databases::{Database, START_MS};
    use crate::testing::evaluated::{rubric_facts, ten_days};

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
