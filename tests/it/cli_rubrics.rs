//! `judged rubrics`, as a person uses it.

use std::path::Path;
use std::process::{Command, Output};

const TONE: &str = r#"---
description: Is it kind?
subject: generation
requires: [input, output]
scale: { type: binary, pass: "kind", fail: "unkind" }
---
{% block system %}Judge kindness.
{{ scale.text }}{% endblock %}
{% block user %}{{ fenced(input.text) }}
{{ fenced(output.text) }}{% endblock %}
"#;

/// A folder with a configuration, a database of its own and one rubric.
struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("judged.toml", "[store]\nurl = \"sqlite://registry.db\"\n");
        folder.write("rubrics/tone/v1.md", TONE);
        folder.write(
            "rubrics/tone/cases.jsonl",
            r#"{"name":"kind","content":{"input":"Hi","output":"Hello!"},"expect":{"pass":true}}"#,
        );
        folder
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_judged"))
            .arg("rubrics")
            .args(arguments)
            .current_dir(self.0.path())
            // No repository above the temporary folder, and nobody's own settings.
            .env("GIT_CEILING_DIRECTORIES", self.0.path().parent().unwrap_or(Path::new("/")))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("USER", "ada")
            .output()
            .unwrap()
    }

    /// Exit code, and everything printed.
    fn says(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    }
}

