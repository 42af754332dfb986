//! Who acts, by which way they came in, and what they may do.

use super::named_enum;

named_enum! {
    /// What somebody may do; each may do what those before it may.
    pub enum AccessRole {
        /// Read `/metrics`.
        Metrics = "metrics",
        /// Read everything else but the audit log.
        Viewer = "viewer",
        /// Give labels.
        Annotator = "annotator",
        /// Settle alerts and read the audit log.
        Admin = "admin",
    }
}

named_enum! {
    /// How it is known who acts.
    pub enum AccessWay {
        /// It is not: the pages listen on loopback and ask for nothing.
        Open = "open",
        /// By a token, or by the session that it gave.
        Token = "token",
        /// A log-in proxy says so.
        Proxy = "proxy",
        /// By the operating system's user that ran a command.
        Command = "command",
    }
}

/// Somebody who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The token's, the proxy's or the system's name of them; empty where nobody is asked.
    pub name: String,
    pub role: AccessRole,
    pub way: AccessWay,
}
