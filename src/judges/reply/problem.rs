//! Why a reply is no verdict.

/// Why a reply is no verdict. The text goes back to the judge, so it names the remedy; it never quotes the reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplyProblem {
    #[error("the reply is empty; one JSON object is expected")]
    Empty,
    /// The endpoint handed over the model's reasoning and no reply.
    #[error("only the reasoning has text, the reply itself is empty; one JSON object is expected")]
    OnlyReasoning,
    /// No JSON object with a verdict in it.
    #[error("the reply holds no JSON object with `rationale` and a verdict")]
    NoObject,
    #[error("the reply holds a JSON object that does not parse: {0}")]
    BrokenJson(&'static str),
    /// Several objects that disagree.
    #[error("the reply holds several JSON objects with different verdicts; exactly one is expected")]
    Ambiguous,
    /// A member that must be there is missing or null.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member of the wrong type.
    #[error("`{0}` has the wrong type")]
    WrongType(&'static str),
    /// A number that the scale does not have.
    #[error("the score is not on the scale; allowed: {allowed}")]
    ScoreOffScale {
        /// What the scale admits.
        allowed: String,
    },
    /// A label that the scale does not have.
    #[error("the label is not on the scale; allowed: {allowed}")]
    LabelOffScale {
        /// What the scale admits.
        allowed: String,
    },
    /// Score and label, or verdict and abstention, say different things.
    #[error("the reply contradicts itself: {0}")]
    Contradiction(&'static str),
    /// An abstention where the rubric allows none.
    #[error("abstaining is not allowed here; decide")]
    AbstentionNotAllowed,
    /// The reply ended at the token limit before the object did.
    #[error("the reply was cut off at the token limit; raise `max_output_tokens` of the judge")]
    Truncated,
}

impl ReplyProblem {
    /// `unparseable` when there is no object to read, `output_truncated`, else `wrong_schema`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::OnlyReasoning | Self::NoObject | Self::BrokenJson(_) | Self::Ambiguous => "unparseable",
            Self::Truncated => "output_truncated",
            _ => "wrong_schema",
        }
    }
}
