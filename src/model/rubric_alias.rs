//! The names for versions of a rubric that mean something to judged.

/// The alias of the version that judges.
pub const PRODUCTION: &str = "production";
/// The alias of a version that judges the same subjects in shadow, to be compared before it is promoted.
pub const CANDIDATE: &str = "candidate";
