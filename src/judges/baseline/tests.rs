use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{Decision, Document, Prompt, StepView, SubjectContent, ToolCall, ToolDefinition, Turn};

fn five() -> Scale {
    Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap()
}

fn judged(rubric: &str, scale: &Scale, content: &SubjectContent) -> Verdict {
    judge(&JudgeRequest {
        evaluation: None,
        prompt: &Prompt { system: String::new(), user: String::new() },
        schema: &json!({}),
        scale,
        abstain: true,
        rubric,
        version: 1,
        decision: &Decision::derived("Is it so?", scale, Vec::new()),
        content,
        traceparent: None,
        deadline: Duration::ZERO,
    })
    .verdict
}

fn score(rubric: &str, content: &SubjectContent) -> f64 {
    match judged(rubric, &five(), content) {
        Verdict::Scored { score, .. } => score.number().unwrap(),
        Verdict::Abstained { rationale } => panic!("abstained: {rationale}"),
    }
}

fn reason(rubric: &str, content: &SubjectContent) -> String {
    match judged(rubric, &five(), content) {
        Verdict::Scored { rationale, .. } | Verdict::Abstained { rationale } => rationale,
    }
}

fn rag(question: &str, answer: &str, documents: &[&str]) -> SubjectContent {
    SubjectContent {
        input: Some(question.into()),
        output: Some(answer.into()),
        documents: documents
            .iter()
            .map(|text| Document { text: Some((*text).into()), ..Document::default() })
            .collect(),
        ..SubjectContent::default()
    }
}

const POLICY: &str = "Customers may return shoes within 30 days. Refunds are paid to the original card within 5 days.";

#[test]
fn faithfulness_is_the_share_of_the_answers_words_that_documents_support() {
    let supported = rag("When can I return shoes?", "You may return shoes within 30 days.", &[POLICY]);
    assert_eq!(score("faithfulness", &supported), 5.0);
    let invented = rag(
        "When can I return shoes?",
        "Returning shoes takes 90 days, shipping to Norway is free with vouchers.",
        &[POLICY],
    );
    assert_eq!(
        reason("faithfulness", &invented),
        "Lexical baseline: 3 of 10 content words of the answer occur in the documents or the question; \
         not: takes, 90, shipping, Norway, free."
    );
    assert_eq!(score("faithfulness", &invented), 1.0);
    let wrong_number = rag("When can I return shoes?", "You may return shoes within 60 days.", &[POLICY]);
    assert!(score("faithfulness", &wrong_number) < 5.0, "a wrong number costs a level");
}

#[test]
fn relevance_is_what_question_and_answer_or_documents_share() {
    let to_the_point =
        rag("How long does a refund take?", "A refund takes 5 days, however long the queue is.", &[POLICY]);
    let beside_it = rag("How long does a refund take?", "Our shops open at nine.", &["Opening hours of our shops."]);
    assert_eq!((score("answer_relevance", &to_the_point), score("answer_relevance", &beside_it)), (5.0, 1.0));
    assert!(score("context_relevance", &to_the_point) > score("context_relevance", &beside_it));
    let declined = rag("How long does a refund take?", "I'm unable to say how long a refund takes.", &[]);
    assert_eq!(score("answer_relevance", &declined), 1.0);
}

#[test]
fn correctness_compares_with_the_reference() {
    let with =
        |answer: &str, reference: &str| SubjectContent { reference: Some(reference.into()), ..rag("?", answer, &[]) };
    assert_eq!(score("correctness", &with("The capital is Paris.", "Paris")), 5.0);
    assert_eq!(score("correctness", &with("The capital is Lyon.", "Paris")), 1.0);
    let long = "Refunds reach the original card within five working days of our receiving the parcel.";
    assert!(score("correctness", &with("Refunds reach the original card in five working days.", long)) >= 4.0);
    assert_eq!(score("completeness", &with("", long)), 1.0);
    let none = rag("Capital of France?", "Paris", &[]);
    assert_eq!(reason("correctness", &none), "Lexical baseline: there is no reference to compare with.");
}

#[test]
fn tool_calls_must_fit_the_tools_on_offer() {
    let call = |name: &str, arguments| ToolCall { id: None, name: name.into(), arguments };
    let content = SubjectContent {
        tools: vec![ToolDefinition {
            name: "weather".into(),
            description: None,
            parameters: Some(json!({"required": ["city"]})),
        }],
        tool_calls: vec![
            call("weather", json!({"city": "Oslo"})),
            call("weather", json!({})),
            call("forecast", json!({})),
        ],
        ..SubjectContent::default()
    };
    assert_eq!(
        reason("tool_call_correctness", &content),
        "Lexical baseline: 1 of 3 tool calls name a tool on offer and have its required arguments; \
         `weather` lacks `city`, `forecast` was not on offer."
    );
    assert_eq!(score("tool_call_correctness", &content), 2.0);
}

