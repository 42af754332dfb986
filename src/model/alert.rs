//! An alert: something moved, and somebody should look at it.

use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::estimate::Members;
use super::named::named_enum;
use super::{AlertId, Attribution, DriftKind, Estimate, Interval};

named_enum! {
    /// Where an alert stands.
    pub enum AlertState {
        /// Nobody has looked at it.
        Open = "open",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
    }
}

named_enum! {
    /// What happened to an alert.
    pub enum AlertEvent {
        /// It began, or came back.
        Opened = "opened",
        /// Somebody has looked at it.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
        /// It still stands: for receivers that forget what they do not hear of again. Nobody asks for it by name.
        Standing = "standing",
    }
}

/// By how much something moved, with its 95 % interval.
///
/// The reason is its sentence, not its code: rows of earlier releases hold sentences, and workers that share the
/// database show what they read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Members<String>", into = "EffectJson")]
pub struct AlertEffect(Estimate<String>);

impl<R: fmt::Display> From<Estimate<R>> for AlertEffect {
    fn from(estimate: Estimate<R>) -> Self {
        Self(estimate.map_reason(|reason| reason.to_string()))
    }
}

impl From<Members<String>> for AlertEffect {
    /// An alert is not unreadable for want of a reason.
    fn from(members: Members<String>) -> Self {
        let Ok(estimate) = members.estimate(|| Ok::<_, Infallible>("no reason given".to_owned()));
        Self(estimate)
    }
}

impl fmt::Display for AlertEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = |number: f64| format!("{number:+.2}").replace('-', "−");
        match &self.0 {
            Estimate::Interval(value, Interval { low, high }) => {
                write!(f, "{} [{}, {}]", signed(*value), signed(*low), signed(*high))
            }
            Estimate::Bare(value, reason) => write!(f, "{} (no interval: {reason})", signed(*value)),
            Estimate::Undefined(reason) => write!(f, "an unknown amount ({reason})"),
        }
    }
}

/// An effect as alerts write it: limits that are not known are left out.
#[derive(Serialize)]
struct EffectJson {
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<AlertEffect> for EffectJson {
    fn from(AlertEffect(estimate): AlertEffect) -> Self {
        Self {
            value: estimate.value(),
            low: estimate.interval().map(|interval| interval.low),
            high: estimate.interval().map(|interval| interval.high),
            reason: estimate.reason(),
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertEvidence {
    /// The detector's statistic.
    pub statistic: f64,
    /// What it was compared with.
    pub threshold: f64,
    /// What that promises about false alarms.
    pub guarantee: String,
    /// The number of the algorithm that raised the flag; none where an earlier release did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<u32>,
}

/// What a drift flag says of one rubric and judge, as the latest look at the data found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertFinding {
    pub rubric: String,
    /// Its version that counts now.
    pub version: u32,
    pub judge: String,
    /// What moved.
    pub kind: DriftKind,
    /// In which segment, or which annotator; none for all.
    pub segment: Option<String>,
    /// When it likely began.
    #[serde(rename = "since", with = "moment")]
    pub since_ms: i64,
    /// The time of the label or score that raised the flag.
    #[serde(rename = "detected_at", with = "moment")]
    pub detected_at_ms: i64,
    /// Labels from the one to the other.
    pub labels_to_detection: u64,
    /// By how much.
    pub effect: AlertEffect,
    /// How sure.
    pub evidence: AlertEvidence,
    /// What it is put down to.
    pub attribution: Attribution,
    /// What to do.
    pub advice: String,
}

impl AlertFinding {
    /// Whether both speak of the same thing: at most one alert about it is unresolved at a time.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.rubric, &self.judge, &self.kind, &self.segment)
            == (&other.rubric, &other.judge, &other.kind, &other.segment)
    }

    /// One line for people: what moved, by how much, since when.
    pub fn summary(&self) -> String {
        let moved = match self.kind {
            DriftKind::Agreement => "agreement with people moved by",
            DriftKind::Judge => "the judge changed its verdict on known items, share",
            DriftKind::Score => "the judge's mean verdict moved by",
            DriftKind::InputMix => "the share of a segment moved by",
            DriftKind::Rater => "a person labels otherwise, by",
            DriftKind::Quality => "the answers' mean score moved by",
        };
        let part = self.segment.as_ref().map_or(String::new(), |segment| format!(" [{segment}]"));
        let since = jiff::Timestamp::from_millisecond(self.since_ms)
            .map_or_else(|_| String::new(), |time| format!(" since {}", time.strftime("%-d %b %Y, %H:%M UTC")));
        format!("{}{part}: {moved} {}{since}", self.rubric, self.effect)
    }

    /// The identity of the alert that this finding opens.
    pub fn id(&self) -> AlertId {
        AlertId::derive(&self.rubric, &self.judge, self.kind, self.segment.as_deref(), self.since_ms)
    }
}

/// One episode of something that moved. JSON is what `judged alerts list`, the API and generic webhooks write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// Where it stands.
    pub state: AlertState,
    /// What the latest look found.
    #[serde(flatten)]
    pub finding: AlertFinding,
    /// When judged first saw it.
    #[serde(rename = "first_seen", with = "moment")]
    pub first_seen_ms: i64,
    /// When judged last saw it.
    #[serde(rename = "last_seen", with = "moment")]
    pub last_seen_ms: i64,
    /// Since when it is not seen any more.
    #[serde(rename = "absent_since", with = "moment::option", default)]
    pub absent_since_ms: Option<i64>,
    /// When somebody acknowledged it.
    #[serde(rename = "acknowledged_at", with = "moment::option", default)]
    pub acknowledged_at_ms: Option<i64>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// When it was over.
    #[serde(rename = "resolved_at", with = "moment::option", default)]
    pub resolved_at_ms: Option<i64>,
    /// Who said so; none when the flag was gone by itself.
    pub resolved_by: Option<String>,
    /// Events so far: the latest one's place in their order.
    #[serde(skip)]
    pub events: u32,
    /// When the latest event was.
    #[serde(skip)]
    pub told_at_ms: i64,
}

/// An alert as it is from now on, and what happened to make it so.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    pub alert: Alert,
    /// What is worth telling; none when only the latest look is noted.
    pub event: Option<AlertEvent>,
}

