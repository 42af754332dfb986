//! What each kind of receiver is sent. Pure.

use serde_json::{Map, Value as Json, json};

use crate::config::alerts::WebhookKind;
use crate::conventions::OWN_NAME;
use crate::model::{Alert, AlertEvent};

/// Alertmanager forgets an alert that is not heard of again; three reminders may be lost before it does.
const ALERTMANAGER_KEEPS_MS: i64 = 4 * 3_600_000;
/// Slack refuses longer headings.
const SLACK_HEADING: usize = 150;
/// Slack refuses longer texts.
const SLACK_TEXT: usize = 2_900;

/// Something that happened to an alert.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) event: AlertEvent,
    pub(super) alert: &'a Alert,
    /// When it happened.
    pub(super) at_ms: i64,
    /// Where people reach the pages.
    pub(super) public_url: Option<&'a str>,
}

impl Message<'_> {
    /// The body that a receiver of `kind` understands.
    pub(super) fn body(self, kind: WebhookKind) -> Json {
        match kind {
            WebhookKind::Generic => self.generic(),
            WebhookKind::Slack => self.slack(),
            WebhookKind::Alertmanager => self.alertmanager(),
        }
    }

    fn link(self) -> Option<String> {
        self.public_url.map(|url| format!("{}/alerts#{}", url.trim_end_matches('/'), self.alert.id))
    }

    /// The alert as the program writes it everywhere, in the envelope of Standard Webhooks.
    fn generic(self) -> Json {
        json!({
            "type": format!("alert.{}", self.event.as_str()),
            "timestamp": time(self.at_ms),
            "data": { "alert": self.alert, "summary": self.alert.finding.summary(), "url": self.link() },
        })
    }

    fn slack(self) -> Json {
        let finding = &self.alert.finding;
        let what = match self.event {
            AlertEvent::Opened | AlertEvent::Standing => "Drift",
            AlertEvent::Acknowledged => "Drift, acknowledged",
            AlertEvent::Resolved => "Drift, resolved",
        };
        let heading = format!("{what}: {}", finding.rubric);
        let summary = finding.summary();
        let mut blocks = vec![
            json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&heading, SLACK_HEADING) } }),
            markdown(&slack_text(&summary)),
        ];
        if let Some(by) = self.by() {
            blocks.push(markdown(&slack_text(&by)));
        } else {
            blocks.push(markdown(&format!("*What to do:* {}", slack_text(&finding.advice))));
        }
        let mut notes = vec![
            format!("{} v{}, judge {}", finding.rubric, finding.version, finding.judge),
            format!("put down to {}", finding.attribution.as_str().replace('_', " ")),
            finding.evidence.guarantee.clone(),
        ];
        notes.retain(|note| !note.is_empty());
        let mut note = slack_text(&notes.join(" · "));
        if let Some(link) = self.link() {
            note += &format!(" · <{link}|open in judged>");
        }
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": note }] }));
        json!({ "text": format!("{what}: {}", slack_text(&summary)), "blocks": blocks })
    }

    /// Who acknowledged or resolved it, in a sentence.
    fn by(self) -> Option<String> {
        match self.event {
            AlertEvent::Opened | AlertEvent::Standing => None,
            AlertEvent::Acknowledged => {
                Some(format!("Acknowledged by {}.", self.alert.acknowledged_by.as_deref().unwrap_or("somebody")))
            }
            AlertEvent::Resolved => Some(match &self.alert.resolved_by {
                Some(by) => format!("Resolved by {by}."),
                None => "Resolved: the flag is gone.".to_owned(),
            }),
        }
    }

    /// Labels name what moved and stay the same over the alert's life; everything that may change is an annotation.
    fn alertmanager(self) -> Json {
        let finding = &self.alert.finding;
        let mut labels = Map::new();
        for (name, value) in [
            ("alertname", "JudgedAlert"),
            ("service", OWN_NAME),
            ("severity", "warning"),
            ("rubric", &finding.rubric),
            ("judge", &finding.judge),
            ("kind", finding.kind.as_str()),
        ] {
            labels.insert(name.to_owned(), Json::from(value));
        }
        if let Some(segment) = finding.segment.as_deref().filter(|segment| !segment.is_empty()) {
            labels.insert("segment".to_owned(), Json::from(segment));
        }
        let ends_at_ms = match self.event {
            AlertEvent::Resolved => self.alert.resolved_at_ms.unwrap_or(self.at_ms),
            AlertEvent::Opened | AlertEvent::Acknowledged | AlertEvent::Standing => self.at_ms + ALERTMANAGER_KEEPS_MS,
        };
        let mut alert = json!({
            "labels": labels,
            "annotations": {
                "summary": finding.summary(),
                "description": finding.advice,
                "attribution": finding.attribution,
                "guarantee": finding.evidence.guarantee,
                "version": finding.version.to_string(),
                "since": time(finding.since_ms),
                "alert_id": self.alert.id.to_string(),
            },
            "startsAt": time(self.alert.first_seen_ms),
            "endsAt": time(ends_at_ms),
        });
        if let Some(link) = self.link() {
            alert["generatorURL"] = Json::from(link);
        }
        json!([alert])
    }
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn markdown(text: &str) -> Json {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, SLACK_TEXT) } })
}

/// Text without effect in Slack's markup: neither a link nor a mention.
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AlertEvidence, AlertFinding, Attribution, DriftKind, Estimate, Interval};

    fn alert() -> Alert {
        let finding = AlertFinding {
            rubric: "faithfulness".into(),
            version: 2,
            judge: "default".into(),
            kind: DriftKind::Agreement,
            segment: Some("<!channel> & co".into()),
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
        };
        Alert::open(finding, 1_767_312_100_000)
    }

    fn body(kind: WebhookKind, event: AlertEvent, alert: &Alert) -> Json {
        let public_url = Some("https://judged.example/");
        Message { event, alert, at_ms: 1_767_312_100_000, public_url }.body(kind)
    }

    #[test]
    fn the_generic_message_is_the_alert_in_an_envelope() {
        insta::assert_json_snapshot!(body(WebhookKind::Generic, AlertEvent::Opened, &alert()));
    }

    #[test]
    fn slack_shows_text_from_outside_as_text() {
        let message = body(WebhookKind::Slack, AlertEvent::Opened, &alert());
        assert!(!message.to_string().contains("<!channel>"), "{message}");
        insta::assert_json_snapshot!(message);
    }

    #[test]
    fn alertmanager_hears_when_it_ends() {
        let open = alert();
        insta::assert_json_snapshot!(body(WebhookKind::Alertmanager, AlertEvent::Opened, &open));
        let over = open.resolved(Some("ada"), 1_767_312_200_000).unwrap().alert;
        let told = body(WebhookKind::Alertmanager, AlertEvent::Resolved, &over);
        assert_eq!(told[0]["endsAt"], "2026-01-02T00:03:20Z");
        assert_eq!(told[0]["labels"], body(WebhookKind::Alertmanager, AlertEvent::Standing, &over)[0]["labels"]);
    }
}
