//! `judged ledger`: the accounts, and whether they balance.

use std::process::ExitCode;

use super::arguments::TimeArg;
use super::exit::success_if;
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table, count};
use crate::config::Config;
use crate::store::{
    AccountDifference, DamagedTrace, EvaluationAccount, IntakeAccount, Ledger, LedgerProof, ProblemCount, Store,
    TraceAccount,
};

/// Problems that people are shown.
const PROBLEMS: usize = 20;

/// Prints both accounts of the ledger and whether they balance.
///
/// Exit code 1 when an account does not balance, or a kept total is not what the rows come to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only what happened since: `24h`, `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// Holds the totals that are kept against every stored row: takes as long as there are rows. Prints nothing else.
    #[arg(long, conflicts_with = "since")]
    verify: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    if args.verify {
        return verify(&store, args.format, output).await;
    }
    let since_ms = args.since.map_or(0, |since| since.ms(store.now_ms()));
    let ledger = store.ledger(since_ms).await?;
    store.close().await;
    match args.format {
        Format::Json => output.json(JsonFormat::Ledger, &ledger)?,
        Format::Table => output.text(&render(&ledger))?,
    }
    Ok(success_if(ledger.balanced))
}

async fn verify(store: &Store, format: Format, output: &mut Output) -> anyhow::Result<ExitCode> {
    let proof = store.verify_ledger().await?;
    store.close().await;
    match format {
        Format::Json => output.json(JsonFormat::LedgerProof, &proof)?,
        Format::Table => output.text(&proof_text(&proof))?,
    }
    Ok(success_if(!matches!(proof, LedgerProof::Differs { .. })))
}

fn proof_text(proof: &LedgerProof) -> String {
    match proof {
        LedgerProof::Equal { evaluations, traces, deliveries } => format!(
            "The kept totals are what {} stored evaluations, {} traces and {} deliveries come to.\n",
            count(*evaluations),
            count(*traces),
            count(*deliveries)
        ),
        LedgerProof::NotKeptYet => "The totals are still being built; the ledger is summed over all rows meanwhile. \
             A running judged builds them.\n"
            .to_owned(),
        LedgerProof::Differs { accounts, traces_and_deliveries } => {
            let mut table = Table::new(&["of", "judge", "outcome", "kept", "stored"]);
            for account in accounts {
                let AccountDifference { rubric, version, judge, outcome, reason, kept, stored } = account;
                let outcome = format!("{} {reason}", outcome.as_str());
                let name = format!("{rubric} v{version}");
                table.row(vec![name, judge.clone(), outcome.trim().to_owned(), count(*kept), count(*stored)]);
            }
            for difference in traces_and_deliveries {
                let of = difference.sink.as_ref().map_or_else(|| "traces".to_owned(), |sink| format!("sink {sink}"));
                let numbers = [difference.kept, difference.stored].map(count);
                table.row([of, String::new(), difference.total.replace('_', " ")].into_iter().chain(numbers).collect());
            }
            table.render()
                + "\nTHE KEPT TOTALS ARE NOT WHAT IS STORED: please report this; `judged calibration rebuild` makes them anew.\n"
        }
    }
}

/// The ledger for people.
pub(super) fn render(ledger: &Ledger) -> String {
    let mut text = String::from("Intake\n");
    let mut intake = Table::new(&["", "received", "kept", "sampled out", "duplicate", "own", "rejected", ""]);
    intake.row(intake_row("spans", &ledger.intake));
    if ledger.logs.received > 0 {
        intake.row(intake_row("log records", &ledger.logs));
    }
    text += &intake.render();
    text += &own_parts(&[ledger.intake, ledger.logs]);
    for (topic, records) in &ledger.lost {
        text += &format!(
            "    LOST: {} records of {topic}, removed by Kafka's retention before they were read\n",
            count(*records)
        );
    }

    text += "\nTraces\n";
    let mut traces = Table::new(&["", "kept", "waiting", "assembled", "damaged", ""]);
    traces.row(trace_row(&ledger.traces));
    text += &traces.render();
    text += &damaged(&ledger.damaged_traces);

    text += "\nEvaluation\n";
    if ledger.rubrics.is_empty() {
        text += "  no subject has been planned yet\n";
    } else {
        let mut evaluation = Table::new(&[
            "rubric",
            "judge",
            "subjects",
            "scored",
            "abstained",
            "refused",
            "failed",
            "pending",
            "expired",
            "superseded",
            "sampled out",
            "filtered",
            "",
        ]);
        for account in &ledger.rubrics {
            evaluation.row(evaluation_row(account));
        }
        text += &evaluation.render();
        for account in ledger.rubrics.iter().filter(|account| !account.filtered.is_empty()) {
            let reasons: Vec<String> =
                account.filtered.iter().map(|(reason, number)| format!("{reason} {}", count(*number))).collect();
            text += &format!("    {} v{} filtered: {}\n", account.rubric, account.version, reasons.join(", "));
        }
    }

    if !ledger.deliveries.is_empty() {
        text += "\nDelivery\n";
        let mut delivery = Table::new(&["sink", "owed", "sent", "given up"]);
        for (sink, account) in &ledger.deliveries {
            delivery.row(vec![sink.clone(), count(account.owed), count(account.sent), count(account.given_up)]);
        }
        text += &delivery.render();
    }
    if !ledger.problems.is_empty() {
        text += "\nProblems\n";
        text += &problems(&ledger.problems);
    }
    text += if ledger.balanced {
        "\nThe accounts balance.\n"
    } else {
        "\nTHE ACCOUNTS DO NOT BALANCE: please report this.\n"
    };
    text
}

