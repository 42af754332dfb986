//! The library that comes with judged, inside the binary.

use std::io;
use std::path::Path;

use super::loader::Library;

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        /// Path below the folder of rubrics, and text, of every shipped file.
        pub const SHIPPED: &[(&str, &str)] = &[$(
            (concat!($name, "/v1.md"), include_str!(concat!("../../rubrics/", $name, "/v1.md"))),
            (concat!($name, "/cases.jsonl"), include_str!(concat!("../../rubrics/", $name, "/cases.jsonl"))),
        )+];
    };
}

shipped!(
    "answer_relevance",
    "completeness",
    "context_relevance",
    "conversation_quality",
    "correctness",
    "faithfulness",
    "goal_completion",
    "harmfulness",
    "instruction_following",
    "refusal",
    "tool_call_correctness",
);

/// Writes the shipped files below `dir`. Files that exist are left as they are. Returns the paths written.
pub fn write_shipped(dir: &Path) -> io::Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for (path, text) in SHIPPED {
        let target = dir.join(path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Created only if it is not there: nothing of the user's is overwritten.
        match std::fs::File::create_new(&target) {
            Ok(mut file) => {
                io::Write::write_all(&mut file, text.as_bytes())?;
                written.push(*path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

impl Library {
    /// The shipped library, read from the binary.
    pub fn shipped() -> Self {
        Self::of_files(SHIPPED)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::Expectation;
    use super::*;

    #[test]
    fn every_shipped_rubric_is_sound_and_has_golden_cases() {
        let library = Library::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rubrics"));
        let complaints: Vec<String> = library.errors.iter().map(ToString::to_string).collect();
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!(library.warnings, vec![]);
        let names: Vec<&str> = library.rubrics.iter().map(|rubric| rubric.name.as_str()).collect();
        let shipped: Vec<&str> = SHIPPED.iter().filter_map(|(path, _)| path.strip_suffix("/v1.md")).collect();
        assert_eq!(names, shipped, "the binary ships what the folder holds");
        for rubric in &library.rubrics {
            let cases = &library.cases[&rubric.name];
            assert!(cases.len() >= 4, "{} has only {} cases", rubric.name, cases.len());
            let text = std::fs::read_to_string(rubric.path.with_file_name("cases.jsonl")).unwrap().to_lowercase();
            let attacks = ["evaluator", "grader", "judge:", "evaluators"];
            assert!(attacks.iter().any(|word| text.contains(word)), "{} has no adversarial case", rubric.name);
            for case in cases {
                rubric.render(&case.content, "0123456789abcdef").unwrap();
            }
        }
    }

    #[test]
    fn every_rubric_has_cases_on_both_sides() {
        let library = Library::shipped();
        for rubric in &library.rubrics {
            let passes: Vec<Option<bool>> = library.cases[&rubric.name]
                .iter()
                .map(|case| match &case.expect {
                    Expectation::Score(score) => rubric.scale.passes(Some(*score), None),
                    Expectation::Label(label) => match rubric.scale {
                        crate::model::Scale::Binary { .. } => Some(label == crate::model::PASS),
                        _ => rubric.scale.passes(None, Some(label)),
                    },
                    Expectation::Pass(pass) => Some(*pass),
                    Expectation::Abstain => None,
                })
                .collect();
            assert!(passes.contains(&Some(true)) && passes.contains(&Some(false)), "{}: {passes:?}", rubric.name);
        }
    }

    #[test]
    fn the_shipped_faithfulness_prompt_reads_like_this() {
        let library = Library::shipped();
        let rubric = library.find("faithfulness", None).unwrap();
        let case = &library.cases["faithfulness"][4];
        let prompt = rubric.render(&case.content, "3f9a1c0b7d2e4f60").unwrap();
        insta::assert_snapshot!(format!("{}\n=====\n{}", prompt.system, prompt.user));
    }

    #[test]
    fn the_guide_shows_a_sound_rubric_and_names_every_shipped_one() {
        let guide = include_str!("../../docs/rubrics.md");
        let example = guide.split("```").find(|block| block.trim_start().starts_with("---\n")).unwrap();
        let rubric =
            super::super::Rubric::parse("tone", 1, Path::new("docs/rubrics.md"), example.trim_start()).unwrap();
        assert_eq!(rubric.warnings, vec![]);
        for rubric in Library::shipped().rubrics {
            assert!(guide.contains(&format!("| `{}` |", rubric.name)), "{} is not in the guide", rubric.name);
        }
    }

    #[test]
    fn writing_the_library_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("refusal/v1.md");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "mine").unwrap();
        let written = write_shipped(dir.path()).unwrap();
        assert_eq!(written.len(), SHIPPED.len() - 1);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
        assert_eq!(write_shipped(dir.path()).unwrap(), Vec::<&str>::new());
    }
}
