use super::*;
use crate::labels::LabelError;
use crate::labels::file::{Original, Place};
use crate::model::{Outcome, Scale, SubjectKind};
use crate::secrets::MacKey;
use crate::store::PlannedFrom;
use crate::testing::on_both_databases;
use crate::testing::records::{planned, trace_id};

fn refused(line: usize, error: LabelError) -> Refused {
    Refused { place: Place::Row { line, row: line }, error, original: Original::Text(String::new()) }
}

#[test]
fn a_dry_run_groups_what_would_be_refused() {
    let off = |verdict: &str| LabelError::OffScale {
        verdict: verdict.to_owned(),
        scale: "binary",
        rubric: "harmfulness".into(),
        allowed: "pass, fail".into(),
    };
    let mut lines: Vec<Refused> = (2..12).map(|line| refused(line, off("maybe"))).collect();
    lines.push(refused(12, LabelError::UnknownSubject("trace 1".into())));
    lines.push(refused(13, LabelError::UnknownSubject("trace 2".into())));
    let import = Import {
        stored: 40,
        empty: 3,
        replaced: 1,
        rubrics: [("correctness".to_owned(), 25), ("harmfulness".to_owned(), 15)].into(),
        refused: lines,
        ..Import::default()
    };
    insta::assert_snapshot!(preview("labels.csv", &import));
}

#[test]
fn a_file_of_refused_lines_takes_no_other_ones_place() {
    let folder = tempfile::tempdir().unwrap();
    let table = Form::Table { separator: b',', headings: Vec::new().into() };
    let beside = |name: &str, form: &Form| {
        let (_, path) = create_beside(&folder.path().join(name), form).unwrap();
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    assert_eq!(beside("labels.xlsx", &table), "labels.rejected.csv");
    assert_eq!(beside("labels.csv", &table), "labels.rejected-2.csv");
    assert_eq!(beside("labels.rejected.csv", &table), "labels.rejected-3.csv");
    assert_eq!(beside("labels.json", &Form::Json), "labels.rejected.jsonl");
}

#[test]
fn a_pair_needs_both_names() {
    assert_eq!(pair("helpful=answer_relevance"), Ok(("helpful".into(), "answer_relevance".into())));
    assert!(pair("helpful").is_err() && pair("=x").is_err());
}

on_both_databases! {
    /// Scenario: labels are stored, a line is refused, and the audit log cannot be written. Guarantee: the command fails, and what was
    /// stored and refused is told all the same.
    what_was_refused_is_told_also_where_the_audit_log_fails(database) {
        let store = &database.store;
        store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "an answer")]).await.unwrap();
        database.execute("DROP TABLE audit_log").await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        let trace = trace_id(1);
        let rows = format!("trace_id,rubric,annotator,label\n{trace},harmless,ann,pass\n{trace},harmless,ann,maybe\n");
        std::fs::write(&path, rows).unwrap();
        let scale = Scale::Binary { pass: "harmless".into(), fail: "harmful".into() };
        let rubrics = [("harmless".to_owned(), LabelledRubric { subject: SubjectKind::Generation, scale })].into();
        let key = MacKey::of_text("key");
        let terms = Terms { rubrics: &rubrics, via: LabelWay::Import, key: &key, trusts_draws: true };
        let args = Args {
            files: vec![path.clone()],
            from: None,
            name: Vec::new(),
            who: Vec::new(),
            column: Vec::new(),
            rubric: None,
            annotator: None,
            encoding: None,
            format: None,
            ignore_unknown: false,
            dry_run: false,
        };
        let (mut output, printed) = Output::captured();
        let opened = opened(&args, &path, &rubrics).unwrap();
        assert!(one(store, &terms, &args, &path, opened, &mut output).await.is_err());
        assert!(printed.text().contains("1 stored") && printed.text().contains("1 refused"), "{}", printed.text());
        let refused = std::fs::read_to_string(folder.path().join("labels.rejected.csv")).unwrap();
        assert!(refused.contains("maybe"), "{refused}");
    }
}
