//! The template engine of report and pages: escapes everything, knows how numbers are written, and draws no estimate
//! without its interval.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::charts::{escape, whisker};
use super::data::Moment;
use super::words::{self, Form};
use crate::model::{Estimate, Interval, Reason};

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
    environment.add_filter("share", |estimate: Serde<Estimate>| figure(&estimate, words::SHARE, of_labels));
    environment.add_filter("number", |estimate: Serde<Estimate>| figure(&estimate, words::NUMBER, of_labels));
    environment.add_filter("signed", |estimate: Serde<Estimate>| figure(&estimate, words::SIGNED, of_labels));
    environment.add_filter("milliseconds", |estimate: Serde<Estimate>| {
        figure(&estimate, words::MILLISECONDS, words::why_of_scores)
    });
    // The same over scores: no reason speaks of labels.
    for (name, form) in
        [("score_share", words::SHARE), ("score_number", words::NUMBER), ("score_signed", words::SIGNED)]
    {
        environment.add_filter(name, move |estimate: Serde<Estimate>| figure(&estimate, form, words::why_of_scores));
    }
    environment.add_filter("whisker", |estimate: Serde<Estimate>, title: String| {
        Value::from_safe_string(whisker(110.0, &title, &estimate))
    });
    environment
        .add_filter("change", |estimate: Serde<Estimate>| figure(&estimate, words::SIGNED, words::why_of_changes));
    environment.add_filter("percent", words::percent);
    environment.add_filter("figures", words::figures);
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

fn of_labels(reason: Reason) -> String {
    reason.to_string()
}

/// An estimate as markup: value, interval, or the reason.
fn figure(estimate: &Estimate, (value, limit): (Form, Form), why: impl Fn(Reason) -> String) -> Value {
    let inner = match estimate {
        Estimate::Interval(number, Interval { low, high }) => format!(
            "<b>{}</b> <span class=\"interval\">[{}, {}]</span>",
            escape(&value(*number)),
            escape(&limit(*low)),
            escape(&limit(*high))
        ),
        Estimate::Bare(number, reason) => format!(
            "<b>{}</b> <span class=\"why\">no interval: {}</span>",
            escape(&value(*number)),
            escape(&why(*reason))
        ),
        Estimate::Undefined(reason) => format!("<span class=\"why\">not known: {}</span>", escape(&why(*reason))),
    };
    Value::from_safe_string(format!("<span class=\"estimate\">{inner}</span>"))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;
    use crate::model::Named;

    fn rendered(template: &str, estimate: Estimate) -> Result<String, minijinja::Error> {
        environment().unwrap().render_str(template, context! { estimate => Value::from(Serde(estimate)) })
    }

    #[test]
    fn a_page_gives_every_reason_in_its_own_words() {
        for reason in Reason::ALL {
            let known = rendered("{{ estimate | share }}", Estimate::Bare(0.5, *reason)).unwrap();
            assert!(known.contains(&format!("no interval: {reason}")), "{known}");
            let unknown = rendered("{{ estimate | whisker('mean') }}", Estimate::Undefined(*reason)).unwrap();
            assert!(unknown.contains(&format!("not known: {reason}")), "{unknown}");
        }
    }

    #[test]
    fn what_is_no_estimate_is_refused_by_the_filters_for_estimates() {
        for template in
            ["{{ 0.5 | share }}", "{{ {'value': 0.5} | share }}", "{{ {'value': none, 'reason': '<b>'} | share }}"]
        {
            assert!(environment().unwrap().render_str(template, ()).is_err(), "{template}");
        }
    }
}
