//! Numbers as people read them: never without their interval, or the reason why there is none.

use super::data::Moment;
use crate::model::{Estimate, Interval, Reason, Revisions};

/// `, revision 2.1`; nothing for the first, which every score of earlier releases has.
pub fn revision(revisions: Revisions) -> String {
    if revisions == Revisions::FIRST { String::new() } else { format!(", revision {revisions}") }
}

/// What a value and a limit look like.
pub type Form = fn(f64) -> String;

/// Shares: `87 %`, limits without the sign.
pub const SHARE: (Form, Form) = (percent, percent_limit);
/// Numbers.
pub const NUMBER: (Form, Form) = (number, number);
/// Differences, which always carry a sign.
pub const SIGNED: (Form, Form) = (signed, signed);
/// Lengths of time in milliseconds.
pub const MILLISECONDS: (Form, Form) = (milliseconds, milliseconds);

fn percent_limit(limit: f64) -> String {
    percent(limit).trim_end_matches("\u{a0}%").to_owned()
}

/// `87 %`; one decimal near the ends, where a whole percent would say "all" or "none".
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let near_an_end = (percent > 0.0 && percent < 1.0) || (percent > 99.0 && percent < 100.0);
    if near_an_end {
        format!("{percent:.1}\u{a0}%")
    } else {
        format!("{:.0}\u{a0}%", percent.abs().round() * percent.signum())
    }
}

/// `87 % [82, 91]`, `87 % (no interval: …)` or `not known: …`.
pub fn percent_estimate(estimate: &Estimate) -> String {
    in_words(estimate, SHARE)
}

/// `0.82 [0.79, 0.85]`.
pub fn number_estimate(estimate: &Estimate) -> String {
    in_words(estimate, NUMBER)
}

/// `+0.04 [−0.01, +0.09]`.
pub fn signed_estimate(estimate: &Estimate) -> String {
    in_words(estimate, SIGNED)
}

/// `0.82`, with a true minus.
pub fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$}").replace('-', "−")
}

/// `+0.04`, with a true minus.
pub fn signed(value: f64) -> String {
    let text = number(value);
    if text.starts_with('−') || value == 0.0 { text } else { format!("+{text}") }
}

/// A difference of shares in points of a hundred: `−6.2`, `+0.4`, `0.0`.
pub fn points(difference: f64) -> String {
    let text = format!("{:+.1}", difference * 100.0);
    if text == "-0.0" || text == "+0.0" { "0.0".to_owned() } else { text.replace('-', "−") }
}

/// `−6.2 points [−9.0, −3.4]`.
pub fn points_estimate(estimate: &Estimate) -> String {
    match estimate {
        Estimate::Interval(value, interval) => format!("{} points {}", points(*value), points_range(*interval)),
        Estimate::Bare(value, reason) => format!("{} points (no interval: {reason})", points(*value)),
        Estimate::Undefined(reason) => format!("not known: {reason}"),
    }
}

/// `−6.2 [−9.0, −3.4]`, where a heading says that these are points.
pub fn points_beside(estimate: &Estimate) -> String {
    points_estimate(estimate).replacen(" points", "", 1)
}

/// `[−9.0, −3.4]`.
pub fn points_range(interval: Interval) -> String {
    format!("[{}, {}]", points(interval.low), points(interval.high))
}

/// `640 ms` or `1.8 s`.
pub fn milliseconds(ms: f64) -> String {
    if ms >= 1_000.0 { format!("{:.1}\u{a0}s", ms / 1_000.0) } else { format!("{ms:.0}\u{a0}ms") }
}

/// `$0.0042`: four significant digits below a cent, cents above a dollar.
pub fn dollars(amount: f64) -> String {
    if amount == 0.0 {
        "$0".to_owned()
    } else if amount.abs() >= 1.0 {
        format!("${amount:.2}")
    } else if amount.abs() >= 0.001 {
        format!("${amount:.4}")
    } else {
        format!("${amount:.6}")
    }
}

/// `1 234 567`, in groups that do not break.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "−".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `10`, `1k`, `10k`, `1M`: for axes.
pub fn short_count(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{}M", number / 1e6),
        number if number >= 1e3 => format!("{}k", number / 1e3),
        number => number.to_string(),
    }
}

/// `3 labels`, `1 label`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number as i64), if number == 1 { one } else { many })
}

