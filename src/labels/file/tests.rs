use serde_json::json;

use super::*;
use crate::agreement::Label as Verdict;

const TRACE: &str = "a30e0c04b7c7f05d9e7f61037cb86b6b";

fn opened(text: impl Into<Vec<u8>>) -> LabelFile {
    LabelFile::open(text.into(), &Reading::default()).unwrap()
}

/// Place and score of each line, or why there is none.
fn scores(text: impl Into<Vec<u8>>) -> Vec<(String, Result<Option<f64>, String>)> {
    let score = |line: LabelLine| line.score.as_ref().and_then(Verdict::number);
    let told = |entry: Entry| (entry.place.to_string(), entry.line.map(score).map_err(|error| error.to_string()));
    opened(text).map(told).collect()
}

fn one(place: &str, score: f64) -> Vec<(String, Result<Option<f64>, String>)> {
    vec![(place.to_owned(), Ok(Some(score)))]
}

#[test]
fn a_table_is_read_whatever_stands_between_its_cells() {
    for separator in [",", ";", "\t", "|"] {
        let text = ["trace_id,rubric,annotator,score,rationale", &format!("{TRACE},r,ann,3,fine")].join("\n");
        assert_eq!(scores(text.replace(',', separator)), one("2", 3.0), "{separator:?}");
    }
    let comma = format!("sep=;\r\ntrace_id;rubric;annotator;score\r\n{TRACE};r;ann;3,5\r\n");
    assert_eq!(scores(comma), one("3", 3.5), "the line that names the separator is a line, and a row");
}

#[test]
fn lines_are_counted_as_an_editor_does_and_rows_as_a_spreadsheet() {
    let rows =
        format!("trace_id,rubric,annotator,score,rationale\n{TRACE},r,ann,1,\"two\nlines\"\n\n{TRACE},r,ann,2,\n");
    for (text, name) in [(rows.clone(), "LF"), (rows.replace('\n', "\r\n"), "CRLF"), (rows.replace('\n', "\r"), "CR")] {
        let places: Vec<String> = opened(text).map(|entry| entry.place.to_string()).collect();
        assert_eq!(places, ["2", "5 (row 4)"], "{name}");
    }
}

#[test]
fn a_row_may_be_short_and_must_not_be_torn() {
    let text = format!(
        "trace_id,rubric,annotator,score,rationale\n{TRACE},r,ann,3\n{TRACE},r,ann,3,,,\n{TRACE},r,ann,3,not so, good\n"
    );
    let told = scores(text);
    assert_eq!((&told[0].1, &told[1].1), (&Ok(Some(3.0)), &Ok(Some(3.0))));
    assert!(told[2].1.as_ref().unwrap_err().contains("6 cells and the table 5 headings"), "{told:?}");
}

#[test]
fn json_is_read_as_lines_as_a_list_and_as_one_object() {
    let label = json!({"trace_id": TRACE, "rubric": "r", "annotator": "ann", "score": "4,0"});
    let line = label.to_string();
    assert_eq!(scores(format!("\u{feff}\n{line}\r\n")), one("2", 4.0));
    assert_eq!(scores(format!("[{line}]")), one("item 1", 4.0));
    assert_eq!(scores(serde_json::to_string_pretty(&label).unwrap()), one("item 1", 4.0));
    let told = scores(format!("{line}\n{{\"trace_id\":\n7\n"));
    assert_eq!(told[0].1, Ok(Some(4.0)));
    assert_eq!(told[1], ("2".to_owned(), Err("not JSON".to_owned())));
    assert_eq!(told[2].1, Err("not a label: a JSON object is expected".to_owned()));
}