#[test]
fn check_names_every_error_and_leaves_with_2() {
    let place = Workplace::new();
    assert_eq!(place.says(&["check"]), (0, "1 version sound, 1 case golden, 0 errors, 0 warnings\n".into()));
    place.write("rubrics/tone/v2.md", &TONE.replace("fenced(output.text)", "output.text"));
    place.write("rubrics/tone/v3.md", &TONE.replace("abstain", "abstian").replace("subject:", "subjetc:"));
    let (code, text) = place.says(&["check"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("rubrics/tone/v2.md:10:4: `output.text` comes from a span"), "{text}");
    assert!(text.contains("rubrics/tone/v3.md:3:1: unknown key `subjetc` in the front matter"), "{text}");
}

#[test]
fn a_prompt_can_be_read_before_anybody_judges_by_it() {
    let place = Workplace::new();
    let (code, text) = place.says(&["render", "tone", "--case", "kind"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("=== system ===\nJudge kindness.\npass: kind\nfail: unkind\n"), "{text}");
    assert!(text.contains("name=\"output\">\nHello!\n</data-"), "{text}");
    place.write("content.json", r#"{"input": "Hi", "output": "", "documents": []}"#);
    let (code, text) = place.says(&["render", "tone@1", "--file", "content.json"]);
    assert!(code == 0 && text.contains("empty=\"true\""), "{text}");
    let (code, text) = place.says(&["render", "tone", "--case", "9"]);
    assert!(code == 1 && text.contains("1  kind"), "{text}");
}

const FIRST: &str = "published tone v1: in production; it judges once rubrics.enabled names it\n\
                     published the library inside judged: 11 rubrics\n1 of your own new, 0 unchanged\n";

#[test]
fn publish_then_promote_and_never_change_what_is_published() {
    let place = Workplace::new();
    let (code, text) = place.says(&["promote", "tone", "1", "--alias", "candidate"]);
    assert!(code == 1 && text.contains("tone v1 is not published; of tone there is: nothing"), "{text}");
    assert_eq!(place.says(&["publish"]), (0, FIRST.into()));
    assert_eq!(place.says(&["publish"]), (0, "0 of your own new, 12 unchanged\n".into()));
    assert_eq!(place.says(&["promote", "tone", "1"]), (0, "tone: production was v1 already\n".into()));
    let (code, text) = place.says(&["promote", "tone", "2", "--alias", "candidate"]);
    assert!(code == 1 && text.contains("tone v2 is not published; of tone there is: v1"), "{text}");
    let (code, text) = place.says(&["promote", "tone", "1", "--gate"]);
    assert!(code == 3 && text.contains("nothing was promoted"), "{text}");

    place.write("rubrics/tone/v1.md", &TONE.replace("Judge kindness.", "Judge it."));
    let (code, text) = place.says(&["publish"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("rubrics/tone/v1.md: tone v1 was published with another text"), "{text}");
    assert!(text.contains("save this one as v2.md"), "{text}");

    place.write("rubrics/tone/v1.md", TONE);
    place.write("rubrics/tone/v2.md", &TONE.replace("Judge kindness.", "Judge it."));
    let (code, text) = place.says(&["publish", "tone@2"]);
    assert!(
        code == 0 && text.contains("published tone v2: v1 stays in production; `judged rubrics promote tone 2`"),
        "{text}"
    );
    let (code, text) = place.says(&["diff", "tone", "1", "2"]);
    assert!(code == 0 && text.contains("-{% block system %}Judge kindness.\n+{% block system %}Judge it."), "{text}");

    let listed: serde_json::Value =
        serde_json::from_slice(&place.run(&["list", "--registry", "--format", "json"]).stdout).unwrap();
    let tone: Vec<_> = listed.as_array().unwrap().iter().filter(|row| row["name"] == "tone").collect();
    assert_eq!(tone[0]["aliases"], serde_json::json!(["production"]));
    assert_eq!(tone[1]["version"], 2);
    assert_eq!(tone[1]["author"], "ada");
}

#[test]
fn a_draft_is_replaced_and_check_says_what_is_not_published() {
    let place = Workplace::new();
    assert_eq!(place.says(&["publish"]).0, 0);
    place.write("rubrics/tone/v1.md", &TONE.replace("Judge kindness.", "Judge it."));
    place.write("rubrics/tone/v2.md", TONE);
    let (code, text) = place.says(&["check"]);
    assert!(code == 0 && text.contains("registry: rubrics/tone/v2.md: tone v2 is not published"), "{text}");
    assert!(text.contains("registry: rubrics/tone/v1.md: tone v1 was published with another text"), "{text}");
    let (code, text) = place.says(&["publish", "tone@1", "--replace"]);
    assert!(code == 0 && text.contains("replaced the text of tone v1, to which nothing refers"), "{text}");
    let (_, text) = place.says(&["check"]);
    assert!(!text.contains("another text") && text.contains("tone v2 is not published"), "{text}");

    place.write("judged.toml", "[store]\nurl = \"sqlite://registry.db\"\n[rubrics]\nenabled = [\"tone@2\"]\n");
    let (_, text) = place.says(&["check"]);
    assert!(
        text.contains("a start would be refused: rubrics.enabled asks for tone v2, which is not published"),
        "{text}"
    );
}

#[test]
fn golden_cases_that_a_judge_misses_leave_with_3() {
    const TEXT: &str = "Which bus goes from the station to the harbour?";
    let place = Workplace::new();
    // The offline judge has an opinion on rubrics of this name. Whatever its verdict, one of two opposite expectations is
    // missed.
    place.write("rubrics/answer_relevance/v1.md", TONE);
    let case = |name, pass| {
        format!(r#"{{"name":"{name}","content":{{"input":"{TEXT}","output":"{TEXT}"}},"expect":{{"pass":{pass}}}}}"#)
            + "\n"
    };
    place.write("rubrics/answer_relevance/cases.jsonl", &(case("one", true) + &case("other", false)));
    let (code, text) = place.says(&["test", "answer_relevance", "--judge", "baseline"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("MISSED") && text.contains("1 of 2 as expected"), "{text}");
    place.write("rubrics/answer_relevance/cases.jsonl", &case("one", text.contains("ok      one")));
    let (code, text) = place.says(&["test", "answer_relevance", "--judge", "baseline"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = place.says(&["test", "tone", "--judge", "nobody"]);
    assert!(code == 1 && text.contains("asks for the judge `nobody`; configured are: baseline, default"), "{text}");
}

#[test]
fn without_a_folder_the_shipped_library_stands_in_and_can_be_written_out() {
    let place = Workplace::new();
    std::fs::remove_dir_all(place.0.path().join("rubrics")).unwrap();
    let (code, text) = place.says(&["list"]);
    assert!(code == 0 && text.contains("The library inside judged") && text.contains("conversation_quality"), "{text}");
    let (code, text) = place.says(&["check", "--dir", "elsewhere"]);
    assert!(code == 1 && text.contains("judged rubrics init --dir elsewhere"), "{text}");
    let (code, text) = place.says(&["init"]);
    assert!(code == 0 && text.ends_with("22 written, 0 there already\n"), "{text}");
    let (code, text) = place.says(&["check"]);
    assert_eq!((code, text.as_str()), (0, "11 versions sound, 68 cases golden, 0 errors, 0 warnings\n"));
}
