//! The one reader of a verdict that somebody wrote: a judge in its reply, a person on a page, in a file or in an annotation tool.
//! What could mean two points of the scale means none.

use std::borrow::Cow;

use super::label::Label;
use super::numbers::spelt;
use super::words::folded;
use crate::model::{FAIL, PASS, Scale, Score};

/// The answer of a judge that abstains, in the member that otherwise holds the verdict.
const ABSTAIN: [&str; 3] = ["abstain", "abstained", "abstention"];

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Nothing: null, or a word for nothing.
    Nothing,
    /// That there is no verdict.
    Abstention,
    /// A point of the scale.
    Verdict(Score),
}

/// Why what somebody wrote is no point of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misspelt {
    /// It is no spelling of a single verdict.
    NoVerdict,
    /// It is one that the scale does not have.
    OffScale,
}

/// Reads what a judge wrote.
pub fn of_judge(scale: &Scale, label: Option<&Label>) -> Result<Written, Misspelt> {
    let Some(label) = label.filter(|label| !is_nothing(label)) else { return Ok(Written::Nothing) };
    if let Label::Text(text) = label
        && ABSTAIN.contains(&folded(text).as_str())
        && !is_name_of_label(scale, text)
    {
        return Ok(Written::Abstention);
    }
    let score = match scale {
        Scale::Ordinal { levels, .. } => on_numbers(scale, label, levels),
        Scale::Numeric { .. } => on_numbers(scale, label, &[]),
        Scale::Categorical { .. } => on_labels(scale, label),
        Scale::Binary { .. } => binary(scale, label),
    };
    score.map(Written::Verdict)
}

/// Reads what a person wrote: as of a judge, and besides yes or no and its kin in the languages of spreadsheets, as the side of
/// the threshold on every scale that has one. A person who abstains says nothing.
pub fn of_person(scale: &Scale, label: Option<&Label>) -> Result<Option<Score>, Misspelt> {
    let problem = match of_judge(scale, label) {
        Ok(Written::Nothing | Written::Abstention) => return Ok(None),
        Ok(Written::Verdict(score)) => return Ok(Some(score)),
        Err(problem) => problem,
    };
    match label.and_then(Label::flag) {
        Some(side) => on_side(scale, side).map(Some).ok_or(Misspelt::OffScale),
        None => Err(problem),
    }
}

/// The side of a threshold; of categories the only one on that side.
fn on_side(scale: &Scale, side: bool) -> Option<Score> {
    let Scale::Categorical { labels, pass } = scale else { return Score::of_pass(scale, side) };
    let mut on_it = labels.iter().filter(|(name, _)| !pass.is_empty() && pass.contains(name) == side);
    let (only, _) = on_it.next()?;
    Score::of_label(scale, only).filter(|_| on_it.next().is_none())
}

fn is_nothing(label: &Label) -> bool {
    match label {
        Label::Text(text) => matches!(text.trim().to_ascii_lowercase().as_str(), "" | "null" | "none" | "n/a"),
        Label::Number(_) | Label::Flag(_) => false,
    }
}

/// What the scale admits, for whoever writes a verdict to read.
pub fn allowed(scale: &Scale) -> String {
    match scale {
        Scale::Binary { .. } => format!("{PASS}, {FAIL}"),
        Scale::Ordinal { levels, .. } => {
            levels.iter().map(|(level, _)| level.to_string()).collect::<Vec<_>>().join(", ")
        }
        Scale::Categorical { labels, .. } => {
            labels.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ")
        }
        Scale::Numeric { min, max, .. } => format!("a number from {min} to {max}"),
    }
}