#[test]
fn what_means_nothing_is_passed_over_and_named() {
    let mut file = opened(format!("trace_id,rubric,annotator,score,my notes\n{TRACE},r,ann,3,see mail\n"));
    assert!(file.by_ref().all(|entry| entry.line.is_ok()));
    assert_eq!(file.passed_over(), ["my notes"]);
    let mut file = opened(format!(r#"{{"trace_id":"{TRACE}","rubric":"r","annotator":"a","score":3,"tags":[1]}}"#));
    assert!(file.by_ref().all(|entry| entry.line.is_ok()));
    assert_eq!(file.passed_over(), ["tags"]);
}

#[test]
fn what_is_the_same_in_all_lines_may_be_said_once() {
    let naming = Naming {
        columns: vec![("labelled_at".into(), "created_at".into()), ("label".into(), "verdict".into())],
        rubric: Some("r".into()),
        annotator: Some("ann".into()),
    };
    let reading = Reading { naming, ..Reading::default() };
    let text = format!("trace_id,verdict,created_at\n{TRACE},Pass,2026-01-31 08:00\n");
    let line = LabelFile::open(text.into_bytes(), &reading).unwrap().next().unwrap().line.unwrap();
    assert_eq!((line.rubric.as_deref(), line.annotator.as_deref()), (Some("r"), Some("ann")));
    assert_eq!(line.labelled_at.unwrap().to_string(), "2026-01-31T08:00:00Z");
    assert_eq!(line.label, Some(Verdict::Text("Pass".into())));
}

#[test]
fn what_is_no_file_of_labels_is_refused_as_a_whole() {
    let refused = |bytes: &[u8]| LabelFile::open(bytes.to_vec(), &Reading::default()).err().unwrap().to_string();
    assert_eq!(refused(b" \n"), "the file is empty");
    assert!(refused(b"a,b\n1,2\n").starts_with("these headings are not those of labels"));
    assert!(refused(b"[1,").starts_with("the file is neither JSON nor a table"));
    assert!(refused(b"PK\x03\x04 no archive").starts_with("the workbook cannot be read"));
    assert!(refused(b"\xd0\xcf\x11\xe0").contains(".xls"));
}

#[test]
fn a_workbook_is_read_by_the_numbers_of_its_rows() {
    let sheet = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>trace_id</t></is></c><c r="B1" t="inlineStr"><is><t>Rubric</t></is></c><c r="C1" t="inlineStr"><is><t>annotator</t></is></c><c r="D1" t="inlineStr"><is><t>score</t></is></c><c r="E1" t="inlineStr"><is><t>pass</t></is></c></row>
        <row r="4"><c r="A4" t="inlineStr"><is><t>TRACE</t></is></c><c r="B4" t="inlineStr"><is><t>r</t></is></c><c r="C4" t="inlineStr"><is><t>ann</t></is></c><c r="D4"><v>3</v></c><c r="E4" t="b"><v>1</v></c></row>"#;
    let told = scores(workbook(&sheet.replace("TRACE", TRACE)));
    assert_eq!(told, one("row 4", 3.0));
    let dated = sheet
        .replace("<v>3</v>", "<v>46023.5</v>")
        .replace(r#"<c r="D4">"#, r#"<c r="D4" s="1">"#)
        .replace("score", "labelled_at");
    let line = opened(workbook(&dated.replace("TRACE", TRACE))).next().unwrap().line.unwrap();
    assert_eq!(line.labelled_at.unwrap().to_string(), "2026-01-01T12:00:00Z");
    let other = workbook(r#"<row r="1"><c r="A1"><v>7</v></c></row>"#);
    assert!(LabelFile::open(other, &Reading::default()).err().unwrap().to_string().starts_with("no sheet"));
}

#[test]
fn what_was_refused_can_be_mended_and_read_again() {
    let text = format!("trace_id;rubric;annotator;score;notes\n{TRACE};r;ann;nine;=1+1\n");
    let mut file = opened(text);
    let entry = file.next().unwrap();
    let written = rejected(file.form(), [(&entry.original, "no such level".to_owned())].into_iter()).unwrap();
    insta::assert_snapshot!(written, @r"
    trace_id;rubric;annotator;score;notes;refused_because
    a30e0c04b7c7f05d9e7f61037cb86b6b;r;ann;nine;'=1+1;no such level
    ");
    assert_eq!(scores(written.replace("nine", "5")), one("2", 5.0));

    let mut file = opened(format!(r#"[{{"trace_id":"{TRACE}","rubric":"r","annotator":"ann","score":9}}]"#));
    let entry = file.next().unwrap();
    let written = rejected(file.form(), [(&entry.original, "off".to_owned())].into_iter()).unwrap();
    assert_eq!(scores(written.replace(":9", ":4")), one("1", 4.0));
}

/// The bytes of a workbook with one sheet of these rows: a ZIP archive whose files are stored as they are.
fn workbook(rows: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let of_package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let book = format!(
        r#"<workbook xmlns="{main}" xmlns:r="{relations}"><sheets><sheet name="Labels" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let related = |kind: &str, target: &str| {
        format!(
            r#"<Relationships xmlns="{of_package}"><Relationship Id="rId1" Type="{relations}/{kind}" Target="{target}"/></Relationships>"#
        )
    };
    archive(&[
        ("_rels/.rels", related("officeDocument", "xl/workbook.xml")),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml")),
        (
            "xl/styles.xml",
            r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#.to_owned(),
        ),
        ("xl/worksheets/sheet1.xml", format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#)),
    ])
}

fn archive(files: &[(&str, String)]) -> Vec<u8> {
    let (mut bytes, mut directory): (Vec<u8>, Vec<u8>) = Default::default();
    for (name, text) in files {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let (offset, size) = (bytes.len() as u32, text.len() as u32);
        // Versions, flags, method, time and date; then the sum, both sizes and the lengths of name and extra field.
        let mut head = Vec::new();
        for number in [20_u16, 0, 0, 0, 0x21] {
            head.extend(number.to_le_bytes());
        }
        for number in [crc.sum(), size, size] {
            head.extend(number.to_le_bytes());
        }
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0; 2]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&head);
        bytes.extend(name.as_bytes());
        bytes.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, number) = (bytes.len() as u32, (files.len() as u16).to_le_bytes());
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(number);
    bytes.extend(number);
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
