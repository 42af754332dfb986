//! Rubrics: criteria as versioned files, and the way from a subject to the prompt that a judge reads.
//!
//! `rubrics/<name>/v<N>.md` is one immutable version: front matter, then a template with the blocks `system` and `user`.
//! Parsing checks everything that can be checked without a judge, so that a rubric that loads also renders.

mod active_rubrics;
mod attacks;
mod builtin;
mod context;
mod decision;
mod dry_run;
mod error;
mod front_matter;
mod front_matter_reader;
mod golden;
mod lint;
mod loader;
mod matching;
mod nearest;
mod promotion_gate;
mod prompt_fence;
mod publication;
mod render;
mod requirement;
mod scale;
mod template_schema;
mod values;
mod version_resolution;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use active_rubrics::{Catalogue, InUse};
pub use attacks::{Attack, attacks};
pub use builtin::{SHIPPED, write_shipped};
pub use error::{Concern, Place, Problem, RubricError, Warning};
pub use golden::{Comparison, GoldenCase, parse_content};
pub use loader::{Library, load};
pub use matching::{Pattern, SubjectMatch};
pub use promotion_gate::{GateUnavailable, PromotionGate};
pub use prompt_fence::fence_key;
pub use publication::{Changed, FolderFinding, Published, folder_findings, plan_publication};
pub use render::RenderError;
pub use requirement::Requirement;
pub use scale::{response_schema, scale_text};
pub use version_resolution::{AliasTarget, RubricReference, SelectionError, judging, select};

use crate::model::{ContentHash, CutParts, Decision, Prompt, Scale, Subject, SubjectContent, SubjectKind};
use render::CompiledBlock;

