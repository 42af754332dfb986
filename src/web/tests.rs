//! Pages and API over HTTP, as a browser without JavaScript and as a program see them.

mod access;
mod documented;

use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::model::{
    AlertEvent, Emitter, EvaluationId, LabelStream, Named as _, Outcome, Problem, ProblemCode, SubjectId,
    SubjectProblem,
};
use crate::privacy::SharedRedactor;
use crate::report::kept;
use crate::rubrics::{Catalogue, Rubric};
use crate::secrets::MacKey;
use crate::store::{Conclusion, EvaluationResult, JudgeCall, PlannedFrom, Store};
use crate::web::{self, Access, WebParts};
use reqwest::{Client, Response, StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::testing::conversations::{Tie, sixty_conversations};
use crate::testing::databases::Database;
use crate::testing::evaluated::{rubrics, ten_days};
use crate::testing::markup::assert_well_formed;
use crate::testing::on_both_databases;
use crate::testing::records::planned;

/// Served pages; they stop with it.
struct Site {
    base: String,
    client: Client,
    shutdown: CancellationToken,
}

impl Site {
    /// Without a token, or with one in `[web]`.
    async fn of(store: &Store, token: Option<&str>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let place = token.map(|token| {
            std::fs::write(files.path().join("token"), token).unwrap();
            format!("token_file = \"{}\"", files.path().join("token").display())
        });
        Self::with(store, &place.unwrap_or_default()).await
    }

    /// With this text in `[web]`.
    async fn with(store: &Store, web: &str) -> Self {
        Self::troubled(store, web, &Lifecycle::new()).await
    }

    /// With the troubles of this process.
    async fn troubled(store: &Store, web: &str, lifecycle: &Lifecycle) -> Self {
        let lifecycle = lifecycle.clone();
        crate::net::tls::install_provider();
        let rubrics = all_rubrics();
        let router = web::router(WebParts {
            store: store.clone(),
            catalogue: Catalogue::of(rubrics),
            fence: MacKey::of_text("fence"),
            redactor: SharedRedactor::of_defaults(),
            seal: MacKey::of_text("seal"),
            baselines: vec!["baseline".into()],
            alert_routes: vec![crate::store::AlertRoute {
                webhook: "chat".into(),
                events: AlertEvent::ALL.iter().copied().collect(),
            }],
            trace_link: crate::config::TraceLink::try_from("http://traces.example/{trace_id}".to_owned()).ok(),
            access: Access::from_config(&toml::from_str(web).unwrap()).unwrap(),
            troubles: Arc::new(move || lifecycle.trouble().into_iter().collect()),
            metrics: Arc::new(|| "judged_up 1\n".into()),
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(web::serve(listener, router, shutdown.clone()));
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base, client, shutdown }
    }

    /// The same after somebody has calibrated.
    async fn calibrated(store: &Store) -> Self {
        kept::make(store, &all_rubrics(), None, &["baseline".to_owned()]).await.unwrap();
        Self::of(store, None).await
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let text = response.text().await.unwrap();
        assert_well_formed(&text);
        text
    }

    async fn send(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.client
            .post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .await
            .unwrap()
    }
}

fn all_rubrics() -> Vec<Arc<Rubric>> {
    rubrics().into_iter().map(Arc::new).collect()
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The value of a hidden field.
fn field<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name}"));
    page[start..].split('"').nth(3).unwrap()
}

const HOSTILE: &str = "</pre><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>";

async fn with_a_hostile_answer(store: &Store) -> EvaluationId {
    let mut plan = planned(1, 0, Outcome::Pending, HOSTILE);
    plan.subject.content.input = Some(HOSTILE.into());
    plan.subject.segments.insert("intent".into(), HOSTILE.into());
    plan.subject.segments.insert(HOSTILE.into(), "x".into());
    plan.subject.session_id = Some(HOSTILE.into());
    plan.subject.problems.push(SubjectProblem {
        problem: Problem::new(ProblemCode::TextCut, HOSTILE),
        span: None,
        emitter: Emitter { service: HOSTILE.into(), instrumentation: "other" },
        is_repeated: false,
    });
    let id = plan.evaluations[0].id;
    store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
    store.lease_evaluations("default", 10, 60_000).await.unwrap();
    let result = EvaluationResult::Final {
        id,
        conclusion: Conclusion::Failed { reason: "unparseable", error: HOSTILE.into() },
        call: JudgeCall { model: Some(HOSTILE.into()), ..JudgeCall::default() },
    };
    store.finish_evaluations(&[result], &|_| vec![("otel".to_owned(), crate::model::ScoreForm::Span)]).await.unwrap();
    id
}

on_both_databases! {
    people_label_without_javascript_and_without_seeing_the_judge(database) {
        ten_days(&database).await;
        let site = Site::of(&database.store, None).await;
        let before = database.store.labels().await.unwrap().len();

        let choice = site.page("/label").await;
        assert!(choice.contains("faithfulness"));
        let introduced = site.send("/label/name", &[("annotator", "carol"), ("rubric", "faithfulness")]).await;
        assert_eq!(introduced.headers()[header::LOCATION], "/label?rubric=faithfulness");
        let name = introduced.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let page = site.client.get(format!("{}/label?rubric=faithfulness", site.base)).header(header::COOKIE, &name);
        let page = page.send().await.unwrap().text().await.unwrap();
        assert_well_formed(&page);
        let linked = site.get("/label?rubric=faithfulness&annotator=mallory").await;
        assert!(linked.headers().get(header::SET_COOKIE).is_none(), "a link does not say who labels");
        assert!(page.contains("5: every claim is supported"), "the scale in the judge's words");
        assert!(!page.contains("The answer repeats the policy"), "the judge's reasons give its score away");
        let subject: SubjectId = field(&page, "subject").parse().unwrap();
        let form = |verdict: &'static str| {
            let mut form: Vec<(&str, &str)> =
                ["rubric", "annotator", "subject", "stream", "probability", "seal"].map(|name| (name, field(&page, name))).into();
            form.extend([("verdict", verdict), ("rationale", "section 2 says 14 days")]);
            form
        };

        let off_scale = site.send("/label", &form("6")).await;
        assert_eq!(off_scale.status(), StatusCode::BAD_REQUEST);
        let mut forged = form("4");
        forged[4].1 = "1";
        assert_eq!(site.send("/label", &forged).await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(database.store.labels().await.unwrap().len(), before);

        let saved = site.send("/label", &form("4")).await;
        assert_eq!(saved.status(), StatusCode::SEE_OTHER);
        assert_eq!(saved.headers()[header::LOCATION], "/label?rubric=faithfulness");
        let labels = database.store.labels_of(subject, "faithfulness").await.unwrap();
        let label = labels.iter().find(|label| label.annotator == "carol").unwrap();
        let score = label.score.as_ref().unwrap();
        assert_eq!((score.number(), score.label()), (Some(4.0), Some("pass")));
        assert_eq!(label.rationale.as_deref(), Some("section 2 says 14 days"));
        assert_ne!(label.stream, LabelStream::Unknown);
        assert!(label.probability.is_some_and(|p| p.get() > 0.0));

        let cookie = saved.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
        let name = cookie.split(';').next().unwrap().to_owned();
        let next = site.client.get(format!("{}/label?rubric=faithfulness", site.base)).header(header::COOKIE, name);
        let next = next.send().await.unwrap().text().await.unwrap();
        assert_ne!(field(&next, "subject"), subject.to_string(), "nobody labels the same item twice");
        let mut skip: Vec<(&str, &str)> =
            ["rubric", "annotator", "subject", "stream", "probability", "seal"].map(|name| (name, field(&next, name))).into();
        skip.push(("verdict", "skip"));
        assert_eq!(site.send("/label", &skip).await.status(), StatusCode::SEE_OTHER);
        let skipped = database.store.labels_of(field(&next, "subject").parse().unwrap(), "faithfulness").await.unwrap();
        assert!(skipped.iter().any(|label| label.annotator == "carol" && label.score.is_none()));
    }
}

#[tokio::test]
async fn every_page_is_sound_and_its_links_lead_somewhere() {
    let database = Database::sqlite().await;
    let scored = ten_days(&database).await;
    let site = Site::calibrated(&database.store).await;
    let first = scored[&("faithfulness".to_owned(), "default".to_owned())][0];
    let mut pages = vec![format!("/evaluations/{first}"), "/label?rubric=harmfulness".to_owned()];
    pages.extend(
        [
            "/",
            "/report",
            "/evaluations",
            "/label",
            "/rubrics",
            "/rubrics/faithfulness",
            "/judges",
            "/ledger",
            "/session",
            "/audit",
        ]
        .map(str::to_owned),
    );
    let mut links = std::collections::BTreeSet::new();
    for path in &pages {
        let page = site.page(path).await;
        assert!(!page.contains("style=\""), "{path}: the content policy forbids inline styles");
        links.extend(
            page.split("href=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(|link| link.replace("&amp;", "&")),
        );
    }
    for link in links.iter().filter(|link| link.starts_with('/')) {
        let status = site.get(link.split('#').next().unwrap()).await.status();
        assert_eq!(status, StatusCode::OK, "{link}");
    }
    let detail = site.page(&format!("/evaluations/{first}")).await;
    assert!(detail.contains("The prompt, as the judge saw it"));
    let headers = site.get("/").await.headers().clone();
    assert!(headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(site.get("/evaluations/none").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/evaluations?outcome=lost").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(site.get("/nowhere").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(site.get("/readyz").await.text().await.unwrap(), "ready\n");
    assert_eq!(site.get("/metrics").await.text().await.unwrap(), "judged_up 1\n");
}

#[tokio::test]
async fn a_process_of_which_a_task_ended_is_not_ready() {
    let database = Database::sqlite().await;
    let lifecycle = Lifecycle::new();
    lifecycle.spawn("assembly", async { if true { panic!("a bug") } else { Ok::<(), std::io::Error>(()) } });
    assert!(!lifecycle.run(Duration::from_secs(1)).await);
    let site = Site::troubled(&database.store, "", &lifecycle).await;
    let response = site.get("/readyz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.text().await.unwrap().starts_with("a task ended"));
}

on_both_databases! {
    /// Scenario: a million evaluations are stored. Guarantee: pages show the report that was kept with its age, and compute none.
    pages_show_the_report_that_was_kept_and_its_age(database) {
        let site = Site::of(&database.store, None).await;
        for path in ["/", "/report", "/ledger", "/judges"] {
            assert!(site.page(path).await.contains("No report has been made yet"), "{path}");
        }
        assert_eq!(site.get("/api/report").await.status(), StatusCode::SERVICE_UNAVAILABLE);

        kept::make(&database.store, &all_rubrics(), None, &["baseline".to_owned()]).await.unwrap();
        assert!(site.page("/").await.contains("Nothing has been judged yet"));
        database.clock.advance(3 * 60_000);
        let page = site.page("/").await;
        assert!(page.contains("3 minutes ago") && !page.contains("no worker with the role calibrate"));
        ten_days(&database).await;
        assert!(site.page("/").await.contains("Nothing has been judged yet"), "what came since is in the next report");

        kept::make(&database.store, &all_rubrics(), None, &["baseline".to_owned()]).await.unwrap();
        assert!(site.page("/report").await.contains("faithfulness"));
        database.clock.advance(3 * 3_600_000);
        assert!(site.page("/report").await.contains("no worker with the role calibrate"));
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let database = Database::sqlite().await;
    let id = with_a_hostile_answer(&database.store).await;
    let site = Site::calibrated(&database.store).await;
    for path in [format!("/evaluations/{id}"), "/evaluations".into(), "/report".into(), "/".into(), "/judges".into()] {
        let page = site.page(&path).await;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
    }
    let query = encoded(HOSTILE);
    for path in [
        format!("/evaluations?text={query}"),
        format!("/label?rubric={query}"),
        format!("/evaluations?segment={query}"),
    ] {
        let page = site.get(&path).await.text().await.unwrap();
        assert_well_formed(&page);
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
    }
}

#[tokio::test]
async fn what_weakens_an_evaluation_stands_on_its_page_in_the_api_and_in_the_ledger() {
    let database = Database::sqlite().await;
    let id = with_a_hostile_answer(&database.store).await;
    let site = Site::calibrated(&database.store).await;
    let page = site.page(&format!("/evaluations/{id}")).await;
    assert!(page.contains("What weakens it") && page.contains("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"), "{page}");
    let detail: serde_json::Value = site.get(&format!("/api/evaluations/{id}")).await.json().await.unwrap();
    assert_eq!(detail["problems"], serde_json::json!([{"code": "text_cut", "detail": HOSTILE}]));
    let ledger: serde_json::Value = site.get("/api/ledger").await.json().await.unwrap();
    assert_eq!((&ledger["problems"][0]["code"], &ledger["problems"][0]["subjects"]), (&"text_cut".into(), &1.into()));
    kept::make(&database.store, &all_rubrics(), None, &["baseline".to_owned()]).await.unwrap();
    assert!(site.page("/ledger").await.contains("What weakened evaluations"));
}

#[tokio::test]
async fn programs_label_and_read_through_the_api() {
    let database = Database::sqlite().await;
    ten_days(&database).await;
    let site = Site::calibrated(&database.store).await;
    let list: serde_json::Value =
        site.get("/api/evaluations?rubric=faithfulness&outcome=scored&limit=2").await.json().await.unwrap();
    assert_eq!(list["evaluations"].as_array().unwrap().len(), 2);
    let next = list["next"].as_str().unwrap();
    let more: serde_json::Value = site
        .get(&format!("/api/evaluations?rubric=faithfulness&outcome=scored&limit=2&after={next}"))
        .await
        .json()
        .await
        .unwrap();
    assert_ne!(list["evaluations"][1]["id"], more["evaluations"][0]["id"]);
    let one = &list["evaluations"][0];
    let label = serde_json::json!([
        {"trace_id": one["trace_id"], "span_id": one["span_id"], "rubric": "faithfulness", "annotator": "api", "score": 2},
        {"trace_id": one["trace_id"], "span_id": one["span_id"], "rubric": "faithfulness", "annotator": "api", "score": 9},
    ]);
    let answer = site.client.post(format!("{}/api/labels", site.base)).json(&label).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((answer["stored"].as_u64(), answer["refused"][0]["index"].as_u64()), (Some(1), Some(1)));
    let detail: serde_json::Value =
        site.get(&format!("/api/evaluations/{}", one["id"].as_str().unwrap())).await.json().await.unwrap();
    assert!(detail["labels"].as_array().unwrap().iter().any(|label| label["annotator"] == "api"));
    let report: serde_json::Value = site.get("/api/report").await.json().await.unwrap();
    assert_eq!(report["format"], 1);
    assert!(report["made_at"].is_string());
    let ledger: serde_json::Value = site.get("/api/ledger").await.json().await.unwrap();
    assert_eq!(ledger["balanced"], true);
}

on_both_databases! {
    an_alert_is_settled_on_its_page_by_somebody_from_here(database) {
        let store = &database.store;
        assert!(store.take_lead("calibration", 60_000).await.unwrap());
        let mut finding = crate::pipeline::delivery::webhooks::sample(store.now_ms()).finding;
        finding.segment = Some(HOSTILE.to_owned());
        let now_ms = store.now_ms();
        let open = |known: &[crate::model::Alert]| {
            crate::alerts::reconcile(known, std::slice::from_ref(&finding), now_ms, 1)
        };
        store.reconcile_alerts("calibration", &[], &open).await.unwrap();
        let id = store.alerts().await.unwrap()[0].id;
        let site = Site::of(store, None).await;
        for page in ["/", "/alerts"] {
            let text = site.page(page).await;
            assert!(text.contains(&id.to_string()) && !text.contains("<script>alert"), "{page}");
        }
        let there = format!("/alerts/{id}");

        let nameless = site.send(&there, &[("action", "acknowledge"), ("by", " ")]).await;
        assert_eq!(nameless.status(), StatusCode::BAD_REQUEST);
        let unknown = site.send(&there, &[("action", "delete"), ("by", "ada")]).await;
        assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
        let nowhere = site.send("/alerts/00000000-0000-0000-0000-000000000000", &[("action", "resolve"), ("by", "ada")]).await;
        assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
        let elsewhere = site
            .client
            .post(format!("{}{there}", site.base))
            .header("origin", "https://evil.example")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("action=resolve&by=eve")
            .send()
            .await
            .unwrap();
        assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);

        let acknowledged = site.send(&there, &[("action", "acknowledge"), ("by", "ada")]).await;
        assert_eq!(acknowledged.status(), StatusCode::SEE_OTHER);
        assert!(site.page("/alerts").await.contains("ada looks after it since"));
        let resolved = site
            .client
            .post(format!("{}/api/alerts/{id}", site.base))
            .json(&serde_json::json!({ "action": "resolve", "by": "bob" }))
            .send()
            .await
            .unwrap();
        let alert: serde_json::Value = resolved.json().await.unwrap();
        assert_eq!((&alert["state"], &alert["resolved_by"]), (&"resolved".into(), &"bob".into()));
        assert!(site.page("/alerts").await.contains("No alert is open."));
        assert_eq!(store.owed_by_webhook().await.unwrap()["chat"].0, 2, "both are told");

        let guarded = Site::of(store, Some("secret")).await;
        let stranger = guarded.send(&there, &[("action", "resolve"), ("by", "eve")]).await;
        assert_eq!(stranger.headers()[header::LOCATION].to_str().unwrap().split('?').next(), Some("/login"));
    }
}

on_both_databases! {
    pages_show_the_interval_that_knows_of_conversations(database) {
        let binary = |pass: bool| {
            let scale = crate::model::Scale::Binary { pass: String::new(), fail: String::new() };
            crate::model::Score::of_number(&scale, f64::from(pass)).unwrap()
        };
        sixty_conversations(&database, "harmfulness", Tie::Session, binary, binary).await;
        let site = Site::calibrated(&database.store).await;
        for page in ["/", "/report"] {
            let page = site.page(page).await;
            assert!(page.contains("<b>80\u{a0}%</b> <span class=\"interval\">[68, 88]</span>"), "{page}");
        }
    }
}

#[tokio::test]
async fn releases_are_compared_on_a_page_and_a_wrong_form_is_shown_again() {
    let database = Database::sqlite().await;
    ten_days(&database).await;
    let site = Site::calibrated(&database.store).await;
    let page = site.get("/compare?by=time&old=2026-01-06").await;
    assert_eq!(page.status(), 200);
    let text = page.text().await.unwrap();
    assert!(text.contains("since 2026-01-06") && text.contains("answer_relevance"), "{text}");
    for (form, problem) in [
        ("old=9.9&new=9.8", "nothing was judged with service.version = 9.9"),
        ("by=time&old=soon", "is no moment"),
        ("margin=7", "`margin` is a share"),
    ] {
        let text = site.get(&format!("/compare?{form}")).await.text().await.unwrap();
        assert!(text.contains(problem), "{form}: {text}");
    }
}
