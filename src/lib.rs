//! judged: an LLM-as-judge evaluation worker that stands next to an OpenTelemetry Collector.
//!
//! It takes completed LLM spans from a queue, judges a sample of them against versioned rubrics with judge models, writes
//! every score back to where the team already looks, and keeps the judge honest against human labels.
//!
//! # The way of a span
//!
//! ```text
//! pipeline::intake      decode → prefilter (sample by trace id) → redact → store        one transaction per batch, then ack
//! pipeline::assembly    wait until the trace is complete → normalise → match rubrics → decide, recording the probability
//! pipeline::evaluation  lease → render rubric → call judge → parse verdict → store score + deliveries   one transaction
//! pipeline::delivery    OTLP (log event + linked span) · MLflow · Phoenix · Langfuse; alerts to webhooks
//! labels                what people say of the same answers: drawn, imported, pulled
//! agreement             labels + scores → how far a judge agrees with people
//! drift, report, alerts what moved, corrected quality → report, alerts
//! ```
//!
//! Each arrow is a durable hand-over in [`store`]: any process can die at any point and the next one goes on.
//!
//! # The rooms, from the ground up
//!
//! * ground, pure: [`model`] the nouns; [`otlp`] the wire; [`statistics`] slices in, numbers out; [`config`] plain sections
//! * beside it: [`secrets`] the reader of secrets and the keys of the installation; [`net`] what outgoing connections share
//! * pure rules: [`conventions`] raw span → step; [`sampling`] who is judged, with which probability; [`privacy`] redaction;
//!   [`cells`] sums of scores
//! * what the ways use: [`rubrics`], [`judges`], [`store`]
//! * the ways: [`pipeline`] of a span; [`labels`], [`agreement`], [`drift`], [`report`], [`alerts`] of a label;
//!   [`simulation`] of both, where the truth is known
//! * the process: [`lifecycle`], [`telemetry`], [`clock`], [`error_chain`]
//! * faces: [`cli`], [`web`]
//!
//! Dependencies run towards the ground, never up or in a circle; a test holds it.
//!
//! # What always holds
//!
//! * Redaction precedes storage. * Work is acknowledged after it is committed. * Inclusion probabilities are stored when
//!   they are drawn. * A score is stored once, and its identity in every sink is derived, so that a retry cannot double it.

pub(crate) mod agreement;
pub(crate) mod alerts;
pub mod bench;
pub(crate) mod cells;
pub mod cli;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod conventions;
pub(crate) mod drift;
pub(crate) mod error_chain;
pub(crate) mod forgetting;
#[cfg(test)]
mod fuzzing;
pub(crate) mod judges;
pub(crate) mod labels;
pub(crate) mod lifecycle;
pub(crate) mod model;
pub(crate) mod net;
pub(crate) mod otlp;
pub(crate) mod panics;
pub(crate) mod pipeline;
pub(crate) mod privacy;
pub(crate) mod report;
pub(crate) mod rubrics;
pub(crate) mod sampling;
pub(crate) mod secrets;
pub(crate) mod simulation;
pub(crate) mod statistics;
pub(crate) mod store;
pub(crate) mod telemetry;
#[cfg(test)]
mod testing;
pub(crate) mod web;
