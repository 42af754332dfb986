//! Whether a page is sound: every element closed, nothing fetched from elsewhere.

/// Elements that have no end.
const VOID: &[&str] = &["meta", "link", "br", "input", "hr", "img"];

/// Checks that elements nest; returns how many there are.
pub fn assert_well_formed(page: &str) -> usize {
    let mut open: Vec<String> = Vec::new();
    let mut elements = 0;
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = tag_end(rest);
        let (tag, after) = rest.split_at(end);
        rest = &after[1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let expected = open.pop();
            assert_eq!(expected.as_deref(), Some(name.trim()), "</{name}> closes {expected:?}; open: {open:?}");
            continue;
        }
        elements += 1;
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "a bare < in the text: <{}", &tag[..tag.len().min(60)]);
        if tag.ends_with('/') || VOID.contains(&name.as_str()) {
            continue;
        }
        if name == "style" || name == "script" {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("it is closed") + close.len()..];
            continue;
        }
        open.push(name);
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    elements
}

/// Where a tag ends, quotes considered.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '>' if !quoted => return index,
            _ => {}
        }
    }
    panic!("a tag that never ends: <{}", &text[..text.len().min(60)]);
}

/// Checks that a page by itself fetches nothing and runs nothing.
pub fn assert_self_contained(page: &str) {
    for sign in
        ["http://", "https://", "src=", "<link", "<script", "@import", "url(", "javascript:", " onload", " onclick"]
    {
        assert!(!page.contains(sign), "the page contains {sign}");
    }
}
