//! Sixty conversations of five answers, in which a judge is right on all answers of a conversation or wrong on all of them.

use sha2::{Digest, Sha256};

use crate::model::{EvaluationId, Label, LabelStream, Outcome, Probability, Score, SubjectId};
use crate::store::{Conclusion, EvaluationResult, JudgeCall, PlannedFrom, PlannedSubject};

use super::databases::Database;
use super::records::{planned, span_id, trace_id};

pub const CONVERSATIONS: u64 = 60;
pub const TURNS: u64 = 5;

/// What was said of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub conversation: u64,
    pub human: bool,
    pub judge: bool,
}

/// The judge is right on 48 of 60 conversations; people fail 18 of them.
pub fn answers() -> Vec<Answer> {
    let of = |conversation: u64| {
        let human = conversation % 10 >= 3;
        let judge = if conversation.is_multiple_of(5) { !human } else { human };
        (0..TURNS).map(move |_| Answer { conversation, human, judge })
    };
    (0..CONVERSATIONS).flat_map(of).collect()
}

/// What ties the answers of a conversation together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// A conversation id.
    Session,
    /// They are copies of one answer.
    Content,
}

/// Stores the answers with a judge's scores, and one person's label of each.
pub async fn sixty_conversations(
    database: &Database,
    rubric: &str,
    tie: Tie,
    judge: impl Fn(bool) -> Score,
    human: impl Fn(bool) -> Score,
) {
    let answers = answers();
    let subject = |number: usize| SubjectId::of_generation(trace_id(number as u64), span_id(number as u64));
    let id = |number: usize| EvaluationId::derive(subject(number), 0, rubric, 1, "default");
    let plans: Vec<PlannedSubject> = answers
        .iter()
        .enumerate()
        .map(|(number, answer)| {
            let mut plan = planned(number as u64, 0, Outcome::Pending, "an answer");
            plan.subject.session_id = (tie == Tie::Session).then(|| format!("conversation {}", answer.conversation));
            let content = if tie == Tie::Content { answer.conversation } else { number as u64 };
            plan.digest = Sha256::digest(content.to_be_bytes()).into();
            plan.evaluations[0].id = id(number);
            plan.evaluations[0].rubric = rubric.into();
            plan
        })
        .collect();
    let store = &database.store;
    store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
    store.lease_evaluations("default", 1_000, 60_000).await.unwrap();
    let results: Vec<EvaluationResult> = answers
        .iter()
        .enumerate()
        .map(|(number, answer)| EvaluationResult::Final {
            id: id(number),
            conclusion: Conclusion::Scored { score: judge(answer.judge), rationale: "because".into() },
            call: JudgeCall { model: Some("m".into()), ..JudgeCall::default() },
        })
        .collect();
    store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
    let labels: Vec<Label> = answers
        .iter()
        .enumerate()
        .map(|(number, answer)| Label {
            subject: subject(number),
            rubric: rubric.into(),
            annotator: "ann".into(),
            score: Some(human(answer.human)),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: Some(Probability::ONE),
            labelled_at_ms: store.now_ms() + number as i64,
            via: None,
            instead_of: None,
        })
        .collect();
    store.insert_labels(&labels).await.unwrap();
}

/// The same answers as a file for `judged agreement`.
pub fn as_file() -> Vec<String> {
    let side = |pass: bool| if pass { "pass" } else { "fail" };
    answers()
        .iter()
        .enumerate()
        .map(|(number, answer)| {
            format!(
                r#"{{"item_id":{number},"cluster":"{}","human":{{"ann":"{}"}},"judge":{{"default":"{}"}}}}"#,
                answer.conversation,
                side(answer.human),
                side(answer.judge)
            )
        })
        .collect()
}
