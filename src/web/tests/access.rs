//! Who may do what, as a browser and a program find it.

use super::*;
use crate::store::AuditAction;

#[tokio::test]
async fn a_token_is_asked_for_and_other_sites_are_refused() {
    let database = Database::sqlite().await;
    let site = Site::of(&database.store, Some("open sesame")).await;
    let turned = site.get("/evaluations?label=fail").await;
    assert_eq!(turned.status(), StatusCode::SEE_OTHER);
    assert_eq!(turned.headers()[header::LOCATION], "/login?next=%2Fevaluations%3Flabel%3Dfail");
    assert_eq!(site.get("/api/ledger").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/metrics").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);

    assert_eq!(site.send("/login", &[("token", "open says me")]).await.status(), StatusCode::UNAUTHORIZED);
    let entered = site.send("/login", &[("token", "open sesame"), ("next", "//evil.example")]).await;
    assert_eq!(entered.headers()[header::LOCATION], "/");
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("sesame"),
        "{cookie}"
    );
    let ask = |path: &str| site.client.get(format!("{}{path}", site.base));
    let session = cookie.split(';').next().unwrap();
    assert_eq!(ask("/").header(header::COOKIE, session).send().await.unwrap().status(), StatusCode::OK);
    let bearer = ask("/api/ledger").header(header::AUTHORIZATION, "Bearer open sesame").send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::OK);

    let open = Site::of(&database.store, None).await;
    let rebound = open.client.get(&open.base).header(header::HOST, "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    let labels = open.client.post(format!("{}/api/labels", open.base)).body("[]");
    let crossed = labels.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(crossed.status(), StatusCode::FORBIDDEN);
}

/// Tokens of three people, in files that must outlive the start.
fn tokens(files: &tempfile::TempDir) -> String {
    let token = |(name, role): (&str, &str)| {
        let file = files.path().join(name);
        std::fs::write(&file, format!("token of {name}")).unwrap();
        format!("[[tokens]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_file = \"{}\"\n", file.display())
    };
    [("vera", "viewer"), ("anna", "annotator"), ("ada", "admin"), ("prometheus", "metrics")].map(token).concat()
}

impl Site {
    /// The session cookie of somebody who logged in.
    async fn logged_in(&self, name: &str) -> String {
        let entered = self.send("/login", &[("token", &format!("token of {name}"))]).await;
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        entered.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    async fn get_with(&self, path: &str, cookie: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).header(header::COOKIE, cookie).send().await.unwrap()
    }

    async fn post_with(&self, path: &str, cookie: &str, body: &'static str) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).header(header::COOKIE, cookie);
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).send().await.unwrap()
    }
}