fn on_numbers(scale: &Scale, label: &Label, levels: &[(i64, String)]) -> Result<Score, Misspelt> {
    match label {
        Label::Number(number) => Score::of_number(scale, *number).ok_or(Misspelt::OffScale),
        Label::Text(text) => {
            let Some(numbers) = readings(scale, text, levels) else {
                return by_meaning(text, levels.iter().map(|(level, meaning)| (*level as f64, meaning.as_str())))
                    .and_then(|level| Score::of_number(scale, level))
                    .ok_or(Misspelt::NoVerdict);
            };
            let mut admitted: Vec<f64> = numbers.into_iter().filter(|number| scale.admits(*number)).collect();
            admitted.dedup();
            match admitted.as_slice() {
                [number] => Score::of_number(scale, *number).ok_or(Misspelt::OffScale),
                _ => Err(Misspelt::OffScale),
            }
        }
        Label::Flag(_) => Err(Misspelt::NoVerdict),
    }
}

/// The numbers that a text may mean; `None` where it is no spelling of one number: `4`, `4,0`, `**4**`, `4/5` and `4 out of 5`
/// where 5 is the top of the scale, `4 - good`, `Score: 4`, `85%`.
fn readings(scale: &Scale, text: &str, levels: &[(i64, String)]) -> Option<Vec<f64>> {
    let text = after_a_name(bare(text));
    if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        return Some(vec![number]);
    }
    let (number, behind) = leading_number(text)?;
    let mut numbers = spelt(number);
    let mut behind = behind.trim_start();
    if let Some(rest) = behind.strip_prefix('%') {
        numbers = numbers.iter().flat_map(|number| [*number, number / 100.0]).collect();
        behind = rest.trim_start();
    }
    let behind = without_the_top(scale, behind).unwrap_or(behind);
    (!numbers.is_empty() && says_no_other(behind, levels, &numbers)).then_some(numbers)
}

/// The number that `text` begins with, and what follows. A stop or comma behind it is not of the number.
fn leading_number(text: &str) -> Option<(&str, &str)> {
    let signs = usize::from(text.starts_with(['+', '-']));
    let is_of_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',');
    let length = text[signs..].find(|letter| !is_of_number(letter)).unwrap_or(text.len() - signs);
    let number = text[..signs + length].trim_end_matches(['.', ',']);
    number.contains(|letter: char| letter.is_ascii_digit()).then(|| (number, &text[number.len()..]))
}

/// What follows `/5` or `out of 5`, where 5 is the top of the scale.
fn without_the_top<'t>(scale: &Scale, behind: &'t str) -> Option<&'t str> {
    let top = match scale {
        Scale::Ordinal { levels, .. } => levels.last()?.0 as f64,
        Scale::Numeric { max, .. } => *max,
        Scale::Binary { .. } | Scale::Categorical { .. } => return None,
    };
    let rest = ["/", "out of ", "of "].iter().find_map(|mark| behind.strip_prefix(mark))?;
    let (number, rest) = leading_number(rest.trim_start())?;
    (spelt(number) == [top]).then(|| rest.trim_start())
}

/// Whether what stands behind the number adds nothing, or only words on what the number means.
fn says_no_other(behind: &str, levels: &[(i64, String)], numbers: &[f64]) -> bool {
    let said = folded(behind);
    if said.is_empty() {
        // `4+` and `4?` are other things than 4.
        return !behind.contains(['+', '-', '?', '<', '>', '~', '±', '/', '|']);
    }
    if matches!(said.as_str(), "star" | "stars" | "point" | "points") {
        return true;
    }
    let meant = by_meaning(behind, levels.iter().map(|(level, meaning)| (*level as f64, meaning.as_str())));
    match meant {
        Some(level) => numbers == [level],
        None => {
            behind.starts_with(['-', '–', '—', ':', '=', '(', ',', ';', '.'])
                && !behind.contains(|letter: char| letter.is_numeric())
        }
    }
}

/// Without what marks text as strong or as code, and brackets around it.
fn bare(text: &str) -> &str {
    let marks = |letter: char| letter.is_whitespace() || matches!(letter, '*' | '_' | '`' | '"' | '\'' | '“' | '”');
    let mut bare = text.trim_matches(marks);
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inside) = bare.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            bare = inside.trim_matches(marks);
        }
    }
    bare
}