#[test]
fn agents_and_conversations_are_measured_by_what_they_take_up() {
    let step = |error: Option<&str>| StepView {
        kind: "tool".into(),
        name: "search".into(),
        input: None,
        output: None,
        duration_ms: 1.0,
        tokens: None,
        error: error.map(str::to_owned),
    };
    let mut content = rag("Book a flight to Oslo", "The flight to Oslo is booked.", &[]);
    assert_eq!(score("agent_goal_completion", &content), 5.0);
    content.steps = vec![step(None), step(Some("timeout"))];
    assert_eq!(score("agent_goal_completion", &content), 3.0);
    let turn = |input: &str, output: &str| Turn { input: Some(input.into()), output: Some(output.into()) };
    content.turns =
        vec![turn("cancel my order", "Your order is cancelled."), turn("refund my card", "Have a nice day.")];
    assert_eq!(score("conversation_quality", &content), 3.0);
}

#[test]
fn harm_and_refusal_go_by_their_lists() {
    let answer = |text: &str| rag("?", text, &[]);
    assert_eq!(score("harmfulness", &answer("Water the plants.")), 5.0);
    assert_eq!(score("harmfulness", &answer("Mix the explosive with poison.")), 1.0);
    assert_eq!(score("refusal", &answer("I cannot help with that.")), 1.0);
    assert_eq!(score("refusal", &answer("Here you go.")), 5.0);
}

#[test]
fn it_abstains_rather_than_guess() {
    for (rubric, content, why) in [
        ("faithfulness", rag("q", "an answer with words", &[]), "there are no documents to compare with"),
        ("faithfulness", rag("q", "Yes.", &[POLICY]), "the answer has too few content words to compare"),
        ("answer_relevance", SubjectContent::default(), "there is no question to compare with"),
        ("tool_call_correctness", rag("q", "a", &[]), "no tool was called"),
        ("instruction_following", rag("q", "a", &[]), "words alone say nothing about `instruction_following`"),
    ] {
        assert_eq!(reason(rubric, &content), format!("Lexical baseline: {why}."));
        assert!(matches!(judged(rubric, &five(), &content), Verdict::Abstained { .. }));
    }
}

#[test]
fn labels_are_chosen_only_where_one_is_meant() {
    let label = |name: &str| (name.to_owned(), String::new());
    let scale = |labels: &[&str], pass: &[&str]| {
        Scale::categorical(
            labels.iter().map(|name| label(name)).collect(),
            pass.iter().map(|name| (*name).to_owned()).collect(),
        )
        .unwrap()
    };
    let chosen = |scale: &Scale, value| spread(scale, value).and_then(|score| score.label().map(str::to_owned));
    assert_eq!(chosen(&scale(&["ok", "bad", "worse"], &["ok"]), 0.9).as_deref(), Some("ok"));
    assert_eq!(chosen(&scale(&["ok", "bad", "worse"], &["ok"]), 0.1), None);
    assert_eq!(chosen(&scale(&["ok", "bad"], &[]), 0.9), None);
}

proptest! {
    #[test]
    fn the_score_lies_on_the_scale_and_repeats(question in any::<String>(), answer in any::<String>(), document in any::<String>()) {
        let content = SubjectContent { reference: Some(document.clone()), ..rag(&question, &answer, &[&document]) };
        for rubric in ["faithfulness", "answer_relevance", "context_relevance", "correctness", "completeness", "harmfulness"] {
            let verdict = judged(rubric, &five(), &content);
            if let Verdict::Scored { score, .. } = &verdict {
                prop_assert!(five().admits(score.number().unwrap()));
            }
            prop_assert_eq!(verdict, judged(rubric, &five(), &content));
        }
    }

    #[test]
    fn better_measures_never_score_lower(low in 0.0..=1.0f64, high in 0.0..=1.0f64) {
        prop_assume!(low <= high);
        for scale in [five(), Scale::numeric(-1.0, 3.0, None, String::new()).unwrap(), Scale::Binary { pass: String::new(), fail: String::new() }] {
            prop_assert!(spread(&scale, low).unwrap().number() <= spread(&scale, high).unwrap().number());
        }
    }
}
