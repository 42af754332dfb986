use proptest::prelude::*;

use super::*;
use crate::model::Score;

fn five() -> Scale {
    Scale::ordinal((1..=5).map(|level| (level, format!("level {level}"))).collect(), Some(4)).unwrap()
}

fn binary_scale() -> Scale {
    Scale::Binary { pass: "good".into(), fail: "bad".into() }
}

fn tone() -> Scale {
    let label = |name: &str| (name.to_owned(), String::new());
    Scale::categorical(vec![label("Polite"), label("neutral"), label("rude")], vec!["Polite".into()]).unwrap()
}

fn unit() -> Scale {
    Scale::numeric(0.0, 1.0, None, String::new()).unwrap()
}

fn score_of(text: &str, scale: &Scale) -> Result<Option<f64>, ReplyProblem> {
    parse(text, scale, true).map(|verdict| match verdict {
        Verdict::Scored { score, .. } => score.number(),
        Verdict::Abstained { .. } => None,
    })
}

fn label_of(text: &str, scale: &Scale) -> Option<String> {
    match parse(text, scale, true).unwrap() {
        Verdict::Scored { score, .. } => score.label().map(str::to_owned),
        Verdict::Abstained { .. } => panic!("abstained"),
    }
}

#[test]
fn a_plain_reply_is_a_verdict() {
    let verdict = parse(r#"{"rationale": "All claims hold.", "score": 5}"#, &five(), false).unwrap();
    let Verdict::Scored { score, rationale } = verdict else { panic!("abstained") };
    assert_eq!((score.number(), score.label(), score.value()), (Some(5.0), Some("pass"), Some(1.0)));
    assert_eq!(rationale, "All claims hold.");
}

#[test]
fn fences_prose_and_reasoning_around_one_object_do_no_harm() {
    for text in [
        "```json\n{\"rationale\": \"r\", \"score\": 4}\n```",
        "Here is my verdict:\n{\"rationale\": \"r\", \"score\": \"4\"}\nI hope this helps {really}.",
        "<think>{\"rationale\": \"a draft\", \"score\": 1}</think>\n{\"rationale\": \"r\", \"score\": 4.0}",
        "[{\"rationale\": \"r\", \"score\": 4, \"confidence\": {\"score\": 1}}]",
        "The set {1, 2}; the input was {\"question\": \"?\"}. {\"rationale\": \"r\", \"score\": 4, \"label\": null}",
        // The same verdict twice is still one verdict.
        "{\"rationale\": \"r\", \"score\": 4}\nIn short: {\"rationale\": \"s\", \"score\": 4}",
    ] {
        assert_eq!(score_of(text, &five()), Ok(Some(4.0)), "{text}");
    }
}

#[test]
fn two_different_verdicts_are_none() {
    let text = r#"{"rationale": "first thought", "score": 2} no: {"rationale": "second thought", "score": 4}"#;
    assert_eq!(score_of(text, &five()), Err(ReplyProblem::Ambiguous));
    let echoed = r#"Format {"rationale": "why", "score": "number"}: {"rationale": "r", "score": 4}"#;
    assert_eq!(score_of(echoed, &five()), Err(ReplyProblem::Ambiguous));
    let repeated = r#"{"rationale": "r", "score": 1, "score": 5}"#;
    assert_eq!(score_of(repeated, &five()), Err(ReplyProblem::BrokenJson("a member is given twice")));
}

#[test]
fn an_object_inside_a_broken_one_is_not_the_verdict() {
    let text = r#"{"rationale": "r", "details": {"rationale": "x", "score": 5}, "sco"#;
    assert_eq!(score_of(text, &five()), Err(ReplyProblem::BrokenJson("it does not end")));
    let text = r#"{"rationale": ?, "inner": {"rationale": "x", "score": 5}}"#;
    assert_eq!(score_of(text, &five()), Err(ReplyProblem::BrokenJson("invalid syntax")));
    let text = r#"<think>{"rationale": "still thinking", "score": 5}"#;
    assert_eq!(score_of(text, &five()), Err(ReplyProblem::Empty));
}

#[test]
fn nothing_becomes_a_score_by_default() {
    for (text, problem) in [
        ("", ReplyProblem::Empty),
        ("The answer is good.", ReplyProblem::NoObject),
        ("4", ReplyProblem::NoObject),
        ("{}", ReplyProblem::NoObject),
        (r#"{"rationale": "r"}"#, ReplyProblem::Missing("score")),
        (r#"{"rationale": "r", "score": null}"#, ReplyProblem::Missing("score")),
        (r#"{"rationale": "r", "score": "N/A"}"#, ReplyProblem::Missing("score")),
        (r#"{"rationale": "r", "score": null, "abstain": false}"#, ReplyProblem::Missing("score")),
        (r#"{"score": 4}"#, ReplyProblem::Missing("rationale")),
        (r#"{"rationale": 3, "score": 4}"#, ReplyProblem::WrongType("rationale")),
        (r#"{"rationale": "r", "score": true}"#, ReplyProblem::WrongType("score")),
        (r#"{"rationale": "r", "score": [4, 5]}"#, ReplyProblem::WrongType("score")),
        (r#"{"rationale": "r", "score": "NaN"}"#, ReplyProblem::WrongType("score")),
        (r#"{"rationale": "r", "score": "four"}"#, ReplyProblem::WrongType("score")),
        (r#"{"rationale": "r", "score": "4 or 5"}"#, ReplyProblem::WrongType("score")),
    ] {
        assert_eq!(parse(text, &five(), true), Err(problem), "{text}");
    }
}

#[test]
fn a_score_off_the_scale_is_refused_with_what_is_allowed() {
    let error = score_of(r#"{"rationale": "r", "score": 3.5}"#, &five()).unwrap_err();
    assert_eq!(error.to_string(), "the score is not on the scale; allowed: 1, 2, 3, 4, 5");
    assert!(score_of(r#"{"rationale": "r", "score": 0}"#, &five()).is_err());
    let error = score_of(r#"{"rationale": "r", "score": 1.01}"#, &unit()).unwrap_err();
    assert_eq!(error.to_string(), "the score is not on the scale; allowed: a number from 0 to 1");
    assert_eq!(score_of(r#"{"rationale": "r", "score": 1e0}"#, &unit()), Ok(Some(1.0)));
}

#[test]
fn a_binary_verdict_may_be_a_label_or_a_score_but_not_both_ways() {
    for said in [r#""label": "pass""#, r#""label": " Pass ""#, r#""score": 1"#, r#""score": "1""#, r#""label": true"#] {
        assert_eq!(score_of(&format!(r#"{{"rationale": "r", {said}}}"#), &binary_scale()), Ok(Some(1.0)), "{said}");
    }
    assert_eq!(
        score_of(r#"{"rationale": "r", "label": "pass", "score": 0}"#, &binary_scale()),
        Err(ReplyProblem::Contradiction("score and label differ"))
    );
    assert!(score_of(r#"{"rationale": "r", "label": "yes"}"#, &binary_scale()).is_err());
    assert!(score_of(r#"{"rationale": "r", "score": 0.7}"#, &binary_scale()).is_err());
}

#[test]
fn a_label_is_read_in_any_case_but_must_be_on_the_scale() {
    assert_eq!(label_of(r#"{"rationale": "r", "label": "polite"}"#, &tone()).as_deref(), Some("Polite"));
    assert_eq!(label_of(r#"{"rationale": "r", "score": "RUDE"}"#, &tone()).as_deref(), Some("rude"));
    let error = score_of(r#"{"rationale": "r", "label": "friendly"}"#, &tone()).unwrap_err();
    assert_eq!(error.to_string(), "the label is not on the scale; allowed: Polite, neutral, rude");
    let twins = Scale::categorical(vec![("A".into(), String::new()), ("a".into(), String::new())], vec![]).unwrap();
    assert_eq!(label_of(r#"{"rationale": "r", "label": "a"}"#, &twins).as_deref(), Some("a"));
    assert!(score_of(r#"{"rationale": "r", "label": " a "}"#, &twins).is_err(), "either could be meant");
}

#[test]
fn abstaining_is_a_verdict_only_where_it_is_allowed() {
    let text = r#"{"rationale": "nothing to go by", "score": null, "abstain": true}"#;
    let abstained = Verdict::Abstained { rationale: "nothing to go by".into() };
    assert_eq!(parse(text, &five(), true), Ok(abstained));
    assert_eq!(parse(text, &five(), false), Err(ReplyProblem::AbstentionNotAllowed));
    let both = r#"{"rationale": "r", "score": 3, "abstain": true}"#;
    assert_eq!(parse(both, &five(), true), Err(ReplyProblem::Contradiction("it abstains and gives a verdict")));
    assert_eq!(
        parse(r#"{"rationale": "r", "score": 3, "abstain": "maybe"}"#, &five(), true),
        Err(ReplyProblem::WrongType("abstain"))
    );
}

#[test]
fn the_word_abstain_in_the_place_of_the_verdict_is_an_abstention() {
    for text in
        [r#"{"rationale": "r", "score": "abstain"}"#, r#"{"rationale": "r", "score": "Abstain.", "abstain": true}"#]
    {
        assert_eq!(parse(text, &five(), true), Ok(Verdict::Abstained { rationale: "r".into() }), "{text}");
        assert_eq!(parse(text, &five(), false), Err(ReplyProblem::AbstentionNotAllowed), "{text}");
    }
    let both = r#"{"rationale": "r", "score": "abstain", "rating": 3}"#;
    assert_eq!(parse(both, &five(), true), Err(ReplyProblem::Contradiction("it abstains and gives a verdict")));
}

#[test]
fn wrapped_and_renamed_members_are_one_verdict() {
    for text in [
        r#""{\"rationale\":\"r\",\"score\":4}""#,
        r#"{"verdict":{"rationale":"r","score":4}}"#,
        r#"{"evaluation":{"result":{"rationale":"r","score":4}}}"#,
        r#"{"name":"verdict","arguments":"{\"rationale\":\"r\",\"score\":4}"}"#,
        r#"{"rationale":"r","verdict":{"score":4,"confidence":0.9}}"#,
        r#"{"results":[{"rationale":"r","score":4}]}"#,
        r#"{"Rationale":"r","SCORE":4}"#,
        r#"{"reasoning":"r","score":4}"#,
        r#"{"explanation":"r","rating":"4/5"}"#,
        r#"{"rationale":["r"],"score":[4]}"#,
        r#"{"rationale":"r","score":{"value":4}}"#,
        r#"{"rationale":"r","score":4,"label":"pass","level":"good - 4"}"#,
    ] {
        assert_eq!(score_of(text, &five()), Ok(Some(4.0)), "{text}");
    }
    let listed = parse(r#"{"rationale":["first","second"],"score":4}"#, &five(), false).unwrap();
    assert!(matches!(listed, Verdict::Scored { rationale, .. } if rationale == "first\nsecond"));
}

#[test]
fn members_that_disagree_are_no_verdict() {
    for text in [
        r#"{"rationale":"r","score":4,"rating":2}"#,
        r#"{"rationale":"r","score":4,"label":"fail"}"#,
        r#"{"accuracy":{"rationale":"r","score":4},"style":{"rationale":"r","score":4}}"#,
        r#"{"rationale":"r","Score":4,"score":5}"#,
        r#"{"type":"object","properties":{"rationale":{"type":"string"},"score":{"type":"integer","enum":[1,2]}}}"#,
    ] {
        assert!(parse(text, &five(), true).is_err(), "{text}");
    }
}

#[test]
fn a_verdict_after_thinking_counts_and_a_draft_in_it_does_not() {
    let draft = r#"{"rationale": "draft", "score": 2}"#;
    let reply = r#"{"rationale": "r", "score": 4}"#;
    for text in [
        format!("Let me weigh it: {draft}\n</think>\n\n{reply}"),
        format!("<thinking>first {draft}</thinking>\n{reply}"),
        format!("[THINK]maybe {{ {draft}[/THINK]```json\n{reply}\n```"),
        format!("<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{reply}"),
        format!("{reply}<think>was it {draft}?</think>"),
    ] {
        assert_eq!(score_of(&text, &five()), Ok(Some(4.0)), "{text}");
    }
    assert_eq!(score_of(&format!("{draft}</think>I cannot say."), &five()), Err(ReplyProblem::NoObject));
    let about_it = r#"{"rationale": "The answer ends in </think>.", "score": 4}"#;
    assert_eq!(score_of(about_it, &five()), Ok(Some(4.0)));
}

#[test]
fn a_verdict_in_the_place_of_the_reasoning_must_be_all_that_is_there() {
    let verdict = r#"{"rationale": "r", "score": 4}"#;
    let misplaced = |text: &str| parse_misplaced(text, &five(), true);
    assert!(matches!(misplaced(verdict), Ok(Verdict::Scored { .. })));
    assert!(matches!(misplaced(&format!("```json\n{verdict}\n```")), Ok(Verdict::Scored { .. })));
    assert_eq!(misplaced(&format!("Perhaps {verdict}, or 3?")), Err(ReplyProblem::OnlyReasoning));
}

#[test]
fn line_breaks_quotes_and_commas_of_models_do_no_harm() {
    for text in [
        "{\n \"rationale\": \"One.\nTwo.\",\n \"score\": 4\n}",
        "```json\n{\"rationale\": \"One.\n\tTwo.\", \"score\": 4,}\n```",
        "Verdict: {'rationale': 'fine', 'score': 4, 'abstain': False} - that is all.",
        "{rationale: \"fine\", score: 4}",
    ] {
        assert_eq!(score_of(text, &five()), Ok(Some(4.0)), "{text}");
    }
}

fn scales() -> impl Strategy<Value = Scale> {
    prop_oneof![Just(five()), Just(binary_scale()), Just(tone()), Just(unit())]
}

fn assert_on_scale(verdict: &Verdict, scale: &Scale) {
    let Verdict::Scored { score, .. } = verdict else { return };
    match (scale, score.number(), score.label()) {
        (Scale::Categorical { labels, .. }, None, Some(label)) => {
            assert!(labels.iter().any(|(name, _)| name == label));
        }
        (Scale::Categorical { .. }, ..) => panic!("a category without its label: {score:?}"),
        (_, Some(number), _) => assert!(scale.admits(number)),
        _ => panic!("no score: {score:?}"),
    }
}

/// JSON-like text made of the pieces that matter here, so that random replies get deep into the parser.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just(r#""rationale":"r""#.to_owned()),
        Just(r#""rationale":{"score":4}"#.to_owned()),
        Just(",".to_owned()),
        Just(r#""abstain":true"#.to_owned()),
        Just("```".to_owned()),
        Just("<think>".to_owned()),
        Just("</think>".to_owned()),
        (-3i32..9).prop_map(|number| format!(r#""score":{number}"#)),
        "(?i)polite|pass|rude|x".prop_map(|label| format!(r#""label":"{label}""#)),
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_a_judge_says_a_verdict_lies_on_the_scale(text in prop_oneof![soup(), any::<String>()], scale in scales()) {
        if let Ok(verdict) = parse(&text, &scale, true) {
            assert_on_scale(&verdict, &scale);
        }
        if let Ok(verdict) = parse(&text, &scale, false) {
            prop_assert!(!matches!(verdict, Verdict::Abstained { .. }), "abstained without leave");
        }
    }

    #[test]
    fn a_well_formed_reply_reads_as_what_it_says_also_inside_prose(
        rationale in any::<String>(), level in 1..=5i64, before in "[^{}]{0,40}", after in "[^{}]{0,40}",
    ) {
        let object = serde_json::json!({"rationale": rationale, "score": level}).to_string();
        let expected = Verdict::Scored { score: Score::of_number(&five(), level as f64).unwrap(), rationale };
        prop_assert_eq!(parse(&object, &five(), false), Ok(expected.clone()));
        prop_assume!(!before.trim_start().starts_with("<think>"));
        prop_assert_eq!(parse(&format!("{before}{object}{after}"), &five(), false), Ok(expected));
    }
}
