//! What rows of the table ask for that no phrase says.

use super::row::Facts;

/// `Limit 30000, Used 0, Requested 45000`: no wait makes room for it.
pub(super) fn asks_for_more_than_the_limit(facts: &Facts<'_>) -> bool {
    let number_behind = |word: &str| -> Option<f64> {
        facts.words.match_indices(word).find_map(|(at, _)| {
            let behind = facts.words[at + word.len()..].trim_start_matches([' ', ':']);
            let end = behind.find(|letter: char| !letter.is_ascii_digit() && letter != ',').unwrap_or(behind.len());
            behind[..end].replace(',', "").parse().ok()
        })
    };
    number_behind("limit").zip(number_behind("requested")).is_some_and(|(limit, requested)| requested > limit)
}

/// Whether `seed` stands as a word of its own: models are called `seed-oss` and `bytedance-seed/…`.
pub(super) fn names_the_seed(facts: &Facts<'_>) -> bool {
    let is_of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '/' | '_');
    facts.words.match_indices("seed").any(|(at, seed)| {
        let (before, behind) = (&facts.words[..at], &facts.words[at + seed.len()..]);
        !before.ends_with(is_of_name) && !behind.starts_with(is_of_name)
    })
}
