//! The template engine of report and pages: escapes everything, knows how numbers are written, and draws no estimate
//! without its interval.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::charts::{escape, whisker};
use super::data::Moment;
use super::words::{self, Form, Parts};
use crate::statistics::{Estimate, Interval, Reason};

/// The stylesheet of report and pages.
pub const STYLE: &str = include_str!("templates/style.css");

const TEMPLATES: &[(&str, &str)] = &[
    ("report.html", include_str!("templates/report.html")),
    ("report_body.html", include_str!("templates/report_body.html")),
    ("report_first.html", include_str!("templates/report_first.html")),
    ("report_rubric.html", include_str!("templates/report_rubric.html")),
    ("report_account.html", include_str!("templates/report_account.html")),
    ("report_judges.html", include_str!("templates/report_judges.html")),
    ("report_ledger.html", include_str!("templates/report_ledger.html")),
    ("report_method.html", include_str!("templates/report_method.html")),
];

/// An engine with the shared templates and filters; pages add their own.
pub fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    // Only contradictory delimiters are refused, and these are the defaults.
    environment.set_syntax(syntax.build().unwrap_or_default());
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    environment.add_filter("share", |parts: Serde<Parts>| figure(&parts, words::SHARE));
    environment.add_filter("number", |parts: Serde<Parts>| figure(&parts, words::NUMBER));
    environment.add_filter("signed", |parts: Serde<Parts>| figure(&parts, words::SIGNED));
    environment.add_filter("milliseconds", |parts: Serde<Parts>| figure(&parts, words::MILLISECONDS));
    environment.add_filter("whisker", |parts: Serde<Parts>, title: String| {
        Value::from_safe_string(whisker(110.0, &title, &estimate(&parts)))
    });
    environment.add_filter("percent", words::percent);
    environment.add_filter("count", words::count);
    environment.add_filter("dollars", words::dollars);
    environment.add_filter("code", |code: String| words::code(&code));
    environment.add_filter("time", |text: String| moment(&text).map_or(text, words::time));
    environment.add_filter("date", |text: String| moment(&text).map_or(text, words::date));
    environment.add_filter("width", words::width);
    Ok(environment)
}

fn moment(text: &str) -> Option<Moment> {
    text.parse::<jiff::Timestamp>().ok().map(|timestamp| Moment(timestamp.as_millisecond()))
}

/// An estimate as markup: value, interval, or the reason.
fn figure(parts: &Parts, (value, limit): (Form, Form)) -> Value {
    let why = || escape(&parts.reason.as_deref().map(words::reason).unwrap_or_default());
    Value::from_safe_string(match (parts.value, parts.low, parts.high) {
        (Some(number), Some(low), Some(high)) => format!(
            "<span class=\"estimate\"><b>{}</b> <span class=\"interval\">[{}, {}]</span></span>",
            escape(&value(number)),
            escape(&limit(low)),
            escape(&limit(high))
        ),
        (Some(number), ..) => format!(
            "<span class=\"estimate\"><b>{}</b> <span class=\"why\">no interval: {}</span></span>",
            escape(&value(number)),
            why()
        ),
        (None, ..) => format!("<span class=\"estimate\"><span class=\"why\">not known: {}</span></span>", why()),
    })
}

/// Back from the data to the estimate; the reason is only drawn as "no interval" here.
fn estimate(parts: &Parts) -> Estimate {
    match (parts.value, parts.low, parts.high) {
        (Some(value), Some(low), Some(high)) => Estimate::Interval(value, Interval { low, high }),
        (Some(value), ..) => Estimate::Bare(value, Reason::TooFew),
        (None, ..) => Estimate::Undefined(Reason::NoPairs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_from_outside_is_escaped() {
        let parts = Parts { reason: Some("<b>x</b>".into()), ..Parts::default() };
        assert!(!figure(&parts, words::SHARE).to_string().contains("<b>x"));
    }
}
