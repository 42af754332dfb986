//! Why a request is not taken in, as its sender is told.

/// Why a request was not taken in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// It can never be read; sending it again would not help.
    #[error("{0}")]
    Unreadable(String),
    /// It is packed in a way that is not known.
    #[error("{0}")]
    Unknown(String),
    /// It is larger than a limit; in smaller parts it would be taken.
    #[error("{0}")]
    TooLarge(String),
    /// Others have the memory that it needs.
    #[error("too many requests are being received; try again later")]
    Overloaded,
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
