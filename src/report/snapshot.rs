//! What a look says of each rubric version and judge, in a form that is kept. Pure.

use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Flag, ReportData, Watch};
use crate::store::CalibrationSnapshot;

/// One snapshot for each rubric version and judge that people labelled answers of: agreement with its intervals, the
/// baseline of the watch, and what is flagged.
pub fn snapshots(report: &ReportData) -> Vec<CalibrationSnapshot> {
    let mut taken = Vec::new();
    for rubric in &report.rubrics {
        let watch = report.drift.watching.iter().find(|watch| watch.rubric == rubric.name);
        let flags: Vec<&Flag> =
            report.drift.flags.iter().filter(|flag| flag.rubric.as_deref() == Some(&rubric.name)).collect();
        // The newest series of a version and judge comes first; earlier models of the judge are history.
        let mut seen = BTreeSet::new();
        let labelled = rubric.series.iter().filter(|series| series.scored > 0);
        for series in labelled.filter(|series| seen.insert((series.version, &series.judge))) {
            let watched = watch.filter(|watch| watch.judge.as_deref() == Some(&series.judge));
            // The latest evidence is kept; its course can be computed again, and would be kept each time it grows.
            let watched = watched.map(|watch| Watch { course: None, ..watch.clone() });
            let content = json!({
                "judge_model": series.judge_model,
                "verdict": rubric.verdict.verdict,
                "labels": series.agreement.items,
                "agreement": series.agreement,
                "watch": watched,
                "flags": if watched.is_some() { flags.as_slice() } else { &[] },
            })
            .to_string();
            taken.push(CalibrationSnapshot {
                rubric: rubric.name.clone(),
                version: series.version,
                judge: series.judge.clone(),
                digest: Sha256::digest(&content).into(),
                content,
            });
        }
    }
    taken
}
