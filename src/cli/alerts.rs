//! `judged alerts`: what moved and is not settled.

use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;

use super::acting;
use super::exit::{Usage, success_if};
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table, minute};
use crate::config::Config;
use crate::error_chain::causes;
use crate::model::{Alert, AlertChange, AlertId, AlertState};
use crate::pipeline::delivery::webhooks::{self, Webhook};
use crate::secrets::process_variable;
use crate::store::{AlertDeliveryState, AuditAction, Store};

/// Lists alerts, and says that somebody has looked at one or that it is over.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints the alerts that are not over.
    List {
        /// Those that are over as well.
        #[arg(long)]
        all: bool,
        /// How to print them.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Says that somebody looks after an alert.
    Acknowledge(Settle),
    /// Says that an alert is over. It stays so until something moves after this moment.
    Resolve(Settle),
    /// Sends a made-up alert to the webhooks, once, and says what they answer.
    ///
    /// Exit code 1 when one does not take it.
    Test {
        /// Only to this webhook.
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Settle {
    /// The alert, or as much of its beginning as no other has.
    id: String,
    /// Who says so.
    #[arg(long, env = "USER", default_value = "somebody")]
    by: String,
}

/// Prints or changes.
pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    if let Action::Test { webhook } = &args.action {
        return test(config, webhook.as_deref(), output).await;
    }
    let store = open_existing_store(config).await?;
    let result = act(&store, config, args.action, output).await;
    store.close().await;
    result
}

async fn act(store: &Store, config: &Config, action: Action, output: &mut Output) -> anyhow::Result<ExitCode> {
    match action {
        Action::List { all, format } => list(store, all, format, output).await,
        Action::Acknowledge(settle) => {
            let now_ms = store.now_ms();
            let action = AuditAction::AlertAcknowledged;
            change(store, config, &settle, action, &|alert| alert.acknowledged(&settle.by, now_ms), output).await
        }
        Action::Resolve(settle) => {
            let now_ms = store.now_ms();
            let action = AuditAction::AlertResolved;
            change(store, config, &settle, action, &|alert| alert.resolved(Some(&settle.by), now_ms), output).await
        }
        Action::Test { webhook } => test(config, webhook.as_deref(), output).await,
    }
}

/// An alert and how far the messages about it are.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    alert: Alert,
    deliveries: Vec<AlertDeliveryState>,
}

async fn list(store: &Store, all: bool, format: Format, output: &mut Output) -> anyhow::Result<ExitCode> {
    let alerts = if all { store.alerts().await? } else { store.unresolved_alerts().await? };
    match format {
        Format::Json => {
            let mut states = store.alert_delivery_states(&alerts).await?;
            let listed: Vec<Listed> = alerts
                .into_iter()
                .map(|alert| Listed { deliveries: states.remove(&alert.id).unwrap_or_default(), alert })
                .collect();
            output.json(JsonFormat::Alerts, &serde_json::json!({ "alerts": listed }))?;
        }
        Format::Table => output.text(&render(&alerts, all))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(alerts: &[Alert], all: bool) -> String {
    if alerts.is_empty() {
        return if all { "There was no alert yet.\n" } else { "No alert is open.\n" }.to_owned();
    }
    let mut table = Table::new(&["alert", "state", "first seen", "judge", "what moved", "what to do"]);
    for alert in alerts {
        let finding = &alert.finding;
        table.row(vec![
            short(alert.id),
            state(alert),
            minute(alert.first_seen_ms),
            finding.judge.clone(),
            finding.summary(),
            finding.advice.clone(),
        ]);
    }
    table.render()
}

fn state(alert: &Alert) -> String {
    match (alert.state, &alert.acknowledged_by, &alert.resolved_by) {
        (AlertState::Acknowledged, Some(by), _) => format!("acknowledged by {by}"),
        (AlertState::Resolved, _, Some(by)) => format!("resolved by {by}"),
        (state, ..) => state.as_str().to_owned(),
    }
}

/// As much of an id as a person wants to type.
fn short(id: AlertId) -> String {
    id.to_string().chars().take(8).collect()
}

/// The one alert whose id begins so.
fn find(alerts: &[Alert], id: &str) -> Result<AlertId, Usage> {
    let wanted = id.trim().to_lowercase();
    let mut found = alerts.iter().filter(|alert| !wanted.is_empty() && alert.id.to_string().starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(alert), None) => Ok(alert.id),
        (None, _) => Err(Usage(format!("there is no alert `{id}`; `judged alerts list --all` shows them"))),
        (Some(_), Some(_)) => Err(Usage(format!("several alerts begin with `{id}`; write more of it"))),
    }
}

async fn change(
    store: &Store,
    config: &Config,
    settle: &Settle,
    action: AuditAction,
    decide: &(dyn Fn(Alert) -> Option<AlertChange> + Sync),
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let id = find(&store.alerts().await?, &settle.id)?;
    let routes = webhooks::routes(&config.alerts);
    match store.change_alert(id, &routes, decide).await? {
        Some((alert, true)) => {
            acting::note(store, action, &id.to_string(), &format!("by {}", settle.by)).await?;
            output.say(format_args!("{} is {}: {}", short(id), state(&alert), alert.finding.summary()))?;
        }
        Some((alert, false)) => output.say(format_args!("{} stays as it was: {}", short(id), state(&alert)))?,
        None => return Err(Usage(format!("the alert {id} is gone")).into()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(config: &Config, only: Option<&str>, output: &mut Output) -> anyhow::Result<ExitCode> {
    let webhooks = Webhook::all(&config.alerts, &process_variable)?;
    let chosen: Vec<_> = webhooks.iter().filter(|webhook| only.is_none_or(|name| name == webhook.name())).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = webhooks.iter().map(|webhook| webhook.name()).collect();
        return Err(match only {
            Some(name) => Usage(format!("there is no webhook `{name}`; there are: {}", known.join(", "))),
            None => Usage("no webhook is configured; add [[alerts.webhook]]".to_owned()),
        }
        .into());
    }
    let now_ms = crate::clock::Clock::system().now_ms();
    let mut well = true;
    for webhook in chosen {
        match webhook.send_test(now_ms).await {
            Ok(()) => output.say(format_args!("  sent   {}", webhook.name()))?,
            Err(error) => {
                well = false;
                output.say(format_args!("  WRONG  {}: {}", webhook.name(), causes(&error)))?;
            }
        }
    }
    Ok(success_if(well))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DriftKind;

    fn alerts() -> Vec<Alert> {
        [DriftKind::Agreement, DriftKind::Judge]
            .map(|kind| {
                let mut finding = webhooks::sample(1_767_225_600_000).finding;
                finding.kind = kind;
                Alert::open(finding, 1_767_312_000_000)
            })
            .into()
    }

    #[test]
    fn an_alert_is_found_by_the_beginning_of_its_id() {
        let alerts = alerts();
        assert_eq!(find(&alerts, &short(alerts[1].id)).unwrap(), alerts[1].id);
        assert!(find(&alerts, "").is_err());
        assert!(find(&alerts, "zzzz").unwrap_err().to_string().contains("there is no alert `zzzz`"));
    }

    #[test]
    fn a_list_says_what_moved_and_what_to_do() {
        let mut alerts = alerts();
        alerts[1] = alerts[1].clone().acknowledged("ada", 1_767_312_000_001).unwrap().alert;
        let text = render(&alerts, false);
        assert!(text.contains("acknowledged by ada") && text.contains("2026-01-02 00:00"), "{text}");
        assert!(text.contains("agreement with people moved by"), "{text}");
        assert_eq!(render(&[], false), "No alert is open.\n");
    }
}
