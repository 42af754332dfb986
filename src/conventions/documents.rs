//! Retrieved documents in every shape that retrievers return them.

use super::json_tree::{Arena, Node};
use super::message_parts::plain_text;
use super::placeholders;
use super::python_repr::{is_printed_document, is_printed_form, is_printed_object};
use crate::model::Document;

/// Wrappers in wrappers deeper than this are not followed.
const MAX_DEPTH: usize = 5;

/// Reads documents from a list of them, or from the result object that holds the list.
pub(crate) fn documents(node: &Node<'_>) -> Vec<Document> {
    let mut found = Vec::new();
    collect(node, 0, &mut found);
    found
}

/// Documents without texts that only say that there was one; one of which nothing else is known is left out.
pub(super) fn without_placeholders(mut documents: Vec<Document>) -> Vec<Document> {
    let is_placeholder = |text: &String| placeholders::state_of(text).is_some();
    documents.retain_mut(|document| {
        let hidden = document.text.take_if(|text| is_placeholder(text)).is_some();
        !hidden || document.id.is_some()
    });
    documents
}

fn collect(node: &Node<'_>, depth: usize, found: &mut Vec<Document>) {
    const LISTS: [&str; 14] = [
        "documents",
        "results",
        "matches",
        "nodes",
        "docs",
        "source_nodes",
        "passages",
        "hits",
        "chunks",
        "output",
        "outputs",
        "result",
        "value",
        "items",
    ];
    if depth > MAX_DEPTH {
        return;
    }
    match node {
        Node::List(items) => items.iter().for_each(|item| collect(item, depth + 1, found)),
        Node::Str(text) if is_printed_object(text) || is_printed_form(text) || is_printed_document(text) => {}
        Node::Str(text) if !text.is_empty() => {
            found.push(Document { text: Some((*text).to_owned()), ..Document::default() });
        }
        Node::Map(_) => {
            if let Some(read) = document(node) {
                found.push(read);
            } else if let Some(inner) = LISTS.iter().find_map(|key| node.get(key)) {
                collect(inner, depth + 1, found);
            }
        }
        _ => {}
    }
}

/// Reads one document; `None` when the map is none.
fn document(node: &Node<'_>) -> Option<Document> {
    let outer_score = node.first_of(SCORES).and_then(Node::as_f64);
    // {"document": {…}} of OpenInference and rerankers, {"node": {…}, "score": …} of LlamaIndex, {"kwargs": {…}} of LangChain.
    let inner = ["document", "node", "kwargs"].iter().find_map(|key| node.get(key).filter(|inner| inner.is_map()));
    let body = inner.unwrap_or(node);
    let arena = Arena::new();
    let metadata = body.first_of(&["metadata", "meta", "payload"]).map(|metadata| metadata.unfolded(&arena));
    let text = text_of(body).or_else(|| metadata.as_ref().and_then(|m| m.str_of(&["text"])).map(str::to_owned));
    // LangChain's own id beside the text is the one that the vector store made up.
    let own = metadata.as_ref().filter(|_| body.has("page_content")).and_then(|metadata| id_of(metadata, &["id"]));
    let id = own
        .or_else(|| id_of(body, IDS))
        .or_else(|| metadata.as_ref().and_then(|metadata| id_of(metadata, &["id", "doc_id", "document_id"])))
        .or_else(|| id_of(body, &["id_", "node_id", "chunk_id"]))
        .or_else(|| id_of(node, &["id", "node_id"]));
    if text.is_none() && (id.is_none() || !is_bare_reference(body)) {
        return None;
    }
    let score = outer_score.or_else(|| body.first_of(SCORES).and_then(Node::as_f64));
    Some(Document { id, text, score, source: None })
}

const SCORES: &[&str] = &["score", "similarity", "relevance_score", "relevanceScore", "similarity_score"];
const IDS: &[&str] = &["id", "doc_id", "document_id", "_id"];

/// OpenTelemetry's retrieval documents may hold an id and a score and nothing else.
fn is_bare_reference(node: &Node<'_>) -> bool {
    let Node::Map(entries) = node else { return false };
    entries
        .iter()
        .all(|(key, value)| IDS.contains(key) || SCORES.contains(key) || *key == "metadata" || *value == Node::Null)
}

fn text_of(body: &Node<'_>) -> Option<String> {
    const TEXTS: [&str; 10] =
        ["content", "page_content", "pageContent", "text", "body", "snippet", "chunk", "passage", "document", "value"];
    let found = TEXTS.iter().find_map(|key| match body.get(key)? {
        Node::Str(text) => Some((*text).to_owned()),
        // Genkit: {"content": [{"text": …}]}.
        parts @ Node::List(items) if items.iter().all(|item| item.str_of(&["text"]).is_some()) => {
            Some(plain_text(parts))
        }
        inner @ Node::Map(_) => inner.str_of(&["text", "content"]).map(str::to_owned),
        _ => None,
    })?;
    (!found.is_empty()).then_some(found)
}

fn id_of(node: &Node<'_>, keys: &[&str]) -> Option<String> {
    match node.first_of(keys)? {
        Node::Str(text) if !text.is_empty() => Some((*text).to_owned()),
        Node::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    fn read(text: &str) -> Vec<Document> {
        documents(&tree(text))
    }

    #[test]
    fn a_document_of_any_retriever_has_id_text_and_score() {
        let shapes = [
            r#"[{"id":"d1","content":"Skarv 2","score":0.5}]"#,
            r#"{"documents":[{"page_content":"Skarv 2","metadata":{"id":"d1"},"score":0.5}]}"#,
            r#"[{"document":{"id":"d1","content":"Skarv 2","score":0.5,"metadata":"{\"title\":\"Tent\"}"}}]"#,
            r#"[{"node":{"id_":"d1","text":"Skarv 2"},"score":0.5}]"#,
            r#"{"documents":[{"content":[{"text":"Skarv 2"}],"metadata":{"id":"d1"},"score":0.5}]}"#,
            r#"{"matches":[{"id":"d1","score":0.5,"metadata":{"text":"Skarv 2"}}]}"#,
        ];
        for shape in shapes {
            let expected =
                Document { id: Some("d1".into()), text: Some("Skarv 2".into()), score: Some(0.5), source: None };
            assert_eq!(read(shape), vec![expected], "{shape}");
        }
    }

    #[test]
    fn a_printed_node_is_no_document() {
        assert!(read(r#"["<NodeWithScore(node=TextNode(id_=4cc4e47e), score=0.8157)>"]"#).is_empty());
        let shortened = r#"{"documents":["Document(id=t2, content: 'Skarv 2 weighs...', score: 0.5)"]}"#;
        assert!(read(shortened).is_empty(), "the rest of its text is not there");
    }

    #[test]
    fn ids_without_text_are_kept_and_a_missing_score_is_not_zero() {
        let read = read(r#"[{"id":"hr-01","score":null}]"#);
        assert_eq!(read, vec![Document { id: Some("hr-01".into()), ..Document::default() }]);
    }

    #[test]
    fn a_result_that_holds_no_documents_gives_none() {
        assert!(read(r#"{"status":"ok","id":"run-1","count":0}"#).is_empty());
    }

    #[test]
    fn a_mask_is_no_documents_text() {
        let masked = without_placeholders(read(
            r#"[{"id":"d1","content":"[REDACTED]"},{"content":"****"},{"content":"Skarv 2"}]"#,
        ));
        let texts: Vec<_> = masked.iter().map(|document| (document.id.as_deref(), document.text.as_deref())).collect();
        assert_eq!(texts, [(Some("d1"), None), (None, Some("Skarv 2"))]);
    }
}
