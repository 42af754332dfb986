//! The judges: models behind HTTP endpoints, and the offline baseline.
//!
//! ```text
//! Judges ─ by name ─▶ Judge ─┬─ baseline   lexical, offline, instant
//!                            └─ remote     turn (slot, breaker, money, rate) ─▶ endpoint ─▶ dialect ─▶ reply ─▶ Verdict
//! ```
//!
//! Invariants: a reply becomes a verdict on the rubric's scale or an error, never a default; every call is accounted
//! for, also when it fails or its future is dropped; no error, log line or span holds a key, a prompt or a reply.

mod activity;
mod admission;
mod answers;
mod anthropic;
pub mod baseline;
mod breaker;
pub mod budget;
mod capabilities;
mod completion;
mod concurrency;
pub mod decisions;
mod endpoint;
mod environment;
mod error;
mod http_judge;
mod limits;
mod openai;
mod price;
mod rate;
mod refusal;
mod remedy;
mod remote;
pub mod reply;
mod request;
mod retry;
mod state;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::judges::{JudgeConfig, JudgesConfig, Provider};
use crate::model::{Decision, Prompt, Scale, StateField, SubjectContent};

pub use decisions::{Asked, DecisionRequest, MOST_QUESTIONS, UNVERSIONED, Unsupported, decision_state, unsupported};
pub use environment::JudgeEnvironment;
pub use error::{Disposition, JudgeConfigError, JudgeError, JudgesConfigError};
pub use limits::Terms;
pub use price::{BYTES_PER_TOKEN, doubtful_list};
pub use remedy::remedy;
pub use request::{JudgeReply, JudgeRequest};

use decisions::AnswerProblem;
use error::Failure;
use http_judge::Failed;
use remote::Remote;
use request::Spent;

/// The judge that always exists.
pub const BASELINE: &str = "baseline";
/// The judge of a rubric that names none.
pub const DEFAULT: &str = "default";

/// The baseline only computes and never waits, so that this only bounds what is in hand at a time.
const BASELINE_CONCURRENCY: usize = 64;

/// How long a check may take.
const CHECK_DEADLINE: Duration = Duration::from_secs(30);

/// A configured judge.
#[derive(Debug)]
pub struct Judge {
    name: Arc<str>,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Baseline,
    Remote(Box<Remote>),
}

impl Judge {
    /// The judge of a `[judges.NAME]` section.
    pub fn from_config(
        name: &str,
        config: &JudgeConfig,
        environment: JudgeEnvironment,
    ) -> Result<Self, JudgeConfigError> {
        let engine = match config.provider {
            Provider::Baseline => {
                validate::check_baseline(name, config)?;
                Engine::Baseline
            }
            Provider::Openai | Provider::Anthropic | Provider::Decisions => {
                Engine::Remote(Box::new(Remote::from_config(name, config, environment)?))
            }
        };
        Ok(Self { name: name.into(), engine })
    }