/// `Score: 4` and `level 4` are 4.
fn after_a_name(text: &str) -> &str {
    let name_end = text.find(|letter: char| !letter.is_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let is_name =
        matches!(name.to_ascii_lowercase().as_str(), "score" | "rating" | "level" | "grade" | "label" | "verdict");
    if is_name && !rest.is_empty() { bare(rest.trim_start_matches([':', '=', '#', '*', ' '])) } else { text }
}

fn on_labels(scale: &Scale, label: &Label) -> Result<Score, Misspelt> {
    let text = match label {
        Label::Text(text) => Cow::Borrowed(text.as_str()),
        Label::Flag(_) | Label::Number(_) => label.text(),
    };
    label_of(scale, &text).ok_or(Misspelt::OffScale)
}

/// Whether a label is called so; a label may be described by the word for an abstention and is not it.
fn is_name_of_label(scale: &Scale, text: &str) -> bool {
    matches!(scale, Scale::Categorical { labels, .. } if labels.iter().any(|(name, _)| folded(name) == folded(text)))
}

/// Exactly a label, or a spelling of exactly one: other case and punctuation, its meaning behind it, its meaning alone.
fn label_of(scale: &Scale, text: &str) -> Option<Score> {
    let Scale::Categorical { labels, .. } = scale else { return None };
    let names = || labels.iter().map(|(name, _)| (name.as_str(), name.as_str()));
    let meanings = || labels.iter().map(|(name, meaning)| (name.as_str(), meaning.as_str()));
    if let Some(score) = Score::of_label(scale, text) {
        return Some(score);
    }
    let name = by_meaning(text, names()).or_else(|| by_meaning(after_a_name(bare(text)), names()));
    let name = name.or_else(|| explained(text, names())).or_else(|| by_meaning(text, meanings()));
    Score::of_label(scale, name?)
}

/// `pass`, `fail`, 1, 0, true, false, and spellings of `pass` and `fail`.
fn binary(scale: &Scale, label: &Label) -> Result<Score, Misspelt> {
    let passes = match label {
        Label::Flag(truth) => *truth,
        Label::Number(1.0) => true,
        Label::Number(0.0) => false,
        Label::Number(_) => return Err(Misspelt::OffScale),
        Label::Text(text) => binary_text(scale, text).ok_or(Misspelt::OffScale)?,
    };
    Score::of_pass(scale, passes).ok_or(Misspelt::OffScale)
}

fn binary_text(scale: &Scale, text: &str) -> Option<bool> {
    let Scale::Binary { pass, fail } = scale else { return None };
    let names = [(true, PASS), (true, "passed"), (false, FAIL), (false, "failed")];
    let truths = [(true, "1"), (true, "1.0"), (true, "true"), (false, "0"), (false, "0.0"), (false, "false")];
    by_meaning(text, names.into_iter().chain(truths))
        .or_else(|| by_meaning(after_a_name(bare(text)), names.into_iter()))
        .or_else(|| explained(text, names.into_iter()))
        .or_else(|| by_meaning(text, [(true, pass.as_str()), (false, fail.as_str())].into_iter()))
}

/// The one that is spelt `text` when case and punctuation are left aside.
fn by_meaning<'n, T: PartialEq>(text: &str, spelt: impl Iterator<Item = (T, &'n str)>) -> Option<T> {
    let said = folded(text);
    if said.is_empty() {
        return None;
    }
    let mut alike = spelt.filter(|(_, name)| folded(name) == said).map(|(one, _)| one);
    let first = alike.next()?;
    alike.all(|other| other == first).then_some(first)
}