impl Alert {
    /// An alert that begins.
    pub fn open(finding: AlertFinding, now_ms: i64) -> Self {
        Self {
            id: finding.id(),
            state: AlertState::Open,
            finding,
            first_seen_ms: now_ms,
            last_seen_ms: now_ms,
            absent_since_ms: None,
            acknowledged_at_ms: None,
            acknowledged_by: None,
            resolved_at_ms: None,
            resolved_by: None,
            events: 0,
            told_at_ms: now_ms,
        }
    }

    /// Somebody has looked at it; nothing when that is known, or when it is over.
    pub fn acknowledged(mut self, by: &str, now_ms: i64) -> Option<AlertChange> {
        if self.state != AlertState::Open {
            return None;
        }
        self.state = AlertState::Acknowledged;
        self.acknowledged_at_ms = Some(now_ms);
        self.acknowledged_by = Some(by.to_owned());
        Some(self.told(AlertEvent::Acknowledged, now_ms))
    }

    /// It is over, because somebody says so or because its flag is gone; nothing when it was over.
    pub fn resolved(mut self, by: Option<&str>, now_ms: i64) -> Option<AlertChange> {
        if self.state == AlertState::Resolved {
            return None;
        }
        self.state = AlertState::Resolved;
        self.resolved_at_ms = Some(now_ms);
        self.resolved_by = by.map(str::to_owned);
        Some(self.told(AlertEvent::Resolved, now_ms))
    }

    /// The alert after an event.
    pub fn told(mut self, event: AlertEvent, now_ms: i64) -> AlertChange {
        self.events += 1;
        self.told_at_ms = now_ms;
        AlertChange { alert: self, event: Some(event) }
    }
}

/// Moments as RFC 3339 text.
mod moment {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(super) fn serialize<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Timestamp::from_millisecond(*ms).map_err(serde::ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(serde::de::Error::custom)
    }

    pub(super) mod option {
        use super::{Deserialize, Deserializer, Serializer, Timestamp};

