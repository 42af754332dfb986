//! Definitions of the tools that a model was offered.

use super::json_tree::{Arena, Node};
use crate::model::ToolDefinition;

/// Reads definitions from a list, a map from name to definition, or one definition.
pub(crate) fn tool_definitions(node: &Node<'_>) -> Vec<ToolDefinition> {
    let mut found = Vec::new();
    let arena = Arena::new();
    collect(&node.unfolded(&arena), &arena, 0, &mut found);
    found
}

fn collect<'a>(node: &Node<'a>, arena: &'a Arena, depth: usize, found: &mut Vec<ToolDefinition>) {
    if depth > 3 {
        return;
    }
    match node {
        Node::List(items) => items.iter().for_each(|item| collect(&item.unfolded(arena), arena, depth + 1, found)),
        Node::Map(entries) => {
            // Gemini: {"functionDeclarations": […]}; Bedrock: {"tools": [{"toolSpec": …}]}.
            let nested = node.first_of(&["functionDeclarations", "function_declarations", "tools"]);
            if let Some(definition) = definition(node, arena) {
                found.push(definition);
            } else if let Some(inner) = nested {
                collect(inner, arena, depth + 1, found);
            } else if entries.iter().all(|(_, value)| value.is_map()) {
                for (name, value) in *entries {
                    let mut named = definition_body(value, arena);
                    (*name).clone_into(&mut named.name);
                    found.push(named);
                }
            }
        }
        Node::Str(name) if !name.is_empty() => {
            found.push(ToolDefinition { name: (*name).to_owned(), description: None, parameters: None });
        }
        _ => {}
    }
}

fn definition<'a>(node: &Node<'a>, arena: &'a Arena) -> Option<ToolDefinition> {
    let wrapped = ["function", "toolSpec", "tool"].iter().find_map(|key| node.get(key).filter(|inner| inner.is_map()));
    // OpenInference: {"tool": {"json_schema": "{…}"}}.
    if let Some(schema) = wrapped.unwrap_or(node).get("json_schema").and_then(Node::as_str) {
        let mut inner = Vec::new();
        collect(&Node::Str(schema).unfolded(arena), arena, 2, &mut inner);
        return inner.pop();
    }
    let body = wrapped.unwrap_or(node);
    // Tools that the provider runs itself are named by their type alone.
    let name = body.str_of(&["name", "tool_name"]).or_else(|| node.str_of(&["type"]))?;
    let read = definition_body(body, arena);
    Some(if read.name.is_empty() { ToolDefinition { name: name.to_owned(), ..read } } else { read })
}

fn definition_body<'a>(body: &Node<'a>, arena: &'a Arena) -> ToolDefinition {
    let parameters = body
        .first_of(&["parameters", "input_schema", "inputSchema", "parameters_json_schema", "args_schema", "args"])
        .map(|schema| schema.get("json").unwrap_or(schema).unfolded(arena).to_json());
    ToolDefinition {
        name: body.str_of(&["name", "tool_name"]).unwrap_or_default().to_owned(),
        description: body.str_of(&["description"]).filter(|text| !text.is_empty()).map(str::to_owned),
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::tree;
    use super::*;

    #[test]
    fn a_tool_is_read_from_every_providers_definition() {
        let shapes = [
            r#"[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}]"#,
            r#"[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]"#,
            r#"[{"name":"f","description":"d","input_schema":{"type":"object"}}]"#,
            r#"["{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"}}"]"#,
            r#"{"f":{"description":"d","parameters":{"type":"object"}}}"#,
            r#"[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"object"}}]}]"#,
            r#"[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object"}}}}]"#,
            r#"[{"tool":{"json_schema":"{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}"}}]"#,
        ];
        for shape in shapes {
            let node = tree(shape);
            let expected = ToolDefinition {
                name: "f".into(),
                description: Some("d".into()),
                parameters: Some(json!({"type": "object"})),
            };
            assert_eq!(tool_definitions(&node), vec![expected], "{shape}");
        }
    }

    #[test]
    fn a_tool_the_provider_runs_is_named_by_its_type() {
        let node = tree(r#"[{"type":"web_search"}]"#);
        assert_eq!(tool_definitions(&node)[0].name, "web_search");
    }
}
