use super::*;
use crate::labels::LabelError;
use crate::labels::file::{Original, Place};

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
