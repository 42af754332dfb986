//! `[rubrics]`: which criteria judge.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where rubrics are, and which of them judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RubricsConfig {
    /// The folder with `<name>/v<N>.md`; the shipped library is used when it does not exist.
    pub dir: PathBuf,
    /// The rubrics that judge, by name: of each the version with the alias `production`, else the newest.
    pub enabled: Vec<String>,
}

impl Default for RubricsConfig {
    fn default() -> Self {
        let enabled =
            ["faithfulness", "answer_relevance", "instruction_following", "harmfulness", "tool_call_correctness"];
        Self { dir: PathBuf::from("rubrics"), enabled: enabled.map(str::to_owned).into() }
    }
}
