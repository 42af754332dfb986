//! Texts as sets of content words. Pure and fast: a word is a 64-bit hash.

use std::ops::ControlFlow;

/// English words that say nothing about a subject, sorted.
const STOP_WORDS: [&str; 131] = [
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do", "does",
    "doing", "don", "down", "during", "each", "few", "for", "from", "further", "had", "has", "have", "having", "he",
    "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "let", "ll", "may",
    "me", "might", "more", "most", "must", "my", "no", "nor", "not", "now", "of", "off", "on", "once", "only", "or",
    "other", "our", "ours", "out", "over", "own", "please", "re", "s", "same", "she", "should", "so", "some", "such",
    "t", "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those",
    "through", "to", "too", "under", "until", "up", "us", "ve", "very", "was", "we", "were", "what", "when", "where",
    "which", "while", "who", "whom", "why", "will", "with", "would", "yes", "you", "your", "yours",
];

/// A content word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// As it is written.
    pub text: &'a str,
    /// The same for all inflections that the simple stemmer knows.
    pub hash: u64,
    /// Whether it is a number: a wrong one is a wrong claim.
    pub is_number: bool,
}

/// The set of a text's content words.
#[derive(Debug, Clone, Default)]
pub(super) struct WordSet(Vec<u64>);

impl WordSet {
    /// The words of all `texts` together.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hashes = Vec::new();
        for text in texts {
            each_word(text, |word| {
                hashes.push(word.hash);
                ControlFlow::Continue(())
            });
        }
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// Whether `hash` is in the set.
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }

    /// How many different words there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Calls `visit` for each content word of `text` until it breaks off.
pub(super) fn each_word<'a>(text: &'a str, mut visit: impl FnMut(Word<'a>) -> ControlFlow<()>) {
    let mut characters = text.char_indices().peekable();
    let mut folded = String::new();
    while let Some((start, first)) = characters.next() {
        if !first.is_alphanumeric() {
            continue;
        }
        let step = if is_unspaced(first) {
            unspaced_pair(text, start, first, characters.peek().copied())
        } else {
            let mut end = start + first.len_utf8();
            let is_number = first.is_numeric();
            while let Some(&(at, next)) = characters.peek() {
                let continues = next.is_alphanumeric() && !is_unspaced(next)
                    || is_number && matches!(next, '.' | ',') && digit_follows(text, at);
                if !continues {
                    break;
                }
                end = at + next.len_utf8();
                characters.next();
            }
            content_word(&text[start..end], is_number, &mut folded)
        };
        if let Some(word) = step
            && visit(word).is_break()
        {
            return;
        }
    }
}

fn digit_follows(text: &str, separator_at: usize) -> bool {
    text.as_bytes().get(separator_at + 1).is_some_and(u8::is_ascii_digit)
}

/// Scripts written without spaces (Han, Kana) or with particles attached (Hangul) are compared by pairs of characters.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

fn unspaced_pair(text: &str, start: usize, first: char, next: Option<(usize, char)>) -> Option<Word<'_>> {
    let (at, second) = next.filter(|(_, second)| is_unspaced(*second))?;
    debug_assert_eq!(at, start + first.len_utf8());
    let pair = &text[start..at + second.len_utf8()];
    Some(Word { text: pair, hash: hash(pair.bytes()), is_number: false })
}

fn content_word<'a>(text: &'a str, is_number: bool, folded: &mut String) -> Option<Word<'a>> {
    if is_number {
        // 1,000 is 1000.
        return Some(Word { text, hash: hash(text.bytes().filter(|byte| *byte != b',')), is_number });
    }
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
    if STOP_WORDS.binary_search(&folded.as_str()).is_ok() {
        return None;
    }
    Some(Word { text, hash: hash(stem(folded).bytes()), is_number })
}

/// Takes common English endings off, so that "cancelled", "cancelling" and "cancels" meet.
fn stem(word: &str) -> &str {
    if !word.is_ascii() {
        return word;
    }
    let stem = ["ing", "ies", "ed", "es", "s", "y"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 3))
        .filter(|_| !word.ends_with("ss"))
        .unwrap_or(word);
    let bytes = stem.as_bytes();
    match bytes {
        // cancell-ed, stopp-ing; "kill" loses a letter in every form.
        [.., a, b] if a == b && stem.len() > 3 => &stem[..stem.len() - 1],
        // cancel-e in one form, nothing in the other: subscribe, subscrib-ing
        [.., b'e'] if stem.len() > 3 => &stem[..stem.len() - 1],
        _ => stem,
    }
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        each_word(text, |word| {
            words.push(word.text);
            ControlFlow::Continue(())
        });
        words
    }

    fn same(one: &str, other: &str) -> bool {
        let (one, other) = (WordSet::of([one]), WordSet::of([other]));
        one.0 == other.0
    }

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn content_words_remain() {
        assert_eq!(
            words("What is the refund-policy of the Zürich store, in 3.5 days?"),
            ["refund", "policy", "Zürich", "store", "3.5", "days"]
        );
        assert_eq!(words("It costs 1,000. Really?"), ["costs", "1,000", "Really"]);
        assert_eq!(words(""), Vec::<&str>::new());
    }

    #[test]
    fn inflections_meet_and_different_words_do_not() {
        for (one, other) in [
            ("cancelled", "cancel"),
            ("cancelling", "cancels"),
            ("policies", "policy"),
            ("subscribing", "subscribe"),
            ("REFUNDED", "refunds"),
            ("1,000", "1000"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [("1000", "100"), ("glass", "glue"), ("Paris", "London"), ("3.5", "35")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn unspaced_scripts_are_compared_by_pairs() {
        assert_eq!(words("返品は30日以内"), ["返品", "品は", "30", "日以", "以内"]);
    }

    proptest! {
        #[test]
        fn every_word_is_a_piece_of_the_text(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && text.contains(word));
            }
        }
    }
}
