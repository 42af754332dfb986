//! Lists and maps that were flattened into attribute names: `llm.input_messages.0.message.role` and its kin.

use std::cmp::Ordering;

use super::json_tree::{Arena, Node};
use crate::model::{Attributes, Value};

/// Segments of a name beyond this stay one segment; real conventions use at most eight.
const MAX_DEPTH: usize = 16;

/// The list under `prefix` (which ends with a dot), in order of the numbers in the names; empty when there is none.
pub(crate) fn list<'a>(attributes: &'a Attributes, prefix: &str, arena: &'a Arena) -> &'a [Node<'a>] {
    let mut pairs: Vec<(&str, &Value)> = attributes
        .with_prefix(prefix)
        .filter(|(rest, _)| rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
        .collect();
    if pairs.is_empty() {
        return &[];
    }
    // Stable, so that the last of a repeated name stays last and wins.
    pairs.sort_by(|(one, _), (two, _)| by_segments(one, two));
    build(&mut pairs, 0, arena).as_list().unwrap_or_default()
}

/// Compares dotted names segment by segment, numbers by their value.
fn by_segments(one: &str, two: &str) -> Ordering {
    // What decides is the first segment that differs.
    let same = one.bytes().zip(two.bytes()).take_while(|(left, right)| left == right).count();
    let begin = one.as_bytes()[..same].iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    let segment = |name| split(name).0;
    by_number(segment(&one[begin..]), segment(&two[begin..])).then(one.len().cmp(&two.len()))
}

/// What stands before the first dot and what stands after it.
fn split(name: &str) -> (&str, &str) {
    let dot = name.bytes().position(|byte| byte == b'.');
    dot.map_or((name, ""), |dot| (&name[..dot], &name[dot + 1..]))
}

fn by_number(one: &str, two: &str) -> Ordering {
    if one == two {
        return Ordering::Equal;
    }
    match (one.parse::<u64>(), two.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b).then_with(|| one.cmp(two)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => one.cmp(two),
    }
}

/// Builds the tree of names that share everything before their `depth`-th segment; `pairs` is sorted, and its names are
/// shortened on the way.
fn build<'a>(pairs: &mut [(&'a str, &'a Value)], depth: usize, arena: &'a Arena) -> Node<'a> {
    if let [.., (rest, value)] = pairs
        && rest.is_empty()
    {
        return Node::of_value(value, arena);
    }
    let mut entries: Vec<(&'a str, Node<'a>)> = Vec::new();
    let mut left = pairs;
    while let Some((first, _)) = left.first() {
        let segment = head(first, depth).0;
        let same = left.iter().take_while(|(rest, _)| head(rest, depth).0 == segment).count();
        let (group, others) = left.split_at_mut(same);
        left = others;
        if segment.is_empty() {
            continue;
        }
        for (rest, _) in &mut *group {
            *rest = head(rest, depth).1;
        }
        entries.push((segment, build(group, depth + 1, arena)));
    }
    if entries.iter().all(|(key, _)| key.bytes().all(|byte| byte.is_ascii_digit())) {
        Node::List(arena.alloc_slice_fill_iter(entries.into_iter().map(|(_, node)| node)))
    } else {
        Node::Map(arena.alloc_slice_copy(&entries))
    }
}

/// The next segment of a name and what is left.
fn head(rest: &str, depth: usize) -> (&str, &str) {
    if depth >= MAX_DEPTH {
        return (rest, "");
    }
    split(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(names: &[&str]) -> Attributes {
        let mut attributes = Attributes::default();
        for name in names {
            attributes.push(*name, *name);
        }
        attributes
    }

    #[test]
    fn ten_comes_after_two() {
        let attributes = attributes(&["p.10.x", "p.2.x", "p.0.x"]);
        let texts: Vec<_> =
            list(&attributes, "p.", &Arena::new()).iter().map(|item| item.str_of(&["x"]).map(str::to_owned)).collect();
        assert_eq!(texts, [Some("p.0.x".into()), Some("p.2.x".into()), Some("p.10.x".into())]);
    }

    #[test]
    fn lists_nest_in_maps_in_lists() {
        let attributes = attributes(&["p.0.message.tool_calls.0.tool_call.function.name", "p.0.message.role"]);
        let arena = Arena::new();
        let read = list(&attributes, "p.", &arena);
        let calls = read[0].at(&["message", "tool_calls"]).and_then(Node::as_list).unwrap();
        assert!(calls[0].at(&["tool_call", "function", "name"]).is_some());
    }

    #[test]
    fn names_that_are_no_index_are_left_alone() {
        assert!(
            list(&attributes(&["gen_ai.prompt.variable.x", "gen_ai.prompt.name"]), "gen_ai.prompt.", &Arena::new())
                .is_empty()
        );
    }

    proptest::proptest! {
        #[test]
        fn names_are_compared_segment_by_segment(one in "[0-9a.]{0,8}", two in "[0-9a.]{0,8}") {
            let naive = || {
                let (mut left, mut right) = (one.split('.'), two.split('.'));
                loop {
                    match (left.next(), right.next()) {
                        (None, None) => return Ordering::Equal,
                        (None, Some(_)) => return Ordering::Less,
                        (Some(_), None) => return Ordering::Greater,
                        (Some(one), Some(two)) if one == two => {}
                        (Some(one), Some(two)) => return by_number(one, two),
                    }
                }
            };
            proptest::prop_assert_eq!(by_segments(&one, &two), naive());
        }
    }

    #[test]
    fn a_huge_index_costs_nothing() {
        assert_eq!(
            list(&attributes(&["p.18446744073709551615.x", "p.99999999999999999999999.x"]), "p.", &Arena::new()).len(),
            2
        );
    }
}
