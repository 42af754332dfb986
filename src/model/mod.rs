//! The nouns of judged, as plain data: no I/O, no clock, no randomness.
//!
//! Everything that crosses from one room to another is one of these types. They are made at an edge (a decoder, a
//! configuration file, a database row), where wrong input is refused, and are correct from then on.

mod access;
mod alert;
mod attributes;
mod content_hash;
mod cut;
mod decision;
mod delivery;
mod distribution;
mod drift;
mod estimate;
mod evaluation;
mod hour;
mod ids;
mod judge_state;
mod label;
mod message;
mod moment;
mod named;
mod probability;
mod problem;
mod prompt;
mod revisions;
mod rubric_alias;
mod scale;
mod score;
mod span;
mod spending;
mod step;
mod subject;
mod verdict;
mod write_back;

pub use access::{AccessRole, AccessWay, Actor};
pub use alert::{Alert, AlertChange, AlertEvent, AlertEvidence, AlertFinding, AlertState};
pub use attributes::{Attributes, Value};
pub use content_hash::ContentHash;
pub use cut::{CutPart, CutParts};
pub use decision::{Decision, DecisionOption, DecisionVerdict, MOST_LEVELS, MOST_OPTIONS, StateField};
pub use delivery::DeliveryStatus;
pub use distribution::{
    Distribution, DistributionOrigin, PointProbability, Threshold, model_of_series, name_of_series,
};
pub use drift::{Attribution, DriftKind};
pub use estimate::{Estimate, Interval, Reason};
pub use evaluation::Evaluation;
pub use hour::{HOUR_MS, hour_of, hour_start};
pub use ids::{AlertDeliveryId, AlertId, EvaluationId, IdError, SpanId, SubjectId, TraceId};
pub use judge_state::{JudgeState, Mended, Obstacle};
pub use label::{Label, LabelStream, LabelWay, Replaced};
pub use message::{Message, Part, Role, ToolCall};
pub use moment::Moment;
pub use named::Named;
pub(crate) use named::named_enum;
pub use probability::Probability;
pub use problem::{Emitter, Problem, ProblemCode, StoredProblem, SubjectProblem};
pub use prompt::Prompt;
pub use revisions::{READING_REVISION, RENDERING_REVISION, Revisions};
pub use rubric_alias::{CANDIDATE, PRODUCTION};
pub use scale::{FAIL, PASS, Scale, ScaleError};
pub use score::{Score, ScoreColumns, ScoreError};
pub use span::{Dropped, LogRecord, Resource, Scope, Span, SpanEvent, SpanLink, SpanStatus, UnixNanos};
pub use spending::{Amounts, Limits, whole_parts};
pub use step::{ContentState, Document, Step, StepKind, ToolDefinition, Usage};
pub use subject::{Release, StepView, Subject, SubjectContent, SubjectKind, Turn};
pub use verdict::{Outcome, Verdict};
pub use write_back::{JudgedSpan, ScoreForm, WriteBack};