on_both_databases! {
    everybody_may_do_what_their_role_says_and_it_is_noted(database) {
        ten_days(&database).await;
        let files = tempfile::tempdir().unwrap();
        let site = Site::with(&database.store, &tokens(&files)).await;
        let [vera, anna, ada] = ["vera", "anna", "ada"].map(|name| site.logged_in(name));
        let (vera, anna, ada) = (vera.await, anna.await, ada.await);

        let prometheus = |path: &str| site.client.get(format!("{}{path}", site.base)).bearer_auth("token of prometheus").send();
        assert_eq!(prometheus("/metrics").await.unwrap().status(), StatusCode::OK);
        assert_eq!(prometheus("/api/ledger").await.unwrap().status(), StatusCode::FORBIDDEN);

        assert_eq!(site.get_with("/evaluations", &vera).await.status(), StatusCode::OK);
        assert_eq!(site.post_with("/label", &vera, "").await.status(), StatusCode::FORBIDDEN);
        assert_eq!(site.get_with("/audit", &anna).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(site.post_with("/alerts/1", &anna, "action=resolve&by=ada").await.status(), StatusCode::FORBIDDEN);

        let page = site.get_with("/label?rubric=faithfulness", &anna).await.text().await.unwrap();
        let mut form: Vec<(&str, &str)> =
            ["rubric", "subject", "stream", "probability", "seal"].map(|name| (name, field(&page, name))).into();
        form.extend([("annotator", "ada"), ("verdict", "4")]);
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let saved = site.post_with("/label", &anna, body.join("&").leak()).await;
        assert_eq!(saved.status(), StatusCode::SEE_OTHER);
        let subject: SubjectId = field(&page, "subject").parse().unwrap();
        let labels = database.store.labels_of(subject, "faithfulness").await.unwrap();
        assert!(labels.iter().any(|label| label.annotator == "anna"), "nobody labels under another's name");

        let log = database.store.audit_log(0, None, 10).await.unwrap();
        let told: Vec<_> = log.iter().map(|entry| (entry.actor.as_str(), entry.action)).collect();
        let logged_in = |name| (name, AuditAction::LoggedIn);
        assert_eq!(told, [("anna", AuditAction::Labelled), logged_in("ada"), logged_in("anna"), logged_in("vera")]);
        let shown = site.get_with("/audit", &ada).await.text().await.unwrap();
        assert_well_formed(&shown);
        assert!(shown.contains(&subject.to_string()) && shown.contains("anna"), "{shown}");
    }
}

on_both_databases! {
    a_program_labels_under_the_name_of_its_token_and_no_other(database) {
        ten_days(&database).await;
        let files = tempfile::tempdir().unwrap();
        let site = Site::with(&database.store, &tokens(&files)).await;
        let address = |path: &str| format!("{}{path}", site.base);
        let list = site.client.get(address("/api/evaluations?rubric=faithfulness&outcome=scored&limit=3"));
        let list: serde_json::Value = list.bearer_auth("token of anna").send().await.unwrap().json().await.unwrap();
        let label = |number: usize, annotator: Option<&str>| {
            let one = &list["evaluations"][number];
            serde_json::json!({ "trace_id": one["trace_id"], "span_id": one["span_id"], "rubric": "faithfulness", "annotator": annotator, "score": 2 })
        };
        let give = async |labels: &[serde_json::Value]| {
            let answer = site.client.post(address("/api/labels")).bearer_auth("token of anna").json(labels).send().await.unwrap();
            (answer.status(), answer.json::<serde_json::Value>().await.unwrap())
        };

        let (status, told) = give(&[label(0, Some("ada"))]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(told["refused"][0]["error"].as_str().unwrap().contains("the token is of `anna`"), "{told}");
        let (status, told) = give(&[label(0, None), label(1, Some("ada")), label(2, Some("Anna"))]).await;
        assert_eq!((status, &told["stored"], &told["refused"][0]["index"]), (StatusCode::OK, &2.into(), &1.into()), "{told}");
        let labels = database.store.labels().await.unwrap();
        assert_eq!(labels.iter().filter(|label| label.annotator == "anna").count(), 2);
        assert!(!labels.iter().any(|label| label.annotator == "ada"));
        let log = database.store.audit_log(0, None, 1).await.unwrap();
        assert_eq!((log[0].actor.as_str(), log[0].detail.as_str()), ("anna", "2 labels over the API by anna"));
    }
}

on_both_databases! {
    a_session_ends_by_itself_at_log_out_and_with_its_token(database) {
        let files = tempfile::tempdir().unwrap();
        let configured = tokens(&files);
        let site = Site::with(&database.store, &configured).await;
        let status = async |site: &Site, cookie: &str| site.get_with("/session", cookie).await.status();
        let first = site.logged_in("ada").await;
        assert_eq!(status(&site, &first).await, StatusCode::OK);
        let left = site.post_with("/session", &first, "").await;
        assert_eq!(left.headers()[header::LOCATION], "/login");
        assert_eq!(status(&site, &first).await, StatusCode::SEE_OTHER, "what the browser kept is worth nothing");

        let second = site.logged_in("ada").await;
        assert_ne!(first, second);
        assert_eq!(status(&site, "judged_session=0000").await, StatusCode::SEE_OTHER);
        std::fs::write(files.path().join("ada"), "another token").unwrap();
        let changed = Site::with(&database.store, &configured).await;
        assert_eq!(status(&changed, &second).await, StatusCode::SEE_OTHER, "the token was changed");
        assert_eq!(status(&site, &second).await, StatusCode::OK);
        database.clock.advance(13 * 3_600_000);
        assert_eq!(status(&site, &second).await, StatusCode::SEE_OTHER, "half a day is over");
    }
}