        #[expect(clippy::ref_option, reason = "serde asks for it")]
        pub(in super::super) fn serialize<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
            match ms {
                Some(ms) => super::serialize(ms, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<i64>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    fn finding() -> AlertFinding {
        AlertFinding {
            rubric: "faithfulness".into(),
            version: 2,
            judge: "default".into(),
            kind: DriftKind::Agreement,
            segment: None,
            since_ms: 1_767_225_600_000,
            detected_at_ms: 1_767_312_000_000,
            labels_to_detection: 31,
            effect: Estimate::new(Ok(-0.25), Ok(Interval { low: -0.4, high: -0.1 })).into(),
            evidence: AlertEvidence {
                statistic: 1_500.0,
                threshold: 1_000.0,
                guarantee: "rarely wrong".into(),
                algorithm: None,
            },
            attribution: Attribution::JudgeModel,
            advice: "pin the model".into(),
        }
    }

    #[test]
    fn times_are_written_as_people_read_them_and_read_back() {
        let alert = Alert::open(finding(), 1_767_312_100_000).acknowledged("ada", 1_767_312_200_000).unwrap().alert;
        let json = serde_json::to_value(&alert).unwrap();
        assert_eq!(json["since"], "2026-01-01T00:00:00Z");
        assert_eq!(json["acknowledged_at"], "2026-01-02T00:03:20Z");
        assert_eq!(json["resolved_at"], serde_json::Value::Null);
        let back: Alert = serde_json::from_value(json).unwrap();
        assert_eq!(back, Alert { events: 0, told_at_ms: 0, ..alert });
    }

    #[test]
    fn a_summary_says_what_by_how_much_and_since_when() {
        assert_eq!(
            finding().summary(),
            "faithfulness: agreement with people moved by −0.25 [−0.40, −0.10] since 1 Jan 2026, 00:00 UTC"
        );
        let effect = Estimate::Undefined("too few labels").into();
        let unknown = AlertFinding { segment: Some("returns".into()), effect, ..finding() }.summary();
        assert!(unknown.contains("[returns]") && unknown.contains("an unknown amount (too few labels)"), "{unknown}");
    }

    #[test]
    fn an_effect_is_written_as_earlier_releases_wrote_it_and_theirs_reads_back() {
        for (effect, json) in [
            (
                Estimate::new(Ok(-0.25), Ok(Interval { low: -0.4, high: -0.1 })),
                r#"{"value":-0.25,"low":-0.4,"high":-0.1}"#,
            ),
            (Estimate::new(Ok(-0.25), Err(Reason::TooFew)), r#"{"value":-0.25,"reason":"too few observations"}"#),
            (Reason::NoPairs.into(), r#"{"value":null,"reason":"no pair of labels to compare"}"#),
        ] {
            let effect = AlertEffect::from(effect);
            assert_eq!(serde_json::to_string(&effect).unwrap(), json);
            assert_eq!(serde_json::from_str::<AlertEffect>(json).unwrap(), effect);
        }
    }

    #[test]
    fn a_reason_of_a_later_release_is_shown_and_written_as_it_stands() {
        let json = r#"{"value":-0.25,"reason":"added later"}"#;
        let effect: AlertEffect = serde_json::from_str(json).unwrap();
        assert_eq!(effect.to_string(), "−0.25 (no interval: added later)");
        assert_eq!(serde_json::to_string(&effect).unwrap(), json);
    }

    #[test]
    fn an_effect_without_interval_and_reason_is_still_readable() {
        let effect: AlertEffect = serde_json::from_str(r#"{"value":-0.25}"#).unwrap();
        assert_eq!(effect.to_string(), "−0.25 (no interval: no reason given)");
    }

    #[test]
    fn an_alert_is_acknowledged_and_resolved_once() {
        let open = Alert::open(finding(), 1);
        let known = open.acknowledged("ada", 2).unwrap().alert;
        assert_eq!(known.clone().acknowledged("bob", 3), None);
        let over = known.resolved(Some("ada"), 4).unwrap().alert;
        assert_eq!((over.state, over.events, over.resolved_by.as_deref()), (AlertState::Resolved, 2, Some("ada")));
        assert_eq!(over.clone().resolved(None, 5), None);
        assert_eq!(over.acknowledged("ada", 5), None);
    }
}