/// One version of a rubric, ready to render.
#[derive(Debug, Clone)]
pub struct Rubric {
    /// Its name: the folder's.
    pub name: String,
    /// Its version: the file's.
    pub version: u32,
    /// Of the normalised file text: what makes the version immutable.
    pub hash: ContentHash,
    /// The question that it answers, in one sentence.
    pub description: String,
    /// What it judges.
    pub subject: SubjectKind,
    /// What a subject must have.
    pub requires: Vec<Requirement>,
    /// Which subjects it applies to.
    pub matches: SubjectMatch,
    /// The scale of its scores.
    pub scale: Scale,
    /// Whether the judge may abstain.
    pub abstain: bool,
    /// The judge of the configuration that scores it.
    pub judge: String,
    /// What a decision model is asked.
    pub decision: Decision,
    /// Whether the file says what a decision model is asked, or it follows from description and scale.
    pub has_own_decision: bool,
    /// The normalised file text.
    pub source: String,
    /// The file.
    pub path: PathBuf,
    /// What its author should look at.
    pub warnings: Vec<Warning>,
    /// The system message, the same for every subject.
    system: Arc<str>,
    user: Arc<CompiledBlock>,
    /// The variables that are the same for every subject.
    statics: Arc<[(&'static str, minijinja::Value)]>,
    /// The variables of the subject that the template names.
    used: Arc<[&'static str]>,
}

impl Rubric {
    /// Parses and checks one version. Of several errors, the first; [`Rubric::parse_all`] has all of them.
    #[expect(clippy::result_large_err, reason = "a handful of files; the error names the place in full")]
    pub fn parse(name: &str, version: u32, path: &Path, text: &str) -> Result<Self, RubricError> {
        Self::parse_all(name, version, path, text).map_err(|mut errors| {
            if errors.is_empty() {
                RubricError::of_file(path, Problem::Syntax("nothing in it can be read".into()))
            } else {
                errors.remove(0)
            }
        })
    }

    /// Parses and checks one version; everything that is wrong with it at once, as far as one error does not hide another.
    pub fn parse_all(name: &str, version: u32, path: &Path, text: &str) -> Result<Self, Vec<RubricError>> {
        let whole_file = |problem| vec![RubricError::of_file(path, problem)];
        if !is_rubric_name(name) {
            return Err(whole_file(Problem::Name(name.to_owned())));
        }
        if version == 0 {
            return Err(whole_file(Problem::VersionZero));
        }
        let source = normalise(text);
        let split =
            front_matter::split(&source).map_err(|(place, problem)| vec![RubricError::at(path, place, problem)])?;
        // The template keeps the file's line numbers: blank lines stand for the front matter.
        let template_source =
            "\n".repeat(source[..split.template_start].matches('\n').count()) + &source[split.template_start..];
        let (front, template) = match (front_matter::read(path, split.yaml), lint::lint(path, &template_source)) {
            (Ok(front), Ok(template)) => (front, template),
            (front, template) => {
                return Err(front.err().into_iter().chain(template.err()).flatten().collect());
            }
        };

        let rendering = |error: RenderError| vec![rendering_error(path, "every subject", error)];
        let statics = context::static_variables(name, &front.description, &front.scale);
        let system_block = CompiledBlock::compile(&template_source, template.system).map_err(rendering)?;
        let system = system_block.render(statics.clone(), None).map_err(rendering)?;
        let closing = context::system_closing(&front.scale, front.abstain);
        let user = CompiledBlock::compile(&template_source, template.user).map_err(rendering)?;

        let decision = front.decision.complete(&front.description, &front.scale, &template.used);
        let rubric = Self {
            has_own_decision: front.decision != decision::DecisionBlock::default(),
            decision,
            name: name.to_owned(),
            version,
            hash: ContentHash::of(&source),
            warnings: warnings(path, &front, &template.used, template.shows_scale),
            description: front.description,
            subject: front.subject,
            requires: front.requires,
            matches: front.matches,
            scale: front.scale,
            abstain: front.abstain,
            judge: front.judge,
            source,
            path: path.to_owned(),
            system: format!("{system}\n\n{closing}").into(),
            user: Arc::new(user),
            statics: statics.into(),
            used: template.used.into_iter().collect(),
        };
        rubric.try_samples()?;
        Ok(rubric)
    }

    /// Renders subjects that have everything, and only what is required: both must work.
    fn try_samples(&self) -> Result<(), Vec<RubricError>> {
        let samples = [
            ("a subject that has everything", dry_run::full()),
            ("a subject that has only what is required", dry_run::minimal(&self.requires)),
        ];
        for (sample, content) in samples {
            self.render(&content, dry_run::KEY).map_err(|error| vec![rendering_error(&self.path, sample, error)])?;
        }
        Ok(())
    }

    /// Whether this rubric judges `subject`: its kind and every condition of `match:`.
    pub fn applies_to(&self, subject: &Subject) -> bool {
        subject.kind == self.subject && self.matches.admits(subject)
    }

    /// The first requirement that `content` does not meet. A really empty answer is present: it is judged.
    pub fn missing(&self, content: &SubjectContent) -> Option<Requirement> {
        self.requires.iter().copied().find(|requirement| !requirement.met_by(content))
    }

    /// Whether it requires a part that was cut off.
    pub fn needs_any(&self, cut: CutParts) -> bool {
        !cut.is_empty() && self.requires.iter().any(|requirement| requirement.is_cut(cut))
    }

    /// The prompt for `content`. `nonce` marks the data blocks and must not be predictable by whoever wrote the content:
    /// make it with [`fence_key`].
    pub fn render(&self, content: &SubjectContent, nonce: &str) -> Result<Prompt, RenderError> {
        if let Some(missing) = self.missing(content) {
            return Err(RenderError::Missing(missing));
        }
        let user = render::user_message(&self.user, self.variables(content), nonce)?;
        Ok(Prompt { system: self.system.to_string(), user })
    }

    /// The prompt with the same material outside of any data block: what the blocks themselves do to verdicts shows beside it. Only for
    /// content that is known, such as golden cases.
    pub fn render_bare(&self, content: &SubjectContent) -> Result<Prompt, RenderError> {
        if let Some(missing) = self.missing(content) {
            return Err(RenderError::Missing(missing));
        }
        let user = render::bare_message(&self.user, self.variables(content))?;
        Ok(Prompt { system: self.system.to_string(), user })
    }

    fn variables(&self, content: &SubjectContent) -> Vec<(&'static str, minijinja::Value)> {
        let mut variables = self.statics.to_vec();
        for name in self.used.iter().copied() {
            variables.extend(context::subject_variable(name, content).map(|value| (name, value)));
        }
        variables
    }

    /// The scale in the words that judge and human labeller both read.
    pub fn scale_text(&self) -> String {
        scale_text(&self.scale)
    }

    /// The JSON schema of a judge's reply.
    pub fn response_schema(&self) -> serde_json::Value {
        response_schema(&self.scale, self.abstain)
    }

    /// `name@version`, as commands accept it.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

fn rendering_error(path: &Path, sample: &'static str, error: RenderError) -> RubricError {
    match error {
        RenderError::Template { line, detail, .. } => {
            RubricError::at(path, Place::line(line), Problem::TrialRender { sample, detail })
        }
        other => RubricError::of_file(path, Problem::TrialRender { sample, detail: other.to_string() }),
    }
}

fn warnings(
    path: &Path,
    front: &front_matter::FrontMatter,
    used: &std::collections::BTreeSet<&'static str>,
    shows_scale: bool,
) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = front
        .requires
        .iter()
        .zip(&front.requires_lines)
        .filter(|(requirement, _)| {
            let shown_by: &[&str] = match requirement {
                Requirement::Input | Requirement::ToolCalls => &[requirement.as_str(), "messages"],
                other => &[other.as_str()],
            };
            !shown_by.iter().any(|name| used.contains(name))
        })
        .map(|(requirement, line)| Warning {
            path: path.to_owned(),
            place: Some(Place::line(*line)),
            concern: Concern::UnusedRequirement(requirement.as_str()),
        })
        .collect();
    if !shows_scale {
        warnings.push(Warning { path: path.to_owned(), place: None, concern: Concern::ScaleNotShown });
    }
    warnings
}

/// Whether `name` can name a rubric everywhere: in paths, attributes, metrics and URLs.
pub fn is_rubric_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The text that counts: without byte order mark, with `\n` line ends, with exactly one at the end. What an editor or a
/// checkout changes by itself does not change the hash.
fn normalise(text: &str) -> String {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut normalised = text.replace("\r\n", "\n");
    normalised.truncate(normalised.trim_end_matches('\n').len());
    normalised.push('\n');
    normalised
}
