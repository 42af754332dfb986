//! Thinking that stands inside the text of an answer, because nothing between the model and the application took it out:
//! `<think>` blocks of reasoning models, `[THINK]` of Mistral's, and the channels of the harmony format.

use crate::model::{Message, Part, Role};

/// Opening and closing mark of a block of thinking, in lower case.
const BLOCKS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[think]", "[/think]"),
];

/// What opens a message in the harmony format, and the channel whose text the user sees.
const START: &str = "<|start|>";
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
const FINAL: &str = "final";

/// Takes thinking out of the text parts of what the model said.
pub(super) fn set_apart(messages: &mut [Message]) {
    for message in messages.iter_mut().filter(|message| message.role == Role::Assistant) {
        let has_thinking = |part: &Part| matches!(part, Part::Text { text } if split(text).is_some());
        if message.parts.iter().any(has_thinking) {
            message.parts = std::mem::take(&mut message.parts).into_iter().flat_map(parts).collect();
        }
    }
}

fn parts(part: Part) -> Vec<Part> {
    let Part::Text { text } = &part else { return vec![part] };
    let Some((thinking, answer)) = split(text) else { return vec![part] };
    let (thinking, answer) = (thinking.trim(), answer.trim_start());
    // Nothing behind the thinking is no empty answer part: the model was cut off, or goes on in the next part. Nothing
    // inside it is what models write that were told not to think.
    let thought = (!thinking.is_empty() || answer.is_empty()).then(|| Part::Reasoning { text: thinking.to_owned() });
    let said = (!answer.is_empty()).then(|| Part::Text { text: answer.to_owned() });
    thought.into_iter().chain(said).collect()
}

/// Thinking and answer of a text that begins with thinking; `None` where it does not. Marks further in belong to what
/// the model says, for example about such marks.
fn split(text: &str) -> Option<(String, String)> {
    let begin = text.trim_start();
    // Nearly every answer has no such bracket, which is found out much faster.
    let may_have_mark = || memchr::memchr(b'<', text.as_bytes()).is_some() && text.contains("</think>");
    if !begin.starts_with(['<', '[']) && !may_have_mark() {
        return None;
    }
    channels(begin).or_else(|| leading_blocks(begin)).or_else(|| unopened_block(text))
}

/// Blocks at the very beginning, one behind the other. One that is not closed reaches to the end.
fn leading_blocks(text: &str) -> Option<(String, String)> {
    let mut thinking = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((open, close)) = BLOCKS.iter().find(|(open, _)| starts_with_ignoring_case(rest, open)) {
        found = true;
        let inside = &rest[open.len()..];
        let (block, behind) = match find_ignoring_case(inside, close) {
            Some(at) => (&inside[..at], &inside[at + close.len()..]),
            None => (inside, ""),
        };
        if !thinking.is_empty() {
            thinking.push('\n');
        }
        thinking.push_str(block.trim());
        rest = behind.trim_start();
    }
    found.then(|| (thinking, rest.to_owned()))
}

/// Chat templates that write `<think>` into the prompt leave an answer with the closing mark alone.
fn unopened_block(text: &str) -> Option<(String, String)> {
    let (thinking, answer) = text.split_once("</think>")?;
    // Inside a sentence or in quotes, the mark is spoken about.
    let is_quoted = thinking.ends_with([' ', '"', '\'', '“', '(']);
    let is_alone = !thinking.contains("<think>") && !answer.contains("</think>") && !thinking.contains('`');
    (is_alone && !is_quoted).then(|| (thinking.to_owned(), answer.to_owned()))
}

/// `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…`. A message without a channel
/// is for the user; behind a channel may stand what its text is constrained to.
fn channels(text: &str) -> Option<(String, String)> {
    if !text.starts_with(CHANNEL) && !text.starts_with(START) {
        return None;
    }
    let (mut thinking, mut answer) = (String::new(), String::new());
    let mut pieces = text.split(MESSAGE);
    let mut header = pieces.next()?;
    let mut has_message = false;
    for piece in pieces {
        has_message = true;
        let end =
            ["<|end|>", "<|return|>", "<|call|>", START, CHANNEL].iter().filter_map(|mark| piece.find(mark)).min();
        let (body, next) = piece.split_at(end.unwrap_or(piece.len()));
        let channel = header.rsplit_once(CHANNEL).and_then(|(_, channel)| channel.split_whitespace().next());
        if channel.is_none_or(|channel| channel == FINAL) {
            answer.push_str(body);
        } else {
            thinking.push_str(body);
        }
        header = next;
    }
    has_message.then_some((thinking, answer))
}

fn starts_with_ignoring_case(text: &str, mark: &str) -> bool {
    text.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark))
}

/// Where `mark`, which is ASCII, stands in `text`.
fn find_ignoring_case(text: &str, mark: &str) -> Option<usize> {
    text.as_bytes().windows(mark.len()).position(|window| window.eq_ignore_ascii_case(mark.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_of(text: &str) -> (String, String) {
        split(text).unwrap_or_else(|| panic!("{text} begins with thinking"))
    }

    #[test]
    fn thinking_before_an_answer_is_not_part_of_it() {
        let texts = [
            "<think>hm</think>Two years.",
            "<THINK>hm</THINK>\n\nTwo years.",
            "<thinking>\nhm\n</thinking>\nTwo years.",
            "[THINK]hm[/THINK]Two years.",
            "hm</think>Two years.",
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Two years.<|return|>",
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final <|constrain|>text<|message|>Two years.",
            "<|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|message|>Two years.<|end|>",
        ];
        for text in texts {
            let (thinking, answer) = split_of(text);
            assert_eq!((thinking.trim(), answer.trim()), ("hm", "Two years."), "{text}");
        }
        assert_eq!(split_of("<think>a</think><think>b</think>c"), ("a\nb".to_owned(), "c".to_owned()));
    }

    #[test]
    fn thinking_that_was_cut_off_leaves_no_answer() {
        assert_eq!(split_of("<think>They ask about"), ("They ask about".to_owned(), String::new()));
    }

    #[test]
    fn an_answer_about_such_marks_stays_whole() {
        for text in [
            "Write <think>…</think> first.",
            "Close it with `</think>`, then answer.",
            "[thin] ice",
            "<b>Yes</b>",
            "<|start|> opens it.",
        ]
        .into_iter()
        .chain(["Write </think> and then answer.", "The mark \"</think>\" ends it."])
        {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn thinking_that_was_switched_off_leaves_the_answer_alone() {
        let mut messages = [Message::text(Role::Assistant, "<think>\n\n</think>\n\nTwo years.")];
        set_apart(&mut messages);
        assert_eq!(messages[0].parts, [Part::Text { text: "Two years.".to_owned() }]);
    }

    #[test]
    fn only_what_the_model_said_is_taken_apart() {
        let mut messages =
            [Message::text(Role::User, "<think>x</think>y"), Message::text(Role::Assistant, "<think>x</think>y")];
        set_apart(&mut messages);
        assert_eq!(messages[0].parts.len(), 1);
        assert_eq!(messages[1].joined_text().as_deref(), Some("y"));
    }
}
