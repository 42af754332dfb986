//! Log records that arrived more than once. They have no id, so that only their content and their time tell copies. Intake
//! keeps every record of a request, and drops the same request and the same records of another: what are copies beyond that
//! is decided here, for all records of a span.

use std::collections::HashMap;

use crate::model::LogRecord;

/// The log records of one span in order of time, those of one time in order of arrival, without the copies of repeated
/// exports.
pub(super) fn in_order(mut logs: Vec<LogRecord>) -> Vec<LogRecord> {
    logs.sort_by_key(|log| log.time);
    if logs.windows(2).all(|pair| pair[0].time < pair[1].time) {
        return logs;
    }
    let kept: Vec<bool> = logs.chunk_by(|one, two| one.time == two.time).flat_map(first_export).collect();
    let mut kept = kept.into_iter();
    logs.retain(|_| kept.next().unwrap_or(true));
    logs
}

/// Which of the records of one moment belong to the first export. The same text may stand twice in one conversation: only
/// what all of them were repeated counts as exports.
fn first_export(moment: &[LogRecord]) -> Vec<bool> {
    if moment.len() == 1 {
        return vec![true];
    }
    // The printed form holds every field, and unlike the record it can be hashed.
    let printed: Vec<String> = moment.iter().map(|log| format!("{log:?}")).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for text in &printed {
        *counts.entry(text).or_default() += 1;
    }
    let exports = counts.values().copied().fold(0, greatest_common_divisor).max(1);
    let mut left = counts;
    for count in left.values_mut() {
        *count /= exports;
    }
    let mut is_first = |text: &String| match left.get_mut(text.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    printed.iter().map(&mut is_first).collect()
}

fn greatest_common_divisor(one: usize, two: usize) -> usize {
    if two == 0 { one } else { greatest_common_divisor(two, one % two) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::testing::log;

    fn said(texts: &[&str]) -> Vec<LogRecord> {
        texts.iter().map(|text| log("gen_ai.user.message", (*text).into(), &[])).collect()
    }

    #[test]
    fn a_repeated_export_is_taken_once() {
        for (arrived, kept) in [
            (&["Why?", "Why?"][..], &["Why?"][..]),
            (&["a", "b", "a", "b", "b", "a"], &["a", "b"]),
            (&["yes", "Sure?", "yes", "yes", "Sure?", "yes"], &["yes", "Sure?", "yes"]),
        ] {
            assert_eq!(in_order(said(arrived)), said(kept));
        }
    }

    #[test]
    fn what_was_said_twice_at_other_times_or_between_other_texts_stays() {
        let later = LogRecord { time: 9_000, ..said(&["yes"]).remove(0) };
        let twice = [said(&["yes"]), vec![later]].concat();
        assert_eq!(in_order(twice.clone()), twice);
        let conversation = said(&["yes", "Sure?", "yes"]);
        assert_eq!(in_order(conversation.clone()), conversation);
    }
}
