//! What makes a sampling configuration unusable.

/// Why a sampling configuration makes no sampler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// More rules than a sampler can tell apart.
    #[error("sampling.rules has {found} rules; at most {limit} are possible, one rule may list several values")]
    TooManyRules {
        /// Rules configured.
        found: usize,
        /// Rules possible.
        limit: usize,
    },
    /// A rule without condition that names no rubric either.
    #[error(
        "sampling.rules, rule {rule_number}: `match` is empty and would match every trace; set sampling.rate instead"
    )]
    MatchesEverything {
        /// Counted from 1.
        rule_number: usize,
    },
    /// `rubrics = []`.
    #[error(
        "sampling.rules, rule {rule_number}: `rubrics` is empty, so that the rule says nothing; leave it out for all rubrics"
    )]
    NoRubrics {
        /// Counted from 1.
        rule_number: usize,
    },
    /// A condition with an empty list of values.
    #[error("sampling.rules, rule {rule_number}: `{key}` lists no value and can never match")]
    NoValues {
        /// Counted from 1.
        rule_number: usize,
        /// The attribute.
        key: String,
    },
    /// `error` compared with something other than `true`.
    #[error("sampling.rules, rule {rule_number}: `error` can only be `true`")]
    ErrorIsTrue {
        /// Counted from 1.
        rule_number: usize,
    },
}
