//! Where something owed to a receiver stands.

use super::named::named_enum;

named_enum! {
    /// The state of a score owed to a sink, or of a message owed to a webhook.
    pub enum DeliveryStatus {
        /// Still to be sent.
        Owed = "owed",
        /// Accepted.
        Sent = "sent",
        /// Refused for good, or tried for too long.
        GivenUp = "given_up",
        /// Its evaluation was replaced before it was sent: nothing is owed any more.
        Superseded = "superseded",
    }
}
