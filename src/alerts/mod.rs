//! From flags to alerts: which episode a flag belongs to, and when an episode is over. Pure.
//!
//! An episode is something that moved, from when it began until it was resolved. As long as it is not resolved, every
//! flag about the same rubric, judge, kind and segment belongs to it, even where labels that came late move the moment
//! at which it likely began. A flag that began before the latest episode was resolved is that episode still: one that
//! a person resolved stays so, one that had gone by itself comes back. What began later is a new episode.

use crate::model::{Alert, AlertChange, AlertEvent, AlertEvidence, AlertFinding, AlertState, HOUR_MS};
use crate::report::{Flag, ReportData};

/// A receiver that forgets is reminded of an unresolved alert this often.
pub const REMIND_AFTER_MS: i64 = HOUR_MS;

/// What the report flags, with the version that counts now.
pub fn findings(report: &ReportData) -> Vec<AlertFinding> {
    report.drift.flags.iter().filter_map(|flag| finding(report, flag)).collect()
}

/// None for a flag about no rubric: nothing could recognise it again.
fn finding(report: &ReportData, flag: &Flag) -> Option<AlertFinding> {
    let rubric = report.rubrics.iter().find(|rubric| flag.rubric.as_deref() == Some(&rubric.name))?;
    let judge = flag.judge.as_deref()?;
    let current = rubric.current.and_then(|index| rubric.series.get(index));
    let version = current.or_else(|| rubric.series.first()).map_or(0, |series| series.version);
    let flag = &flag.flag;
    Some(AlertFinding {
        rubric: rubric.name.clone(),
        version,
        judge: judge.to_owned(),
        kind: flag.kind,
        segment: flag.segment.clone(),
        since_ms: flag.since.0,
        detected_at_ms: flag.detected_at.0,
        labels_to_detection: flag.labels_to_detection as u64,
        effect: flag.effect.into(),
        evidence: AlertEvidence {
            statistic: flag.evidence.statistic,
            threshold: flag.evidence.threshold,
            guarantee: flag.evidence.guarantee.clone(),
            algorithm: Some(flag.algorithm),
        },
        attribution: flag.attribution,
        advice: flag.advice.clone().into_owned(),
    })
}

/// What changes now that `findings` stand. A flag that is gone for `resolve_after_ms` resolves its alert.
pub fn reconcile(known: &[Alert], findings: &[AlertFinding], now_ms: i64, resolve_after_ms: i64) -> Vec<AlertChange> {
    let mut changes: Vec<AlertChange> = findings
        .iter()
        .filter_map(|finding| match episode_of(known, finding) {
            None => Some(Alert::open(finding.clone(), now_ms).told(AlertEvent::Opened, now_ms)),
            Some(alert) => seen(alert.clone(), finding, now_ms),
        })
        .collect();
    let gone = known.iter().filter(|alert| {
        alert.state != AlertState::Resolved && !findings.iter().any(|finding| finding.is_about_the_same(&alert.finding))
    });
    changes.extend(gone.map(|alert| absent(alert.clone(), now_ms, resolve_after_ms)));
    changes
}

/// The episode that a finding belongs to: the unresolved one, else the latest that was resolved after it began.
fn episode_of<'a>(known: &'a [Alert], finding: &AlertFinding) -> Option<&'a Alert> {
    let same = || known.iter().filter(|alert| alert.finding.is_about_the_same(finding));
    let unresolved = same().find(|alert| alert.state != AlertState::Resolved);
    unresolved
        .or_else(|| {
            same()
                .filter(|alert| alert.resolved_at_ms >= Some(finding.since_ms))
                .max_by_key(|alert| alert.resolved_at_ms)
        })
        .or_else(|| same().find(|alert| alert.id == finding.id()))
}

/// The flag of a known episode stands.
fn seen(mut alert: Alert, finding: &AlertFinding, now_ms: i64) -> Option<AlertChange> {
    // Somebody said that it is over: the flag, which looks back at the same labels, does not say otherwise.
    if alert.state == AlertState::Resolved && alert.resolved_by.is_some() {
        return None;
    }
    alert.finding = finding.clone();
    alert.last_seen_ms = now_ms;
    alert.absent_since_ms = None;
    if alert.state == AlertState::Resolved {
        alert.state = AlertState::Open;
        (alert.resolved_at_ms, alert.acknowledged_at_ms, alert.acknowledged_by) = (None, None, None);
        return Some(alert.told(AlertEvent::Opened, now_ms));
    }
    Some(remind(alert, now_ms))
}

/// The flag of an unresolved episode does not stand.
fn absent(mut alert: Alert, now_ms: i64, resolve_after_ms: i64) -> AlertChange {
    // A time to come was noted while the clock was ahead.
    let since_ms = *alert.absent_since_ms.insert(alert.absent_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms)));
    // Never at the first look without it, however long ago the one before was.
    if since_ms < now_ms && now_ms - since_ms >= resolve_after_ms {
        return alert.clone().resolved(None, now_ms).unwrap_or(AlertChange { alert, event: None });
    }
    remind(alert, now_ms)
}

