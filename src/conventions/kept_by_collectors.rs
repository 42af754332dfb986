//! What the Collector files in `deploy/collector` let through: the condition of their filters is written from this list, and
//! every span that a test reads as a step must pass it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::attribute_namespace::Space;
use super::families::FAMILIES;
use crate::model::{Span, Step, StepKind};

/// Spaces of which spans of any kind have names: alone they say nothing of a model call.
const COMMON: &[&str] = &["enduser", "metadata", "session", "tag", "user"];

/// Spaces that other products share, of which [`STARTS`] has the part that is read.
const SHARED: &[&str] = &["gcp", "spring"];

/// Whole names outside all spaces.
const NAMES: &str = r#""(span\.type|hidden_params|all_messages_events|final_result)""#;

/// What names begin with that are read, in shared spaces and outside all.
const STARTS: &str = r#""(gcp\.vertex\.agent\.|gcp\.mcp\.|spring\.ai\.|db\.vector\.|event_loop\.)"#;

/// Vector databases whose queries carry their documents in events, which a filter of spans cannot look into.
const STORES: &str = "(?i)(chroma|lancedb|marqo|milvus|pinecone|qdrant|weaviate)";

/// Scopes some of whose spans are known by nothing else.
const SCOPES: &str = r"^(gcp\.vertex\.agent|litellm|logfire\.openai_agents|openlit|pipecat\.turn|pydantic-ai|strands)";

/// LiteLLM's span of the provider's own words.
const RAW_CALL: &str = "raw_gen_ai_request";

/// The marks around the condition in the files.
const BEGIN: &str = "      # What judged reads: written by UPDATE_DOCS=1 cargo test --lib docs_page\n";
const END: &str = "      # End of what judged reads.\n";

/// Longest list of spaces in one line of a file.
const LINE: usize = 88;

/// Patterns of which one matches the names of a span's attributes, written as a JSON list.
static PATTERNS: LazyLock<Vec<(String, Regex)>> = LazyLock::new(|| {
    let patterns = spaces().into_iter().map(|spaces| format!(r#""({spaces})[.:"]"#));
    let patterns = patterns.chain([NAMES.to_owned(), STARTS.to_owned()]);
    patterns.map(|pattern| (pattern.clone(), Regex::new(&pattern).unwrap())).collect()
});

/// The names of all spaces but the common and the shared ones, in lists of at most [`LINE`] characters.
fn spaces() -> Vec<String> {
    let mut lists = vec![String::new()];
    for name in Space::NAMES.into_iter().filter(|name| !COMMON.contains(name) && !SHARED.contains(name)) {
        let last = lists.last_mut().unwrap();
        if last.is_empty() {
            name.clone_into(last);
        } else if last.len() + 1 + name.len() <= LINE {
            write!(last, "|{name}").unwrap();
        } else {
            lists.push(name.to_owned());
        }
    }
    lists
}

/// A pattern as a literal of the Collector's expressions.
fn literal(pattern: &str) -> String {
    format!("\"{}\"", pattern.replace('\\', r"\\").replace('"', "\\\""))
}

/// The condition under which the filters drop a span.
fn condition() -> String {
    let mut text = "      - >-\n".to_owned();
    for (pattern, _) in PATTERNS.iter() {
        writeln!(text, "        not IsMatch(Keys(span.attributes), {}) and", literal(pattern)).unwrap();
    }
    writeln!(text, "        not IsMatch(span.attributes[\"db.system\"], {}) and", literal(STORES)).unwrap();
    writeln!(text, "        not IsMatch(scope.name, {}) and", literal(SCOPES)).unwrap();
    writeln!(text, "        span.name != \"{RAW_CALL}\"").unwrap();
    text
}

/// Whether a list of names has one that the patterns know.
fn names_are_kept(names: &[&str]) -> bool {
    let names = serde_json::to_string(names).unwrap();
    PATTERNS.iter().any(|(_, pattern)| pattern.is_match(&names))
}

fn is_kept(span: &Span) -> bool {
    static STORE: LazyLock<Regex> = LazyLock::new(|| Regex::new(STORES).unwrap());
    static SCOPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(SCOPES).unwrap());
    let names: Vec<&str> = span.attributes.iter().map(|(key, _)| key).collect();
    let store = span.attributes.get("db.system").and_then(|store| store.as_str()).unwrap_or_default();
    names_are_kept(&names) || STORE.is_match(store) || SCOPE.is_match(&span.scope.name) || span.name == RAW_CALL
}

/// Panics where a Collector of `deploy/collector` would drop a span that was read as more than a plain one.
pub(super) fn assert_kept(span: &Span, step: &Step) {
    let is_read = step.kind != StepKind::Other || step.output.is_some() || !step.documents.is_empty();
    let names: Vec<&str> = span.attributes.iter().map(|(key, _)| key).collect();
    assert!(
        !is_read || is_kept(span),
        "deploy/collector drops the {:?} `{}` of scope `{}` with {names:?}: add to kept_by_collectors",
        step.kind,
        span.name,
        span.scope.name
    );
}

/// The recorded spans: those of the demo, and of a folder that a variable names.
fn recorded() -> impl Iterator<Item = Span> {
    let named = std::env::var_os("JUDGED_TEST_CAPTURES").map(PathBuf::from);
    let folders = [PathBuf::from("demo")].into_iter().chain(named);
    let paths = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let is_spans = |path: &PathBuf| {
        let path = path.to_string_lossy();
        path.ends_with(".jsonl") && !path.ends_with(".logs.jsonl") && !path.ends_with("labels.jsonl")
    };
    paths
        .filter(is_spans)
        .flat_map(|path| {
            let requests = crate::pipeline::intake::files::open(&path).unwrap();
            let requests: Vec<_> = requests.map(Result::unwrap).collect();
            requests.into_iter().flat_map(|request| match request {
                crate::otlp::Request::Traces(sent) => sent.resource_spans,
                crate::otlp::Request::Logs(_) => Vec::new(),
            })
        })
        .flat_map(crate::otlp::spans)
        .filter_map(Result::ok)
}

#[test]
fn the_filters_keep_every_recorded_span_that_is_read() {
    let mut count = 0;
    for span in recorded() {
        assert_kept(&span, &super::normalise(&span, &[]));
        count += 1;
    }
    assert!(count > 100, "{count} spans in demo/");
}

#[test]
fn the_filters_know_a_name_or_the_scope_of_every_family() {
    for family in FAMILIES {
        let by_name = family.known.iter().any(|name| names_are_kept(&[name.trim_end_matches('*')]));
        assert!(by_name || family.name == "pipecat", "no name of {} is kept", family.name);
    }
}

#[test]
fn the_filters_drop_what_only_names_a_user_or_a_request() {
    assert!(!names_are_kept(&["http.request.method", "url.path", "user.id", "session.id", "db.system"]));
    assert!(!names_are_kept(&["gcp.client.version", "spring.security.reached.filter.name", "aircraft", "inputs"]));
}

#[test]
fn docs_page_of_the_collectors_has_what_is_read() {
    for file in ["rabbitmq.yaml", "kafka.yaml", "otlp.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/collector").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{file} has no mark {BEGIN}"));
        let (written, after) = rest.split_once(END).unwrap_or_else(|| panic!("{file} has no mark {END}"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", condition())).unwrap();
        } else {
            assert!(written == condition(), "{file} is out of date; run UPDATE_DOCS=1 cargo test --lib docs_page");
        }
    }
}
