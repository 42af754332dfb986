//! What the tests of several rooms share: databases, judges and receivers that do as they are told, ready-made records.

pub mod captures;
pub mod certificate;
pub mod conversations;
pub mod databases;
pub mod decision_replies;
pub mod evaluated;
pub mod fake_api;
pub mod fake_judge;
pub mod judge_replies;
pub mod markup;
pub mod otlp_receiver;
pub mod records;
pub mod wire;

pub(crate) use databases::on_both_databases;
