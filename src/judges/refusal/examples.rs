//! What providers, gateways and local servers have been seen to answer, and the row that reads it.

mod requests;
mod waits;

use super::Refusal;
use super::cause::Cause;
use super::causes::{ROWS, deciding};
use super::row::{Facts, Row};

/// Status, body, the row that decides (none for what is not known), and the cause.
type Example = (u16, &'static str, &'static str, Cause);

fn examples() -> impl Iterator<Item = &'static Example> {
    waits::EXAMPLES.iter().chain(requests::EXAMPLES)
}

#[test]
fn what_endpoints_say_is_read_by_the_row_for_it() {
    let mut wrong = Vec::new();
    for (status, body, row, cause) in examples() {
        let refusal = Refusal::read(*status, None, body.as_bytes(), jiff::Timestamp::UNIX_EPOCH);
        let decided = if refusal.cause == Cause::Unknown { "" } else { refusal.read_as };
        if decided != *row || refusal.cause != *cause {
            wrong.push(format!(
                "{status} {body}\n  expected `{row}`, {cause:?}; read by `{decided}`, {:?}",
                refusal.cause
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a row reads is read by it at some status, alone or beside words that keep an earlier row from it.
#[test]
fn no_phrase_is_read_by_an_earlier_row_whatever_the_status() {
    let besides: Vec<&str> = ROWS.iter().flat_map(Row::excluding).copied().chain([""]).collect();
    let mut dead = Vec::new();
    for row in ROWS {
        for (phrase, statuses, words) in row.sayings() {
            let holds = |beside: &str, of: &dyn Fn(&Facts<'_>) -> bool| {
                let words = format!("{words} {beside}");
                let facts = |status: &u16| Facts { status: *status, codes: &[], words: &words, says_wait: true };
                statuses.iter().any(|status| of(&facts(status)))
            };
            let decides = |facts: &Facts<'_>| deciding(facts).is_some_and(|decides| decides.name == row.name);
            // A row that also asks for numbers is tried by its examples.
            if holds("", &|facts| row.fits(facts)) && !besides.iter().any(|beside| holds(beside, &decides)) {
                dead.push(format!("{}: {phrase}", row.name));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn every_row_has_an_example() {
    let without: Vec<&str> =
        ROWS.iter().map(|row| row.name).filter(|name| examples().all(|(_, _, row, _)| row != name)).collect();
    assert!(without.is_empty(), "{without:?}");
}