/// `12 Nov 2026, 14:05 UTC`.
pub fn time(moment: Moment) -> String {
    formatted(moment, "%-d %b %Y, %H:%M UTC")
}

/// `12 Nov 2026`.
pub fn date(moment: Moment) -> String {
    formatted(moment, "%-d %b %Y")
}

/// `12 Nov`.
pub fn day(moment: Moment) -> String {
    formatted(moment, "%-d %b")
}

/// `14:00`.
pub fn hour(moment: Moment) -> String {
    formatted(moment, "%H:%M")
}

fn formatted(moment: Moment, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(timestamp) => timestamp.strftime(format).to_string(),
        Err(_) => moment.to_string(),
    }
}

/// The width of a timeline's points.
pub fn width(hours: u32) -> String {
    match hours {
        1 => "hour".to_owned(),
        24 => "day".to_owned(),
        168 => "week".to_owned(),
        hours if hours.is_multiple_of(168) => format!("{} weeks", hours / 168),
        hours if hours.is_multiple_of(24) => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

/// A stable code as a reader sees it: `not_captured` → `not captured`.
pub fn code(code: &str) -> String {
    code.replace('_', " ")
}

/// An estimate in plain text.
pub fn in_words(estimate: &Estimate, form: (Form, Form)) -> String {
    told(estimate, form, |why| why.to_string())
}

/// An estimate over scores in plain text.
pub fn of_scores(estimate: &Estimate, form: (Form, Form)) -> String {
    told(estimate, form, why_of_scores)
}

/// An estimate in plain text, with words of its own for why it is not known.
pub fn told(estimate: &Estimate, (value, limit): (Form, Form), why: impl Fn(Reason) -> String) -> String {
    match estimate {
        Estimate::Interval(number, Interval { low, high }) => {
            format!("{} [{}, {}]", value(*number), limit(*low), limit(*high))
        }
        Estimate::Bare(number, reason) => format!("{} (no interval: {})", value(*number), why(*reason)),
        Estimate::Undefined(reason) => format!("not known: {}", why(*reason)),
    }
}

/// Three figures of a statistic or a probability: `1 234`, `12.3`, `0.00412`.
pub fn figures(number: f64) -> String {
    if number == 0.0 || number.abs() >= 100.0 {
        return count(number.round() as i64);
    }
    let leading = number.abs().log10().floor() as i32;
    if leading < -6 {
        return format!("{number:.0e}");
    }
    let digits = (2 - leading).max(0) as usize;
    format!("{number:.digits$}")
}

/// Why the change that a cause makes is not known.
pub fn why_of_changes(reason: Reason) -> String {
    match reason {
        Reason::NoPairs => "nothing was observed that tells".to_owned(),
        other => other.to_string(),
    }
}

/// Why there is no estimate over scores, whose reasons are otherwise told of labels.
pub fn why_of_scores(reason: Reason) -> String {
    match reason {
        Reason::NoPairs => "nothing was scored to tell it from".to_owned(),
        Reason::NoVariance => "every score is the same".to_owned(),
        Reason::Thin => "too few scores for an honest interval".to_owned(),
        Reason::FewEffective => "the weights leave fewer than 30 effective scores".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_never_stands_alone() {
        let known = Estimate::Interval(0.873, Interval { low: 0.82, high: 0.914 });
        assert_eq!(percent_estimate(&known), "87\u{a0}% [82, 91]");
        assert_eq!(
            percent_estimate(&Estimate::Bare(1.0, Reason::TooFew)),
            "100\u{a0}% (no interval: too few observations)"
        );
        assert_eq!(percent_estimate(&Reason::NoPairs.into()), "not known: no pair of labels to compare");
        assert_eq!(of_scores(&Reason::NoVariance.into(), NUMBER), "not known: every score is the same");
        assert_eq!(
            signed_estimate(&Estimate::Interval(0.04, Interval { low: -0.01, high: 0.09 })),
            "+0.04 [−0.01, +0.09]"
        );
    }

    #[test]
    fn counts_times_and_codes_read_naturally() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(
            [1_234.0, 12.34, 0.004_123, 0.0, 1e-9].map(figures),
            ["1\u{202f}234", "12.3", "0.00412", "0", "1e-9"]
        );
        assert_eq!(percent(0.996), "99.6\u{a0}%");
        assert_eq!(time(Moment(1_767_225_600_000)), "1 Jan 2026, 00:00 UTC");
        assert_eq!(code("not_captured"), "not captured");
    }
}
