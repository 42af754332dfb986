//! Why a session with the brokers ends.

use rdkafka::error::KafkaError;

use crate::pipeline::intake::AcceptError;

/// Why a session with the brokers ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("the client cannot be made")]
    Client(#[source] KafkaError),
    #[error("the client can go on no more")]
    Fatal(#[source] KafkaError),
    #[error("the brokers do not say where the partitions begin, or do not take positions")]
    Positions(#[source] KafkaError),
    #[error("partitions cannot be taken or given up")]
    Partitions(#[source] KafkaError),
    #[error("the database does not say since when the topic is read")]
    Begun(#[from] AcceptError),
    #[error("the reader ended by itself; this is an error of judged")]
    Reader(#[source] tokio::task::JoinError),
    /// To begin anew at once, which finds out what is lost.
    #[error("records were removed before they were read")]
    Overtaken,
}
