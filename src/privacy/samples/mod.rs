//! Hard samples of each kind, and harmless look-alikes: what `docs/privacy.md` measures.

mod contacts;
mod harmless;
mod numbers;
mod secrets;

/// A kind, a text, and what of it must not survive.
pub(super) type Hard = (&'static str, &'static str, &'static [&'static str]);

/// Every hard sample.
pub(super) fn hard() -> impl Iterator<Item = &'static Hard> {
    [contacts::SAMPLES, numbers::SAMPLES, secrets::SAMPLES].into_iter().flatten()
}

/// Every harmless one: sentences, and bare runs of 9 to 12 digits.
pub(super) fn harmless() -> impl Iterator<Item = String> {
    harmless::SAMPLES.iter().map(|text| (*text).to_owned()).chain(digit_runs())
}

/// Two hundred bare runs of 9 to 12 digits, from a generator of our own with a fixed start (Knuth's MMIX constants).
pub(super) fn digit_runs() -> impl Iterator<Item = String> {
    let mut state = 2024u64;
    (0..200).map(move |index| {
        let digits = 9 + index % 4;
        (0..digits)
            .map(|place| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let digit = (state >> 33) % if place == 0 { 9 } else { 10 };
                char::from(b'0' + digit as u8 + u8::from(place == 0))
            })
            .collect()
    })
}
