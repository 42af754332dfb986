//! `[rubrics]`: which criteria judge.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where rubrics are, and which of them judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RubricsConfig {
    /// The folder with `<name>/v<N>.md`, beside the library inside the program; of a rubric that both have, the folder's.
    pub dir: PathBuf,
    /// The rubrics that judge, by name: of each the version with the alias `production`.
    pub enabled: Vec<String>,
    /// Who publishes new versions of the folder.
    pub publish: Publish,
}

/// Who publishes new versions of the folder. An empty registry is filled by the first start either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publish {
    /// Only the command `judged rubrics publish`.
    #[default]
    Command,
    /// Every start as well, for folders that are deployed with judged. It never moves an alias.
    OnStart,
}

impl Default for RubricsConfig {
    fn default() -> Self {
        let enabled =
            ["faithfulness", "answer_relevance", "instruction_following", "harmfulness", "tool_call_correctness"];
        Self { dir: PathBuf::from("rubrics"), enabled: enabled.map(str::to_owned).into(), publish: Publish::Command }
    }
}
