//! What a mistyped word was meant to be.

/// Which known word was probably meant by `word`, if any is near enough.
pub(super) fn nearest<T: AsRef<str>>(word: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let known: Vec<T> = known.into_iter().collect();
    let words: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let meant = similar::get_close_matches(word, &words, 1, 0.6).first().copied()?;
    let position = words.iter().position(|known| *known == meant)?;
    known.into_iter().nth(position)
}