    /// The offline judge under the name `name`.
    pub fn baseline(name: &str) -> Self {
        Self { name: name.into(), engine: Engine::Baseline }
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a few words.
    pub fn describe(&self) -> String {
        match &self.engine {
            Engine::Baseline => {
                "the offline baseline, a lexical scorer; it is the bar that a real judge must clear".to_owned()
            }
            Engine::Remote(remote) => format!("the model {}", remote.model),
        }
    }

    /// The configured model; none of the baseline.
    pub fn model(&self) -> Option<&str> {
        match &self.engine {
            Engine::Baseline => None,
            Engine::Remote(remote) => Some(&remote.model),
        }
    }

    /// How many calls may run at a time now.
    pub fn concurrency(&self) -> usize {
        match &self.engine {
            Engine::Baseline => BASELINE_CONCURRENCY,
            Engine::Remote(remote) => remote.concurrency.limit(),
        }
    }

    /// How long the judge takes no evaluation (refused key, outage, rate limit, budget); `None` when it takes them.
    #[cfg(test)]
    pub fn paused_for(&self) -> Option<Duration> {
        match &self.engine {
            Engine::Baseline => None,
            Engine::Remote(remote) => remote.paused_for(),
        }
    }

    /// Judges. Dropping the future gives the evaluation up; what it took is given back or accounted for.
    pub async fn judge(&self, request: JudgeRequest<'_>) -> Result<JudgeReply, JudgeError> {
        match &self.engine {
            Engine::Baseline => Ok(baseline::judge(&request)),
            Engine::Remote(remote) => {
                let (outcome, spent) = self.asked(remote, &request).await;
                outcome.map_err(|Failed { failure, others_answered, .. }| {
                    JudgeError::new(&self.name, failure, others_answered, spent)
                })
            }
        }
    }

    /// Whether it is a decision model: then [`Judge::decide`] judges by several rubrics in one call.
    pub fn is_decision_model(&self) -> bool {
        matches!(&self.engine, Engine::Remote(remote) if remote.config.provider == Provider::Decisions)
    }

    /// What a decision model says of a subject under every rubric of the request, in their order.
    pub async fn decide(&self, request: &DecisionRequest<'_>) -> Vec<Result<JudgeReply, JudgeError>> {
        let Engine::Remote(remote) = &self.engine else { return Vec::new() };
        let mut answers = Vec::new();
        for (outcome, spent) in remote.decide(request).await {
            answers.push(match outcome {
                Ok(reply) => Ok(reply),
                Err(Failed { failure, others_answered, .. }) => {
                    Err(JudgeError::new(&self.name, failure, others_answered, spent))
                }
            });
        }
        answers
    }

    async fn asked(&self, remote: &Remote, request: &JudgeRequest<'_>) -> (Result<JudgeReply, Failed>, Spent) {
        if !self.is_decision_model() {
            return remote.judge(request).await;
        }
        let asked = Asked {
            evaluation: request.evaluation,
            rubric: request.rubric,
            version: request.version,
            scale: request.scale,
            abstain: request.abstain,
            decision: request.decision,
        };
        let request = DecisionRequest {
            content: request.content,
            fields: &request.decision.fields,
            asked: vec![asked],
            traceparent: request.traceparent.clone(),
            deadline: request.deadline,
        };
        let missing = || (Err(Failure::Answer(AnswerProblem::Missing).into()), Spent::default());
        remote.decide(&request).await.pop().unwrap_or_else(missing)
    }

    /// Asks the judge for a verdict on nothing in particular, and says in one line how that went.
    pub async fn check(&self) -> Result<String, JudgeError> {
        let Engine::Remote(remote) = &self.engine else {
            return Ok("offline baseline: nothing to reach".to_owned());
        };
        let scale = Scale::Binary { pass: "the check works".into(), fail: "it does not".into() };
        let request = JudgeRequest {
            evaluation: None,
            prompt: &Prompt {
                system: "This is a connection test. Reply with a JSON object: `rationale` (a few words), then `label` (\"pass\").".into(),
                user: "Reply with the label \"pass\".".into(),
            },
            schema: &serde_json::json!({
                "type": "object",
                "properties": {
                    "rationale": {"type": "string"},
                    "label": {"type": "string", "enum": ["pass", "fail"]}
                },
                "required": ["rationale", "label"],
                "additionalProperties": false
            }),
            scale: &scale,
            abstain: false,
            rubric: "check",
            version: 1,
            decision: &Decision::derived("Does `output` say that the check works?", &scale, vec![StateField::Output]),
            content: &SubjectContent { output: Some("The check works.".into()), ..SubjectContent::default() },
            traceparent: None,
            deadline: CHECK_DEADLINE,
        };
        let (outcome, spent) = self.asked(remote, &request).await;
        let reply = outcome.map_err(|Failed { failure, refusal, others_answered }| {
            // The prompt of a check is our own: nothing of it needs to be hidden.
            let said = refusal.and_then(|refusal| refusal.shown(""));
            JudgeError::new(&self.name, failure, others_answered, spent).explained(said)
        })?;
        Ok(format!(
            "{} answered as {} in {} ms; {}; {}",
            remote.model,
            reply.model.as_deref().unwrap_or("an unnamed model"),
            reply.latency.as_millis(),
            if self.is_decision_model() {
                "a decision model, by probabilities".to_owned()
            } else {
                format!("the reply schema is {}", remote.structured().as_str())
            },
            match reply.cost_usd {
                Some(cost) => format!("the check cost ${cost:.6}"),
                None => "the cost is not known (set `prices`)".to_owned(),
            }
        ))
    }

    /// Whether it is paid by the built-in price list.
    pub fn is_paid_by_list(&self) -> bool {
        matches!(&self.engine, Engine::Remote(remote) if remote.config.prices.is_none() && remote.prices.is_some())
    }
}

/// All judges by name.
#[derive(Debug)]
pub struct Judges(BTreeMap<String, Arc<Judge>>);

impl Judges {
    /// The configured judges, the `baseline`, and a `default` that is the baseline unless configured.
    pub fn from_config(config: &JudgesConfig, environment: &JudgeEnvironment) -> Result<Self, JudgesConfigError> {
        let mut judges: BTreeMap<String, Arc<Judge>> =
            [BASELINE, DEFAULT].map(|name| (name.to_owned(), Arc::new(Judge::baseline(name)))).into();
        let mut errors = Vec::new();
        for (name, section) in config {
            if name == BASELINE && section.provider != Provider::Baseline {
                errors.push(JudgeConfigError::Value {
                    judge: name.clone(),
                    key: "provider",
                    problem: "`baseline` is the offline judge; give this judge another name".into(),
                });
                continue;
            }
            match Judge::from_config(name, section, environment.clone()) {
                Ok(judge) => {
                    judges.insert(name.clone(), Arc::new(judge));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self(judges)) } else { Err(JudgesConfigError(errors)) }
    }

    /// The judge called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Judge>> {
        self.0.get(name)
    }

    /// All judges in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Judge>> {
        self.0.values()
    }
}