fn remind(alert: Alert, now_ms: i64) -> AlertChange {
    if now_ms - alert.told_at_ms >= REMIND_AFTER_MS || alert.told_at_ms > now_ms {
        alert.told(AlertEvent::Standing, now_ms)
    } else {
        AlertChange { alert, event: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attribution, DriftKind, Estimate};

    fn finding(since_ms: i64) -> AlertFinding {
        AlertFinding {
            rubric: "faithfulness".into(),
            version: 1,
            judge: "default".into(),
            kind: DriftKind::Agreement,
            segment: None,
            since_ms,
            detected_at_ms: since_ms + 10,
            labels_to_detection: 20,
            effect: Estimate::Bare(-0.2, "thin").into(),
            evidence: AlertEvidence { statistic: 2.0, threshold: 1.0, guarantee: String::new(), algorithm: None },
            attribution: Attribution::Ambiguous,
            advice: "look".into(),
        }
    }

    /// The alerts after a look, and what was told.
    fn look(known: &mut Vec<Alert>, findings: &[AlertFinding], now_ms: i64) -> Vec<AlertEvent> {
        let changes = reconcile(known, findings, now_ms, HOUR_MS);
        let told = changes.iter().filter_map(|change| change.event).collect();
        for AlertChange { alert, .. } in changes {
            known.retain(|old| old.id != alert.id);
            known.push(alert);
        }
        told
    }

    #[test]
    fn a_flag_that_stands_is_one_alert_however_often_it_is_seen() {
        let mut known = Vec::new();
        assert_eq!(look(&mut known, &[finding(5)], 100), [AlertEvent::Opened]);
        // Late labels moved its likely beginning; it is the same episode with the newer numbers.
        assert_eq!(look(&mut known, &[finding(7)], 200), []);
        assert_eq!((known.len(), known[0].finding.since_ms, known[0].last_seen_ms), (1, 7, 200));
        assert_eq!(known[0].id, finding(5).id());
    }

    #[test]
    fn another_segment_kind_or_judge_is_another_alert() {
        let segment = AlertFinding { segment: Some("returns".into()), ..finding(5) };
        let kind = AlertFinding { kind: DriftKind::Judge, ..finding(5) };
        let judge = AlertFinding { judge: "second".into(), ..finding(5) };
        let mut known = Vec::new();
        assert_eq!(look(&mut known, &[finding(5), segment, kind, judge], 100).len(), 4);
        assert_eq!(known.len(), 4);
    }

    #[test]
    fn a_flag_must_be_gone_for_long_before_its_alert_is_resolved() {
        let mut known = Vec::new();
        look(&mut known, &[finding(5)], 100);
        assert_eq!(look(&mut known, &[], 200), []);
        assert_eq!(look(&mut known, &[finding(5)], 300), [], "back again: it did not flap");
        assert_eq!(look(&mut known, &[], 400), []);
        assert_eq!(look(&mut known, &[], 399 + HOUR_MS), [AlertEvent::Standing], "it is not over yet");
        assert_eq!(look(&mut known, &[], 400 + HOUR_MS), [AlertEvent::Resolved]);
        assert_eq!(known[0].resolved_by, None);
        assert_eq!(look(&mut known, &[], 401 + HOUR_MS), []);
    }

    #[test]
    fn after_a_long_standstill_one_look_without_the_flag_resolves_nothing() {
        let mut known = Vec::new();
        look(&mut known, &[finding(5)], 100);
        let told = look(&mut known, &[], 100 + 100 * HOUR_MS);
        assert!(!told.contains(&AlertEvent::Resolved), "{told:?}");
    }

    #[test]
    fn what_went_by_itself_comes_back_as_the_same_alert() {
        let mut known = Vec::new();
        look(&mut known, &[finding(5)], 100);
        look(&mut known, &[], 200);
        look(&mut known, &[], 200 + HOUR_MS);
        assert_eq!(look(&mut known, &[finding(5)], 300 + HOUR_MS), [AlertEvent::Opened]);
        assert_eq!((known.len(), known[0].state, known[0].resolved_at_ms), (1, AlertState::Open, None));
    }

    #[test]
    fn what_a_person_resolved_stays_so_until_something_moves_after_that() {
        let mut known = Vec::new();
        look(&mut known, &[finding(5)], 100);
        known = vec![known.remove(0).resolved(Some("ada"), 200).unwrap().alert];
        assert_eq!(look(&mut known, &[finding(5)], 300), []);
        assert_eq!(look(&mut known, &[finding(150)], 400), [], "it began before it was resolved");
        assert_eq!(look(&mut known, &[finding(250)], 500), [AlertEvent::Opened]);
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn receivers_that_forget_are_reminded_each_hour() {
        let mut known = Vec::new();
        look(&mut known, &[finding(5)], 100);
        assert_eq!(look(&mut known, &[finding(5)], 99 + HOUR_MS), []);
        assert_eq!(look(&mut known, &[finding(5)], 100 + HOUR_MS), [AlertEvent::Standing]);
        assert_eq!(look(&mut known, &[finding(5)], 200 + HOUR_MS), []);
    }
}
