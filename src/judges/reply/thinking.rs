//! What a model thought before or beside its reply, in the forms that servers leave in the text.

use std::borrow::Cow;

/// Opening and closing mark of a block of thinking, in lower case.
const BLOCKS: [(&str, &str); 11] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<analysis>", "</analysis>"),
    ("<reflection>", "</reflection>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
];

/// What stands between thinking and reply without an opening mark, in lower case: the final channel of the harmony format,
/// with its marks and with them stripped, and the mark behind Gemma's thought channel.
const FINAL: [&str; 3] = ["<|channel|>final<|message|>", "assistantfinal", "<channel|>"];

/// `text` without thinking. Of a block that is closed but was opened by the chat template, everything before the closing
/// mark is thinking; one that is opened and never closed reaches to the end.
pub(super) fn left_out(text: &str) -> Cow<'_, str> {
    let folded = text.to_ascii_lowercase();
    let has_marks = BLOCKS.iter().any(|(open, close)| folded.contains(open) || folded.contains(close))
        || FINAL.iter().any(|mark| folded.contains(mark));
    if !has_marks {
        return Cow::Borrowed(text);
    }
    let outside = outside_blocks(text, &folded);
    let folded = outside.to_ascii_lowercase();
    let closings = BLOCKS.iter().map(|(_, close)| *close).chain(FINAL);
    let begin = closings.filter_map(|mark| folded.rfind(mark).map(|at| at + mark.len())).max().unwrap_or(0);
    Cow::Owned(outside[begin..].to_owned())
}

/// What is outside of blocks with an opening mark. `folded` is `text` in ASCII lower case, so that places are the same.
fn outside_blocks(text: &str, folded: &str) -> String {
    let mut outside = String::new();
    let mut at = 0;
    loop {
        let next = BLOCKS.iter().filter_map(|(open, close)| Some((at + folded[at..].find(open)?, open, close))).min();
        let Some((begin, open, close)) = next else {
            outside.push_str(&text[at..]);
            return outside;
        };
        outside.push_str(&text[at..begin]);
        let inside = begin + open.len();
        match folded[inside..].find(close) {
            Some(length) => at = inside + length + close.len(),
            None => return outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_before_behind_and_around_a_reply_is_left_out() {
        for text in [
            "<think>a draft</think>reply",
            "a draft</think>reply",
            "<Thinking>a draft</Thinking>reply",
            "[THINK]a draft[/THINK]reply",
            "reply<think>second thoughts</think>",
            "reply<think>second thoughts without an end",
            "<think>one</think><reasoning>two</reasoning>reply",
            "<think>a <think>nested</think> draft</think>reply",
            "<|channel|>analysis<|message|>a draft<|end|><|start|>assistant<|channel|>final<|message|>reply",
            "analysisa draftassistantfinalreply",
            "<|channel>thought\na draft<channel|>reply",
            "◁think▷é◁/think▷reply",
        ] {
            assert_eq!(left_out(text), "reply", "{text}");
        }
    }

    #[test]
    fn thinking_alone_leaves_nothing() {
        assert_eq!(left_out("<think>a draft"), "");
        assert_eq!(left_out("<think>a draft</think>"), "");
    }

    #[test]
    fn a_reply_without_marks_is_not_copied() {
        assert!(matches!(left_out("a < b, [thinking] of it"), Cow::Borrowed(_)));
    }
}
