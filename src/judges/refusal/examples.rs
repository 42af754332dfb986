//! What providers, gateways and local servers have been seen to answer, and the row that reads it.

mod requests;
mod waits;

use super::Refusal;
use super::cause::Cause;
use super::causes::ROWS;

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

#[test]
fn every_row_has_an_example() {
    let without: Vec<&str> =
        ROWS.iter().map(|row| row.name).filter(|name| examples().all(|(_, _, row, _)| row != name)).collect();
    assert!(without.is_empty(), "{without:?}");
}
