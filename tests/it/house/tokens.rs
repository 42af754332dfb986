//! Paths in what the compiler leaves unparsed: the arguments of macros and attributes.

use proc_macro2::{TokenStream, TokenTree};

use super::source::Names;

/// What looks like a path in the argument of a macro, which stays unparsed.
pub(super) fn paths_in(tokens: &TokenStream) -> Vec<Names> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let is = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == sign);
    // `pub(in path)` uses nothing.
    let after_pub = |at: usize| at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(word) if *word == "pub");
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(_) if after_pub(at) => {}
            TokenTree::Group(group) => found.append(&mut paths_in(&group.stream())),
            TokenTree::Ident(first) => {
                let mut path = vec![first.to_string()];
                while is(at + 1, ':') && is(at + 2, ':') {
                    let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                    path.push(next.to_string());
                    at += 3;
                }
                found.push(path);
            }
            // A field, a method, a variable of `macro_rules!`; `$crate` is the crate.
            TokenTree::Punct(sign) if matches!(sign.as_char(), '.' | '$' | '\'') => {
                let skipped = matches!(tokens.get(at + 1), Some(TokenTree::Ident(name)) if *name != "crate");
                let range = is(at + 1, '.') || (at > 0 && is(at - 1, '.'));
                at += usize::from(skipped && !range);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The texts among the arguments of an attribute.
pub(super) fn texts_in(tokens: &TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => found.append(&mut texts_in(&group.stream())),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push(text.value());
                }
            }
            _ => {}
        }
    }
    found
}
