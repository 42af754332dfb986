//! Numbers as people and models write them.

/// The numbers that digits with points and commas may mean: `4.5` is one, `4,5` as well; `4,500` may be two.
pub(super) fn spelt(number: &str) -> Vec<f64> {
    if let Ok(number) = number.parse::<f64>() {
        return vec![number];
    }
    let Some((whole, part)) = number.split_once(',') else { return Vec::new() };
    if !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return Vec::new();
    }
    let decimal = format!("{whole}.{part}").parse::<f64>().ok();
    let may_be_thousands = part.len() == 3 && !whole.trim_start_matches(['+', '-']).starts_with('0');
    let thousands = may_be_thousands.then(|| format!("{whole}{part}").parse::<f64>().ok()).flatten();
    decimal.into_iter().chain(thousands).collect()
}
