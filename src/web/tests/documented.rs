//! docs/api.md against a running judged.

use serde_json::Value as Json;

use super::*;
use crate::testing::evaluated::ten_days;

const DOCUMENT: &str = include_str!("../../../docs/api.md");

/// Requests with the answer that is shown for each.
fn examples() -> Vec<(String, Json)> {
    let mut examples = Vec::new();
    let mut rest = DOCUMENT;
    while let Some((_, after)) = rest.split_once("```http\n") {
        let (request, after) = after.split_once("```").unwrap();
        let (_, after) = after.split_once("```json\n").unwrap();
        let (answer, after) = after.split_once("```").unwrap();
        let answer = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{request}: {error}"));
        examples.push((request.to_owned(), answer));
        rest = after;
    }
    examples
}

/// Every member that is shown is there, down to what is left out.
fn assert_has(shown: &Json, answered: &Json, place: &str) {
    match (shown, answered) {
        (Json::Object(shown), _) => {
            for (name, value) in shown {
                let member = answered.get(name).unwrap_or_else(|| panic!("{place} has no `{name}`: {answered}"));
                assert_has(value, member, &format!("{place}.{name}"));
            }
        }
        (Json::Array(shown), Json::Array(answered)) => {
            for (shown, answered) in shown.iter().zip(answered) {
                assert_has(shown, answered, place);
            }
        }
        (Json::Array(_), _) => panic!("{place} is no list: {answered}"),
        _ => {}
    }
}

#[tokio::test]
async fn every_example_of_the_api_is_answered_as_it_says() {
    let database = Database::sqlite().await;
    ten_days(&database).await;
    let site = Site::calibrated(&database.store).await;
    let first: Json = site.get("/api/evaluations?limit=1").await.json().await.unwrap();
    let first = &first["evaluations"][0];
    let examples = examples();
    assert!(examples.len() >= 6);
    for (request, shown) in examples {
        let request = request
            .replace("EVALUATION", first["id"].as_str().unwrap())
            .replace("TRACE", first["trace_id"].as_str().unwrap())
            .replace("SUBJECT", first["subject"].as_str().unwrap());
        let (line, body) = request.split_once('\n').unwrap();
        let (method, path) = line.split_once(' ').unwrap();
        let response = match method {
            "GET" => site.get(path).await,
            "POST" => site.client.post(format!("{}{path}", site.base)).body(body.to_owned()).send().await.unwrap(),
            other => panic!("{other}"),
        };
        assert_eq!(response.status(), StatusCode::OK, "{line}");
        assert_has(&shown, &response.json().await.unwrap(), line);
    }
}

#[test]
fn every_path_of_the_api_is_in_the_document() {
    let paths: Vec<&str> = include_str!("../mod.rs").split('"').filter(|text| text.starts_with("/api/")).collect();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        assert!(DOCUMENT.contains(&format!(" {path}`")), "docs/api.md does not name {path}");
    }
}
