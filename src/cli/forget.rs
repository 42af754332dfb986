//! `judged forget`: what belongs to a trace, a conversation or a person.

use std::process::ExitCode;

use super::acting;
use super::exit::{Usage, success_if};
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table, count};
use crate::config::Config;
use crate::forgetting::{Forgetting, Whose, forget};
use crate::lifecycle::keys::Keys;
use crate::model::IdError;
use crate::privacy::Redactor;
use crate::store::SentTrace;

/// Forgets what belongs to a trace, a conversation or a person: content, rationales and what is owed to sinks go; scores stay, under ids
/// that lead nowhere.
///
/// A person is found by the user id of the spans, while these are stored. What arrives later is kept again. Exit code 1 when nothing is
/// stored of it.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub(super) struct Args {
    /// The id of a trace: 32 hexadecimal digits.
    #[arg(long, group = "whose", value_name = "ID")]
    trace: Option<String>,
    /// The id of a conversation, as its sender gives it.
    #[arg(long, group = "whose", value_name = "ID")]
    session: Option<String>,
    /// The id of a person, as senders give it.
    #[arg(long, group = "whose", value_name = "ID")]
    user: Option<String>,
    /// Says what would be forgotten, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let whose = match (args.trace, args.session, args.user) {
        (Some(id), ..) => Whose::Trace(id.parse().map_err(|error: IdError| Usage(format!("--trace: {error}")))?),
        (_, Some(id), _) => Whose::Session(id),
        (.., Some(id)) => Whose::User(id),
        (None, None, None) => return Err(Usage("say --trace, --session or --user".to_owned()).into()),
    };
    let store = open_existing_store(config).await?;
    let keys = Keys::new(config, &store.installation().await?)?;
    let redactor = Redactor::from_config(&config.privacy, &keys.placeholders)?;
    let forgetting = forget(&store, &redactor, &whose, &acting::actor(), args.dry_run).await?;
    store.close().await;
    match args.format {
        Format::Json => output.json(JsonFormat::Forget, &forgetting)?,
        Format::Table => output.text(&render(&forgetting))?,
    }
    Ok(success_if(forgetting.forgotten.traces > 0))
}

fn render(forgetting: &Forgetting) -> String {
    let forgotten = &forgetting.forgotten;
    let mut text = String::new();
    if forgotten.traces == 0 {
        text += "Nothing is stored of it.\n";
    } else {
        text += if forgetting.dry_run { "This would be forgotten:\n" } else { "This is forgotten:\n" };
        let mut table = Table::new(&["", ""]);
        for (what, number) in [
            ("traces", forgotten.traces),
            ("conversations", forgotten.sessions),
            ("conversations in part", forgotten.sessions_in_part),
            ("contents", forgotten.subjects),
            ("evaluations that keep their score only", forgotten.evaluations),
            ("labels that keep their score only", forgotten.labels),
            ("evaluations that are not made", forgotten.pending),
            ("scores that are not sent", forgotten.owed),
        ] {
            table.row(vec![what.to_owned(), count(number as i64)]);
        }
        text += &table.render();
    }
    if !forgotten.in_backends.is_empty() {
        text += "\nScores that backends hold; have them deleted there:\n";
        for SentTrace { trace_id, sinks } in &forgotten.in_backends {
            let sinks: Vec<&str> = sinks.iter().map(String::as_str).collect();
            text += &format!("  {trace_id}  {}\n", sinks.join(", "));
        }
    }
    if let Some(unknown) = &forgetting.unknown {
        text += &format!(
            "\nNot looked into: {} traces that retention has emptied, and {} that cannot be read; whose they are is not known.\n",
            count(unknown.emptied as i64),
            count(unknown.unreadable as i64)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forgetting::Unknown;
    use crate::store::ForgottenForGood;

    #[test]
    fn what_is_left_to_do_is_said() {
        let sent = SentTrace {
            trace_id: "00000000000000000000000000000007".to_owned(),
            sinks: ["mlflow".to_owned(), "otel".to_owned()].into(),
        };
        let forgotten =
            ForgottenForGood { traces: 1, subjects: 2, evaluations: 3, in_backends: vec![sent], ..Default::default() };
        let unknown = Some(Unknown { emptied: 4, unreadable: 0 });
        insta::assert_snapshot!(render(&Forgetting { dry_run: true, forgotten, unknown }));
        let nothing = Forgetting { dry_run: false, forgotten: ForgottenForGood::default(), unknown: None };
        assert_eq!(render(&nothing), "Nothing is stored of it.\n");
    }
}