/// What weakened evaluations, most first.
fn problems(counts: &[ProblemCount]) -> String {
    let mut table = Table::new(&["problem", "service", "instrumentation", "subjects"]);
    for counted in counts.iter().take(PROBLEMS) {
        table.row(vec![
            counted.code.clone(),
            counted.service.clone(),
            counted.instrumentation.clone(),
            count(counted.subjects),
        ]);
    }
    let mut text = table.render();
    if counts.len() > PROBLEMS {
        text += &format!("    and {} more; `--format json` has all of them\n", counts.len() - PROBLEMS);
    }
    text + "    `judged doctor` says what to set\n"
}

/// The traces that were set aside.
fn damaged(traces: &[DamagedTrace]) -> String {
    let line = |trace: &DamagedTrace| format!("    {} was set aside: {}\n", trace.trace_id, trace.why);
    traces.iter().map(line).collect()
}

fn balance_mark(balances: bool) -> String {
    if balances { "balances" } else { "DOES NOT BALANCE" }.to_owned()
}

fn intake_row(name: &str, account: &IntakeAccount) -> Vec<String> {
    let numbers =
        [account.received, account.kept, account.sampled_out, account.duplicate, account.own, account.rejected];
    let mut row = vec![name.to_owned()];
    row.extend(numbers.map(count));
    row.push(balance_mark(account.balances()));
    row
}

fn trace_row(account: &TraceAccount) -> Vec<String> {
    let mut row = vec!["traces".to_owned()];
    row.extend([account.kept, account.waiting, account.assembled, account.damaged].map(count));
    row.push(balance_mark(account.balances()));
    row
}

/// What is counted apart of `own`; nothing when all of it is judged's, marked.
fn own_parts(accounts: &[IntakeAccount]) -> String {
    let other_evaluators: i64 = accounts.iter().map(|account| account.other_evaluators).sum();
    let unmarked: i64 = accounts.iter().map(|account| account.own_unmarked).sum();
    let mut text = String::new();
    if other_evaluators > 0 {
        text += &format!("    own: {} of other evaluators\n", count(other_evaluators));
    }
    if unmarked > 0 {
        text += &format!(
            "    own: {} under the name judged without an evaluation's id; is a sender called judged?\n",
            count(unmarked)
        );
    }
    text
}

fn evaluation_row(account: &EvaluationAccount) -> Vec<String> {
    let mut row = vec![format!("{} v{}", account.rubric, account.version), account.judge.clone()];
    row.extend(
        [
            account.subjects,
            account.scored,
            account.abstained,
            account.refused,
            account.failed,
            account.pending,
            account.expired,
            account.superseded,
            account.sampled_out,
            account.filtered.values().sum(),
        ]
        .map(count),
    );
    row.push(balance_mark(account.balances()));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_for_other_reasons_than_being_marked_is_said() {
        let account = IntakeAccount { own: 9, own_unmarked: 2, other_evaluators: 4, ..IntakeAccount::default() };
        let said = own_parts(&[account, IntakeAccount { own_unmarked: 1, ..account }]);
        assert!(said.contains("8 of other evaluators") && said.contains("3 under the name judged"), "{said}");
        assert_eq!(own_parts(&[IntakeAccount { own: 9, ..IntakeAccount::default() }]), "");
    }

    #[test]
    fn an_account_that_does_not_balance_says_so_loudly() {
        let intake = IntakeAccount { received: 10, kept: 2, sampled_out: 7, ..IntakeAccount::default() };
        let ledger = Ledger {
            balanced: intake.balances(),
            intake,
            logs: IntakeAccount::default(),
            traces: TraceAccount::default(),
            rubrics: Vec::new(),
            deliveries: [].into(),
            problems: Vec::new(),
            lost: [("otlp_spans".to_owned(), 600)].into(),
            damaged_traces: Vec::new(),
        };
        let said = render(&ledger);
        assert!(said.contains("DOES NOT BALANCE") && said.contains("LOST: 600 records of otlp_spans"), "{said}");
    }

    #[test]
    fn a_trace_that_was_set_aside_is_named_with_the_reason() {
        let why = "it panicked, at src/x.rs:1:2".to_owned();
        let trace = DamagedTrace { trace_id: "00000000000000000000000000000007".to_owned(), first_seen_ms: 1, why };
        assert_eq!(
            damaged(&[trace]),
            "    00000000000000000000000000000007 was set aside: it panicked, at src/x.rs:1:2\n"
        );
    }

    #[test]
    fn a_trace_that_nobody_will_look_at_again_is_an_imbalance() {
        let account = TraceAccount { kept: 5, waiting: 1, assembled: 3, damaged: 1 };
        assert!(account.balances());
        assert!(trace_row(&TraceAccount { kept: 6, ..account }).contains(&"DOES NOT BALANCE".to_owned()));
    }
}
