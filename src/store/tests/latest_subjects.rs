//! The latest subjects, as a draft of a rubric is tried on them.

use crate::model::{EvaluationId, Outcome, SubjectKind};
use crate::store::{PlannedFrom, Series};
use crate::testing::on_both_databases;
use crate::testing::records::planned;

on_both_databases! {
    /// Scenario: an answer was judged again, so that one of its two evaluations is superseded. Guarantee: the answer comes once,
    /// with what the one that stands says.
    an_answer_that_was_judged_again_comes_once(database) {
        let mut plan = planned(1, 0, Outcome::Filtered, "yes");
        let mut again = plan.evaluations[0].clone();
        again.id = EvaluationId::derive(plan.subject.id, 1, "faithfulness", 1, "default");
        again.outcome = Outcome::SampledOut;
        plan.evaluations.push(again);
        database.store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
        database.execute("UPDATE evaluations SET outcome = 'superseded' WHERE outcome = 'filtered'").await;

        let series = Series { rubric: "faithfulness".into(), version: 1, judge: "default".into() };
        let latest = database.store.latest_subjects(SubjectKind::Generation, &series, None, 10).await.unwrap();
        let outcomes: Vec<Option<Outcome>> =
            latest.iter().map(|latest| latest.said.as_ref().map(|said| said.outcome)).collect();
        assert_eq!(outcomes, [Some(Outcome::SampledOut)]);
        assert_eq!(latest[0].subject.content.output.as_deref(), Some("yes"));
    }
}
