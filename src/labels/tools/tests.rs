//! Exports as the tools write them, with content of our own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::labels::file::{Entry, Form, LabelFile, rejected};
use crate::labels::line::LabelLine;
use crate::model::{LabelStream, Probability, SubjectId, TraceId};
use crate::secrets::MacKey;

const TRACE: &str = "a30e0c04b7c7f05d9e7f61037cb86b6b";
const SPAN: &str = "e4b0e0cdcf098a2f";

fn mapping() -> Mapping {
    Mapping {
        rubrics: vec!["answer_relevance".into(), "harmfulness".into()],
        rubric: Some("answer_relevance".into()),
        ..Mapping::default()
    }
}

fn export(tool: Tool, text: impl Into<Vec<u8>>, mapping: &Mapping) -> ToolExport {
    read(tool, text.into(), &Reading::default(), mapping).unwrap()
}

/// Rubric, annotator, verdicts and reasons of each line.
fn told(export: &ToolExport) -> Vec<String> {
    let line = |entry: &Entry| match &entry.line {
        Ok(line) => {
            let said: Vec<String> =
                line.verdicts().map(|(name, verdict)| format!("{name}={}", verdict.text())).collect();
            let words =
                [line.rubric.as_deref(), line.annotator.as_deref(), Some(&said.join(" ")), line.rationale.as_deref()];
            words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        Err(error) => error.to_string(),
    };
    export.entries.iter().map(line).collect()
}

fn lost(export: &ToolExport) -> Vec<String> {
    export.lost.iter().map(|(what, number)| format!("{number} × {what}")).collect()
}

#[test]
fn label_studio_json_with_skips_drafts_and_addresses() {
    let annotation = |by: Value, skipped: bool, verdict: &str| {
        json!({
            "completed_by": by, "was_cancelled": skipped, "created_at": "2026-01-02T08:00:00.1Z",
            "updated_at": "2026-01-02T09:00:00.1Z", "lead_time": 3.5, "ground_truth": false,
            "result": [
                { "from_name": "verdict", "to_name": "output", "type": "choices", "value": { "choices": [verdict] } },
                { "from_name": "score", "to_name": "output", "type": "rating", "value": { "rating": 2 } },
                { "from_name": "why", "to_name": "output", "type": "textarea", "value": { "text": ["too short"] } },
                { "from_name": "tone", "to_name": "output", "type": "choices", "value": { "choices": ["rude"] } }
            ]
        })
    };
    let task = json!([{
        "id": 1, "data": { "trace_id": TRACE, "span_id": SPAN, "output": "x" }, "drafts": [{ "id": 9 }], "predictions": [],
        "annotations": [
            annotation(json!({ "id": 1, "email": "ann@example.com" }), false, "fail"),
            annotation(json!(2), true, "pass"),
            annotation(json!(3), false, "fail")
        ]
    }]);
    let who = [("3".to_owned(), "bob".to_owned())].into();
    let export = export(Tool::LabelStudio, task.to_string(), &Mapping { who, ..mapping() });
    insta::assert_snapshot!(told(&export).join("\n"), @r"
    answer_relevance · ann@example.com · score=2 label=fail · too short
    answer_relevance · bob · score=2 label=fail · too short
    ");
    insta::assert_snapshot!(lost(&export).join("\n"), @r"
    1 × drafts that nobody submitted
    1 × items that somebody skipped
    2 × the question `tone` is about no rubric: --name tone=RUBRIC says which
    ");
    let line = export.entries[0].line.as_ref().unwrap();
    assert_eq!((line.trace_id, line.span_id), (TRACE.parse().ok(), SPAN.parse().ok()));
    assert_eq!(line.labelled_at.unwrap().to_string(), "2026-01-02T09:00:00.1Z");
}

/// What a file of the refused lines holds, mended, as it is read again without a tool.
fn mended(export: &ToolExport, mend: impl Fn(&str) -> String) -> Vec<LabelLine> {
    let refused =
        export.entries.iter().filter_map(|entry| Some((&entry.original, entry.line.as_ref().err()?.to_string())));
    let text = rejected(&Form::Json, refused).unwrap();
    let file = LabelFile::open(mend(&text).into_bytes(), &Reading::default()).unwrap();
    file.map(|entry| entry.line.unwrap()).collect()
}

/// Scenario: an id of an export is wrong, and mended in the file of what was refused. Guarantee: each line says what it would have
/// said in the export: verdict, reasons, annotator, time.
#[test]
fn a_refused_line_that_is_mended_says_what_the_export_said() {
    let text = json!([{
        "data": { "trace_id": TRACE, "output": "x", "label": "of the item", "draw": "uniform 1 seal" },
        "annotations": [{
            "completed_by": 3, "updated_at": "2026-01-02T09:00:00Z",
            "result": [
                { "from_name": "score", "type": "rating", "value": { "rating": 2 } },
                { "from_name": "harmfulness", "type": "choices", "value": { "choices": ["pass"] } },
                { "from_name": "why", "type": "textarea", "value": { "text": ["too short"] } }
            ]
        }]
    }])
    .to_string();
    let who = [("3".to_owned(), "bob".to_owned())].into();
    let mapping = Mapping { who, ..mapping() };
    let lines = |export: ToolExport| export.entries.into_iter().map(|entry| entry.line.unwrap()).collect::<Vec<_>>();
    let right = lines(export(Tool::LabelStudio, text.clone(), &mapping));
    assert_eq!(right.len(), 2);
    let wrong = export(Tool::LabelStudio, text.replace(TRACE, "trace 7"), &mapping);
    assert!(wrong.entries.iter().all(|entry| entry.line.is_err()), "{:?}", told(&wrong));
    assert_eq!(mended(&wrong, |text| text.replace("trace 7", TRACE)), right);

    let of_item =
        json!({ "instance_id": "trace 7", "user_id": "3", "labels": { "harmfulness": { "fail": true } } }).to_string();
    let right = lines(export(Tool::Potato, of_item.replace("trace 7", TRACE), &mapping));
    let wrong = export(Tool::Potato, of_item, &mapping);
    assert_eq!(mended(&wrong, |text| text.replace("trace 7", TRACE)), right);
}

/// Scenario: an answer among several is wrong. Guarantee: the others are read, and the wrong one is there to be mended.
#[test]
fn of_several_answers_only_the_wrong_one_is_refused() {
    let said = json!({ "instance_id": TRACE, "user_id": "ann",
        "labels": { "answer_relevance": { "pass": true, "fail": true }, "harmfulness": { "pass": true } } });
    let export = export(Tool::Potato, said.to_string(), &mapping());
    let kept: Vec<bool> = export.entries.iter().map(|entry| entry.line.is_ok()).collect();
    assert_eq!(kept, [false, true], "{:?}", told(&export));
    let mended = mended(&export, |text| {
        text.replace("[\"pass\",\"fail\"]", "\"fail\"").replace("[\"fail\",\"pass\"]", "\"fail\"")
    });
    assert_eq!(mended[0].label.as_ref().map(|verdict| verdict.text().into_owned()), Some("fail".to_owned()));
    assert_eq!((mended[0].annotator.as_deref(), mended[0].trace_id), (Some("ann"), TRACE.parse().ok()));
}

/// Scenario: an item of a tool says that it was drawn at random, and its line is refused, here or by the store. Guarantee: the file of
/// refused lines, which is taken on the operator's word, does not say so.
#[test]
fn a_draw_without_a_seal_does_not_come_back_with_a_refused_line() {
    for trace in [TRACE, "trace 7"] {
        let item =
            json!({ "trace_id": trace, "stream": "uniform", "probability": 1.0, "label": ["pass"], "user": "ann" });
        let export = export(Tool::Doccano, item.to_string(), &mapping());
        let originals = export.entries.iter().map(|entry| (&entry.original, String::new()));
        let text = rejected(&Form::Json, originals).unwrap();
        assert!(text.contains("pass") && !text.contains("uniform") && !text.contains("probability"), "{text}");
    }
    let row = json!({ "trace_id": TRACE, "stream": "uniform", "verdict": "pass", "why": "ok", "annotator": "ann", "annotation_id": 1 });
    let export = export(Tool::LabelStudio, json!([row]).to_string(), &Mapping { rubric: None, ..mapping() });
    let mended = mended(&export, |text| text.replace('{', "{\"rubric\":\"harmfulness\","));
    let line = &mended[0];
    assert_eq!((line.stream, line.annotator.as_deref(), line.rationale.as_deref()), (None, Some("ann"), Some("ok")));
    assert_eq!(line.verdicts().count(), 1);
}

#[test]
fn label_studio_rows_name_people_by_number() {
    let min = json!([{
        "trace_id": TRACE, "answer": "x", "id": 1, "verdict": "pass", "score": [{ "rating": 4 }], "annotator": 7,
        "annotation_id": 2, "created_at": "2026-01-02T08:00:00Z", "updated_at": "2026-01-02T08:00:00Z", "lead_time": 3.0
    }]);
    let csv = format!(
        "\"annotation_id\",\"annotator\",\"answer\",\"created_at\",\"id\",\"lead_time\",\"score\",\"trace_id\",\"updated_at\",\"verdict\"\n\
         2,\"7\",\"x\",\"2026-01-02T08:00:00Z\",1,3.0,\"[{{\"\"rating\"\":4}}]\",\"{TRACE}\",\"2026-01-02T08:00:00Z\",\"pass\"\n"
    );
    for text in [min.to_string(), csv.clone(), csv.replace(',', "\t")] {
        let export = export(Tool::LabelStudio, text, &mapping());
        assert_eq!(told(&export), ["answer_relevance · 7 · score=4 label=pass"]);
        assert!(lost(&export)[0].contains("--who 7=NAME"), "{:?}", lost(&export));
    }
}

#[test]
fn doccano_names_nobody_but_in_the_name_of_the_file() {
    let item = json!({ "id": 4, "text": "x", "label": ["Pass"], "Comments": ["well said"], "trace_id": TRACE });
    let of = |stem: &str, text: String| export(Tool::Doccano, text, &Mapping { file_stem: stem.into(), ..mapping() });
    let one = of("ann", item.to_string());
    assert_eq!(told(&one), ["answer_relevance · ann · label=Pass · well said"]);
    assert!(lost(&one)[0].contains("`ann` is taken from the file's name"));
    let csv = format!("id,text,label,Comments,trace_id\n4,x,Pass#Fail,,{TRACE}\n4,x,Fail,,{TRACE}\n");
    let all = of("all", csv);
    assert!(told(&all)[0].contains("`label` has several answers"), "{:?}", told(&all));
    assert_eq!(told(&all)[1], "answer_relevance · label=Fail", "nobody is named");
}

#[test]
fn potato_says_what_is_ticked_and_what_stands_on_a_scale() {
    let jsonl = json!({ "instance_id": TRACE, "user_id": "ann",
        "labels": { "answer_relevance": { "scale_4": "4" }, "harmfulness": { "pass": true, "fail": false } } });
    let state = json!({ "user_id": "ann", "instance_id_to_label_to_value": { TRACE: [
        [{ "schema": "answer_relevance", "name": "scale_4" }, "4"], [{ "schema": "harmfulness", "name": "pass" }, "true"]
    ] } });
    let earlier = json!({ "id": TRACE, "displayed_text": "x",
        "label_annotations": { "answer_relevance": { "scale_4": "4" }, "harmfulness": { "pass": "1" } } });
    let csv = format!(
        "instance_id,user_id,answer_relevance.scale_4,answer_relevance.scale_5,harmfulness.pass\n{TRACE},ann,4,,pass\n"
    );
    let mapping = Mapping { folder: Some("ann".into()), ..mapping() };
    for text in [jsonl.to_string(), state.to_string(), earlier.to_string(), csv] {
        let export = export(Tool::Potato, text.clone(), &mapping);
        assert_eq!(told(&export), ["answer_relevance · ann · label=4", "harmfulness · ann · label=pass"], "{text}");
        assert_eq!(export.entries[0].line.as_ref().unwrap().trace_id, TRACE.parse::<TraceId>().ok());
    }
}

#[test]
fn argilla_records_nested_and_flat() {
    let user = "0b6c8a52-6f0e-4a6b-9f3e-2f1d7c5b9a10";
    let nested = json!([{ "id": "r-1", "status": "completed", "fields": { "output": "x" }, "metadata": { "trace_id": TRACE },
        "suggestions": {}, "vectors": {},
        "responses": { "verdict": [{ "value": "pass", "user_id": user }], "why": [{ "value": "fine", "user_id": user }] } }]);
    let flat = json!([{ "id": "r-1", "output": "x", "trace_id": TRACE, "verdict.responses": ["pass", "fail"],
        "verdict.responses.users": [user, "x"], "verdict.responses.status": ["submitted", "discarded"],
        "why.responses": ["fine"], "why.responses.users": [user], "why.responses.status": ["submitted"] }]);
    let who: BTreeMap<String, String> = [(user.to_owned(), "ann".to_owned())].into();
    for (text, lost_there) in [(nested.to_string(), 0), (flat.to_string(), 1)] {
        let export = export(Tool::Argilla, text, &Mapping { who: who.clone(), ..mapping() });
        assert_eq!(told(&export), ["answer_relevance · ann · label=pass · fine"]);
        assert_eq!(export.lost.len(), lost_there, "{:?}", export.lost);
    }
}

#[test]
fn prodigy_choices_and_binary_decisions() {
    let lines = [
        json!({ "text": "x", "meta": { "trace_id": TRACE }, "options": [], "accept": ["4"], "answer": "accept",
                "_annotator_id": "shop-ann", "_timestamp": 1_767_225_600 }),
        json!({ "text": "x", "trace_id": TRACE, "label": "harmfulness", "answer": "reject", "_session_id": "shop-bob" }),
        json!({ "text": "x", "trace_id": TRACE, "answer": "ignore" }),
    ];
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let export = export(Tool::Prodigy, text, &mapping());
    assert_eq!(told(&export), ["answer_relevance · shop-ann · label=4", "harmfulness · shop-bob · label=false"]);
    assert_eq!(lost(&export), ["1 × items that somebody ignored"]);
    let first = export.entries[0].line.as_ref().unwrap();
    assert_eq!(first.labelled_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn backends_export_what_pull_fetches() {
    let langfuse = json!([
        { "id": "s1", "name": "harmfulness", "source": "ANNOTATION", "traceId": TRACE, "observationId": SPAN, "dataType":
          "CATEGORICAL", "value": null, "stringValue": "pass", "authorUserId": "ann", "comment": "ok" },
        { "id": "s2", "name": "harmfulness", "source": "EVAL", "traceId": TRACE, "dataType": "NUMERIC", "value": 1 }
    ]);
    let of_blob = format!(
        "id,timestamp,trace_id,observation_id,name,value,string_value,source,comment,data_type,author_user_id\n\
         s1,2026-01-02 08:00:00,{TRACE},{SPAN},harmfulness,,pass,ANNOTATION,ok,CATEGORICAL,ann\n"
    );
    for text in [langfuse.to_string(), json!({ "data": langfuse }).to_string(), of_blob] {
        let export = export(Tool::Langfuse, text.clone(), &mapping());
        assert_eq!(told(&export), ["harmfulness · ann · label=pass · ok"], "{text}");
    }
    let phoenix = format!(
        "context.span_id,annotation_name,annotator_kind,identifier,result.label,result.score,result.explanation\n\
         {SPAN},harmfulness,HUMAN,ann,pass,,ok\n{SPAN},harmfulness,LLM,judged/v1/default,fail,0,\n"
    );
    let export_of = export(Tool::Phoenix, phoenix, &mapping());
    assert_eq!(told(&export_of), ["harmfulness · ann · label=pass · ok"]);
    assert_eq!(export_of.entries[0].line.as_ref().unwrap().span_id, SPAN.parse().ok());
    let assessment = |kind: &str, valid: bool| {
        json!({ "assessment_id": "a", "assessment_name": "harmfulness", "valid": valid,
        "source": { "source_type": kind, "source_id": "ann" }, "feedback": { "value": "pass" }, "rationale": "ok" })
    };
    let assessments = json!([assessment("HUMAN", true), assessment("HUMAN", false), assessment("LLM_JUDGE", true)]);
    let trace =
        json!({ "info": { "trace_id": format!("tr-{TRACE}"), "assessments": assessments }, "data": { "spans": [] } });
    let row = json!([{ "trace_id": format!("tr-{TRACE}"), "assessments": assessments.to_string() }]);
    for text in [trace.to_string(), row.to_string()] {
        let export = export(Tool::Mlflow, text, &mapping());
        assert_eq!(told(&export), ["harmfulness · ann · label=pass · ok"]);
        assert_eq!(lost(&export), ["2 × assessments of programs, or replaced since"]);
    }
}

#[test]
fn the_file_of_another_tool_is_refused_as_a_whole() {
    for tool in <Tool as crate::model::Named>::ALL {
        let error = read(*tool, br#"{"a":1}"#.to_vec(), &Reading::default(), &mapping()).err().unwrap();
        assert!(error.to_string().starts_with(&format!("this is no export of {}", tool.as_str())), "{error}");
    }
}

/// Scenario: a queue goes into a tool and comes back. Guarantee: the label finds its subject, its rubric and its draw.
#[test]
fn what_goes_into_a_tool_comes_back_with_its_subject() {
    let (subject, key) = (SubjectId::of_session("s"), MacKey::of_text("key"));
    let scale = crate::model::Scale::Binary { pass: "harmless".into(), fail: "harmful".into() };
    let content = crate::model::SubjectContent {
        input: Some("Can I mix them?".into()),
        output: Some("=no & <never>".into()),
        ..crate::model::SubjectContent::default()
    };
    let draw = super::super::seal::sealed(&key, "harmfulness", subject, LabelStream::Uniform, Probability::ONE);
    let item = QueuedItem {
        subject_id: subject.to_string(),
        rubric: "harmfulness",
        question: "Could it hurt?",
        scale: &scale,
        scale_text: "pass: harmless\nfail: harmful".into(),
        annotator: "ann",
        draw: draw.clone(),
        content: &content,
    };
    let queued = |tool: Tool| queued(tool, std::slice::from_ref(&item)).unwrap();
    let first = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
    let task = first(queued(Tool::LabelStudio))[0].clone();
    let result = json!([{ "from_name": "verdict", "type": "choices", "value": { "choices": ["pass"] } }]);
    let label_studio =
        json!([{ "data": task["data"], "annotations": [{ "completed_by": { "email": "ann" }, "result": result }] }]);
    let record = first(queued(Tool::Argilla))[0].clone();
    let argilla = json!([{ "id": record["id"], "metadata": record["metadata"],
        "responses": { "verdict": [{ "value": "pass", "user_id": "ann" }] } }]);
    let mut doccano = first(queued(Tool::Doccano));
    doccano["label"] = json!(["pass"]);
    let potato =
        json!({ "instance_id": first(queued(Tool::Potato))["id"], "user_id": "ann", "labels": { "verdict": "pass" } });
    let mut prodigy = first(queued(Tool::Prodigy));
    prodigy["accept"] = json!(["pass"]);
    prodigy["answer"] = json!("accept");
    prodigy["_annotator_id"] = json!("ann");
    let mapping = Mapping { rubric: None, file_stem: "ann".into(), ..mapping() };
    for (tool, text) in [
        (Tool::LabelStudio, label_studio),
        (Tool::Argilla, argilla),
        (Tool::Doccano, doccano),
        (Tool::Potato, potato),
        (Tool::Prodigy, prodigy),
    ] {
        let export = export(tool, text.to_string(), &mapping);
        assert_eq!(told(&export), ["harmfulness · ann · label=pass"], "{}", tool.as_str());
        let line = export.entries[0].line.as_ref().unwrap();
        assert_eq!(line.subject_id, Some(subject), "{}", tool.as_str());
        // potato gives back the name of an item and nothing else.
        assert_eq!(line.draw.as_ref(), Some(&draw).filter(|_| tool != Tool::Potato), "{}", tool.as_str());
    }
    insta::assert_snapshot!(label_studio_interface(&scale));
    assert!(super::queued(Tool::Mlflow, &[]).is_none());
}
