//! How long a file may be.

use super::source::files_below;

#[test]
fn files_stay_small_enough_to_read() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(files_below)
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(file, lines)| format!("{file} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