/// The one whose name stands before a colon, dash or bracket, with something behind that is no other name.
fn explained<'n, T: PartialEq>(text: &str, names: impl Iterator<Item = (T, &'n str)> + Clone) -> Option<T> {
    let bare = bare(text);
    let end = [": ", " - ", " – ", " — ", " (", ":\n"].iter().filter_map(|mark| bare.find(mark)).min()?;
    let (head, behind) = bare.split_at(end);
    let other = by_meaning(behind, names.clone());
    let named = by_meaning(head, names)?;
    other.is_none_or(|other| other == named).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> Scale {
        let meanings = ["bad", "poor", "fair", "good", "best"];
        Scale::ordinal((1..).zip(meanings.map(str::to_owned)).collect(), Some(4)).unwrap()
    }

    fn tools() -> Scale {
        let labels = [("correct", "the right tool"), ("wrong_tool", "another tool"), ("C++", ""), ("C", "")];
        Scale::categorical(labels.map(|(name, meaning)| (name.into(), meaning.into())).into(), vec![]).unwrap()
    }

    fn of(scale: &Scale, text: &str) -> Option<f64> {
        match of_judge(scale, Some(&Label::Text(text.into()))) {
            Ok(Written::Verdict(score)) => score.number(),
            _ => None,
        }
    }

    fn label(scale: &Scale, text: &str) -> Option<String> {
        match of_judge(scale, Some(&Label::Text(text.into()))) {
            Ok(Written::Verdict(score)) => score.label().map(str::to_owned),
            _ => None,
        }
    }

    #[test]
    fn a_level_may_be_spelt_in_every_way_that_means_one_level() {
        for text in [
            "4",
            " 4.0 ",
            "+4",
            "4,0",
            "4,000",
            "**4**",
            "`4`",
            "\"4\"",
            "(4)",
            "4.",
            "4/5",
            "4 / 5",
            "4 out of 5",
            "4 of 5",
            "4/5 stars",
            "4 stars",
            "4 - good",
            "4: good",
            "4 (good)",
            "4 – Good.",
            "4. Good",
            "4 good",
            "4 - mostly right",
            "Score: 4",
            "level 4",
            "Rating = 4/5",
            "**Score:** 4",
            "good",
            "Good.",
        ] {
            assert_eq!(of(&five(), text), Some(4.0), "{text}");
        }
    }

    #[test]
    fn what_may_mean_two_levels_or_none_means_none() {
        for text in [
            "4 or 5",
            "4-5",
            "3/4",
            "80/100",
            "4.5",
            "85",
            "85%",
            "-4",
            "4 - bad",
            "not 4",
            "at least 4",
            ">4",
            "~4",
            "four",
            "4+",
            "NaN",
            "inf",
            "4 5",
            "4 - or rather 5",
            "good or bad",
            "4th",
            "",
        ] {
            assert_eq!(of(&five(), text), None, "{text}");
        }
    }

    #[test]
    fn a_share_may_be_written_with_a_comma_or_in_percent_where_one_is_meant() {
        let unit = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
        assert_eq!(of(&unit, "0,7"), Some(0.7));
        assert_eq!(of(&unit, "0,125"), Some(0.125));
        assert_eq!(of(&unit, "85%"), Some(0.85));
        assert_eq!(of(&unit, "0.7/1"), Some(0.7));
        assert_eq!(of(&unit, "1%"), None, "1 and 0.01 are both on the scale");
        let thousands = Scale::numeric(0.0, 5000.0, None, String::new()).unwrap();
        assert_eq!(of(&thousands, "4,500"), None, "4.5 and 4500 are both on the scale");
        assert_eq!(of(&thousands, "4,50"), Some(4.5));
    }

    #[test]
    fn a_label_may_be_spelt_in_every_way_that_means_one_label() {
        for text in [
            "wrong_tool",
            "Wrong Tool.",
            "**wrong-tool**",
            "wrong_tool: it took another",
            "Label: wrong_tool",
            "another tool",
        ] {
            assert_eq!(label(&tools(), text).as_deref(), Some("wrong_tool"), "{text}");
        }
        assert_eq!(label(&tools(), "C++").as_deref(), Some("C++"));
        for text in ["c", "correct or wrong_tool", "correct: wrong_tool", "tool", "not correct"] {
            assert_eq!(label(&tools(), text), None, "{text}");
        }
    }

    #[test]
    fn pass_and_fail_may_be_spelt_but_not_guessed() {
        let scale = Scale::Binary { pass: "It is grounded.".into(), fail: "It is not.".into() };
        for (text, expected) in [
            ("Pass.", Some(1.0)),
            ("**pass**", Some(1.0)),
            ("PASS ✅", Some(1.0)),
            ("passed", Some(1.0)),
            ("Pass: it is grounded", Some(1.0)),
            ("it is grounded", Some(1.0)),
            ("Verdict: FAIL", Some(0.0)),
            ("failed", Some(0.0)),
            ("0", Some(0.0)),
            ("pass/fail", None),
            ("not pass", None),
            ("yes", None),
            ("no pass", None),
            ("pass - fail", None),
        ] {
            assert_eq!(of(&scale, text), expected, "{text}");
        }
    }

    #[test]
    fn abstaining_is_a_word_of_its_own_unless_a_label_has_it() {
        assert_eq!(of_judge(&five(), Some(&Label::Text("Abstain".into()))), Ok(Written::Abstention));
        let scale = Scale::categorical(vec![("abstain".into(), String::new()), ("vote".into(), String::new())], vec![])
            .unwrap();
        assert_eq!(label(&scale, "abstain").as_deref(), Some("abstain"));
        let described = vec![("skip".into(), "abstain".into()), ("vote".into(), String::new())];
        let scale = Scale::categorical(described, vec![]).unwrap();
        assert_eq!(of_judge(&scale, Some(&Label::Text("abstain".into()))), Ok(Written::Abstention));
        let cased = Scale::categorical(vec![("Abstain".into(), String::new()), ("vote".into(), String::new())], vec![]);
        assert_eq!(label(&cased.unwrap(), "abstain").as_deref(), Some("Abstain"));
    }

    #[test]
    fn a_person_may_say_yes_or_no_in_the_language_of_the_tool() {
        let side = |scale: &Scale, text: &str| match of_person(scale, Some(&Label::Text(text.into()))) {
            Ok(score) => Ok(score.and_then(|score| score.passes())),
            Err(problem) => Err(problem),
        };
        let binary = Scale::Binary { pass: String::new(), fail: String::new() };
        for scale in [&binary, &five()] {
            for text in ["pass", "Yes", " TRUE ", "WAHR", "VRAI", "verdadero", "ja", "👍", "Passed."] {
                assert_eq!(side(scale, text), Ok(Some(true)), "{text}");
            }
            for text in ["fail", "No", "FALSE", "falsch", "FAUX", "non", "👎"] {
                assert_eq!(side(scale, text), Ok(Some(false)), "{text}");
            }
            assert_eq!(side(scale, " "), Ok(None));
            assert!(side(scale, "perhaps").is_err());
        }
        let flag = of_person(&five(), Some(&Label::Flag(true)));
        assert_eq!(flag, Ok(Some(Score::Pass(true))), "a level is not known");
        let range = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
        assert_eq!(side(&range, "yes"), Err(Misspelt::OffScale), "it has no threshold");
    }

    #[test]
    fn yes_is_a_category_only_where_one_alone_passes() {
        let scale = |pass: &[&str]| {
            let labels = ["polite", "neutral", "rude"].map(|label| (label.to_owned(), String::new()));
            Scale::categorical(labels.into(), pass.iter().map(|&name| name.to_owned()).collect()).unwrap()
        };
        let yes = |scale: &Scale, text: &str| of_person(scale, Some(&Label::Text(text.into())));
        assert_eq!(yes(&scale(&["polite"]), "yes").unwrap().unwrap().label(), Some("polite"));
        assert_eq!(yes(&scale(&["polite"]), "no"), Err(Misspelt::OffScale), "two do not pass");
        assert_eq!(yes(&scale(&[]), "yes"), Err(Misspelt::OffScale));
    }
}
