//! Rendering pages: the engine of the report with the templates of this room.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, Value, context};

use super::percent::encoded;
use super::problem::PageError;
use crate::config::TraceLink;
use crate::report::Moment;
use crate::report::templating;
use crate::report::words;

/// The compiled templates.
pub(super) struct Pages(Environment<'static>);

const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("alerts.html", include_str!("templates/alerts.html")),
    ("alerts_open.html", include_str!("templates/alerts_open.html")),
    ("alert_deliveries.html", include_str!("templates/alert_deliveries.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("no_report.html", include_str!("templates/no_report.html")),
    ("report_age.html", include_str!("templates/report_age.html")),
    ("waiting.html", include_str!("templates/waiting.html")),
    ("report_page.html", include_str!("templates/report_page.html")),
    ("ledger.html", include_str!("templates/ledger.html")),
    ("judges.html", include_str!("templates/judges.html")),
    ("compare.html", include_str!("templates/compare.html")),
    ("evaluations.html", include_str!("templates/evaluations.html")),
    ("evaluation.html", include_str!("templates/evaluation.html")),
    ("subject.html", include_str!("templates/subject.html")),
    ("label.html", include_str!("templates/label.html")),
    ("rubrics.html", include_str!("templates/rubrics.html")),
    ("rubric.html", include_str!("templates/rubric.html")),
    ("login.html", include_str!("templates/login.html")),
    ("session.html", include_str!("templates/session.html")),
    ("audit.html", include_str!("templates/audit.html")),
];

impl Pages {
    pub(super) fn new(trace_link: Option<TraceLink>) -> Result<Self, minijinja::Error> {
        let mut environment = templating::environment()?;
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        environment.add_filter("time_ms", |ms: i64| words::time(Moment(ms)));
        environment.add_filter("query", |text: String| encoded(&text));
        // None where the configuration names no tracing backend, or the ids are none.
        environment.add_function("trace_url", move |trace: &str, span: &str| {
            Some(trace_link.as_ref()?.address(trace.parse().ok()?, span.parse().ok()?))
        });
        Ok(Self(environment))
    }

    /// A page as an answer.
    pub(super) fn render(&self, name: &str, context: Value) -> Result<Response, PageError> {
        Ok(Html(self.0.get_template(name)?.render(context! { ..context })?).into_response())
    }
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=300")),
    ];
    (headers, text).into_response()
}

/// The stylesheet, the same as the report's.
pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", templating::STYLE)
}

/// The keys of the labelling page.
pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("templates/label.js"))
}
