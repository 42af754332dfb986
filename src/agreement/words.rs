//! Words as they are compared, and those that mean yes or no.

/// Words for the passing side: what people and tools write, and what spreadsheets make of a ticked cell where they are used.
const YES: [&str; 29] = [
    "pass",
    "passed",
    "yes",
    "y",
    "true",
    "ok",
    "okay",
    "good",
    "correct",
    "thumbs up",
    "ja",
    "wahr",
    "oui",
    "vrai",
    "si",
    "sí",
    "verdadero",
    "verdadeiro",
    "sim",
    "vero",
    "waar",
    "tak",
    "prawda",
    "sand",
    "sandt",
    "sann",
    "ano",
    "tosi",
    "igaz",
];
/// Words for the failing side.
const NO: [&str; 29] = [
    "fail",
    "failed",
    "no",
    "n",
    "false",
    "not ok",
    "bad",
    "incorrect",
    "wrong",
    "thumbs down",
    "nein",
    "falsch",
    "non",
    "faux",
    "falso",
    "não",
    "nao",
    "nee",
    "onwaar",
    "nie",
    "fałsz",
    "falsk",
    "falskt",
    "nej",
    "nei",
    "ne",
    "nepravda",
    "epätosi",
    "hamis",
];

/// Words in lower case with one space between them, and nothing else.
pub(super) fn folded(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// In lower case, with one space in every place where there are some: what two spellings of one name or category share.
pub fn spelling_key(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The side of a threshold that a word means.
pub(super) fn side_of(text: &str) -> Option<bool> {
    match text.trim() {
        "👍" | "✓" | "✔" | "✔️" | "✅" => return Some(true),
        "👎" | "✗" | "✘" | "❌" => return Some(false),
        _ => {}
    }
    let word = folded(text);
    if YES.contains(&word.as_str()) { Some(true) } else { NO.contains(&word.as_str()).then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_means_both() {
        for word in YES {
            assert!(!NO.contains(&word), "{word}");
            assert_eq!((folded(word).as_str(), side_of(word)), (word, Some(true)));
        }
        for word in NO {
            assert_eq!((folded(word).as_str(), side_of(word)), (word, Some(false)));
        }
    }
}
