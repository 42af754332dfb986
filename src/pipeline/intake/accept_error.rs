//! Why a request is not taken in, as its sender is told.

/// Why a request was not taken in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// It can never be read; sending it again would not help.
    #[error("{0}")]
    Unreadable(String),
    /// The database cannot take it at the moment.
    #[error("the database does not take it at the moment: {reason}")]
    Unavailable {
        /// What the database says.
        reason: String,
        /// Whether the database is away or busy, rather than refusing this very request.
        transient: bool,
    },
    /// judged is shutting down.
    #[error("judged is shutting down")]
    Stopping,
}
