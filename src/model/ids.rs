//! Identifiers: OTLP's own, and the deterministic ones judged derives so that a retry cannot invent a second identity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::DriftKind;

/// Why bytes or text are not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The wrong number of bytes or hexadecimal digits.
    #[error("{what} has {found} bytes; expected {expected}")]
    Length {
        /// `trace id` or `span id`.
        what: &'static str,
        /// Bytes expected.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// All bytes zero, which OpenTelemetry declares invalid.
    #[error("{0} is all zeros")]
    Zero(&'static str),
    /// A character that is no hexadecimal digit.
    #[error("{0} is not hexadecimal")]
    NotHex(&'static str),
}

macro_rules! otlp_id {
    ($name:ident, $bytes:literal, $what:literal) => {
        #[doc = concat!("An OpenTelemetry ", $what, ": never all zeros; written as lower-case hexadecimal.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The bytes as OTLP carries them.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                let id: [u8; $bytes] = bytes.try_into().map_err(|_| IdError::Length {
                    what: $what,
                    expected: $bytes,
                    found: bytes.len(),
                })?;
                if id == [0; $bytes] { Err(IdError::Zero($what)) } else { Ok(Self(id)) }
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 2 * $bytes {
                    return Err(IdError::Length { what: $what, expected: $bytes, found: text.len() / 2 });
                }
                let mut id = [0u8; $bytes];
                hex::decode_to_slice(text, &mut id).map_err(|_| IdError::NotHex($what))?;
                Self::try_from(id.as_slice())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

otlp_id!(TraceId, 16, "trace id");
otlp_id!(SpanId, 8, "span id");

/// The name space of every identifier judged derives. Changing it would double all scores of running deployments.
const NAMESPACE: Uuid = Uuid::from_u128(0x6a75_6467_6564_4c4c_9d2b_61e6_0c7f_5a10);

macro_rules! derived_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier as a UUID.
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

derived_id!(SubjectId, "Identity of a subject: the same generation, trace or session has the same id on every worker.");
derived_id!(
    EvaluationId,
    "Identity of an evaluation: (subject, content revision, rubric version, judge) decide it, so that planning twice is harmless."
);

derived_id!(AlertId, "Identity of an alert: what moved, and when it began.");
derived_id!(
    AlertDeliveryId,
    "Identity of a message to a webhook: the same at every attempt, so that a receiver can recognise a repetition."
);

impl AlertId {
    /// The episode of `kind` that began at `since_ms`, for a rubric, a judge and a segment.
    pub fn derive(rubric: &str, judge: &str, kind: DriftKind, segment: Option<&str>, since_ms: i64) -> Self {
        let kind = kind.as_str();
        // Debug quotes the names, so that no two of them run together.
        Self(Uuid::new_v5(&NAMESPACE, format!("alert/{rubric:?}/{judge:?}/{kind:?}/{segment:?}/{since_ms}").as_bytes()))
    }
}

impl AlertDeliveryId {
    /// The message to `webhook` about event number `sequence` of an alert.
    pub fn derive(alert: AlertId, webhook: &str, sequence: u32) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("alert delivery/{alert}/{webhook}/{sequence}").as_bytes()))
    }
}

impl SubjectId {
    /// The generation carried by one span.
    pub fn of_generation(trace_id: TraceId, span_id: SpanId) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("generation/{trace_id}/{span_id}").as_bytes()))
    }

    /// A whole trace.
    pub fn of_trace(trace_id: TraceId) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("trace/{trace_id}").as_bytes()))
    }

    /// The traces that share a conversation id.
    pub fn of_session(session_id: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("session/{session_id}").as_bytes()))
    }
}

impl EvaluationId {
    /// The evaluation of an anchor in one of the rounds in which it is judged again.
    pub fn of_replay(subject: SubjectId, rubric: &str, version: u32, judge: &str, round: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("replay/{subject}/{rubric}/{version}/{judge}/{round}").as_bytes()))
    }

    /// The evaluation of `subject`, as it stood at `revision`, by `judge` under `rubric` version `version`.
    pub fn derive(subject: SubjectId, revision: u32, rubric: &str, version: u32, judge: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("evaluation/{subject}/{revision}/{rubric}/{version}/{judge}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        let id: TraceId = "a30e0c04b7c7f05d9e7f61037cb86b6b".parse().unwrap();
        assert_eq!(id.to_string(), "a30e0c04b7c7f05d9e7f61037cb86b6b");
    }

    #[test]
    fn zero_short_and_non_hex_ids_are_refused_with_the_reason() {
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(IdError::Zero("span id")));
        assert_eq!(
            SpanId::try_from([1u8; 3].as_slice()),
            Err(IdError::Length { what: "span id", expected: 8, found: 3 })
        );
        assert_eq!("zz00000000000000".parse::<SpanId>(), Err(IdError::NotHex("span id")));
    }

    #[test]
    fn a_new_revision_judge_or_version_is_another_evaluation() {
        let subject = SubjectId::of_session("s");
        let first = EvaluationId::derive(subject, 0, "faithfulness", 1, "default");
        assert_eq!(first, EvaluationId::derive(subject, 0, "faithfulness", 1, "default"));
        assert_ne!(first, EvaluationId::derive(subject, 1, "faithfulness", 1, "default"));
        assert_ne!(first, EvaluationId::derive(subject, 0, "faithfulness", 2, "default"));
        assert_ne!(first, EvaluationId::derive(subject, 0, "faithfulness", 1, "other"));
    }
}
