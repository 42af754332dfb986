//! `judged doctor`: is everything judged depends on as it should be, and what to do where it is not.

use std::io;
use std::process::ExitCode;

use super::output::Output;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::intake::AmqpConfig;
use crate::config::kafka::KafkaConfig;
use crate::conventions::ContentSwitch;
use crate::error_chain::causes;
use crate::judges::{self, JudgeEnvironment, Judges};
use crate::lifecycle::keys::{self, Keys, PlaceholderOrigin};
use crate::lifecycle::rubric_loader;
use crate::model::{Named as _, ProblemCode};
use crate::pipeline::delivery::sinks::Sink;
use crate::pipeline::delivery::webhooks::Webhook;
use crate::pipeline::intake::{self, IntakeError, Listeners, amqp::AmqpConsumer, kafka::KafkaConsumer};
use crate::privacy::Redactor;
use crate::sampling::{Sampler, rubrics_named};
use crate::secrets::{PUBLIC_SALT, process_variable};
use crate::store::{Installation, ProblemCount, Store};
use crate::web::{self, Access, WebError};

/// How far back problems of the material are looked for, and how many are named.
const READING_DAYS: i64 = 7;
const READING_LINES: usize = 20;

/// Checks configuration, database, broker, judges and sinks, and says what to fix.
///
/// Exit code 1 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Do not call the judges: each call costs a few tokens.
    #[arg(long)]
    no_judges: bool,
}

/// What was found, printed as it is found.
struct Findings<'a> {
    wrong: usize,
    warnings: usize,
    output: &'a mut Output,
}

impl Findings<'_> {
    /// Something that works and should not stay as it is.
    fn warn(&mut self, what: &str, warning: &str) -> io::Result<()> {
        self.warnings += 1;
        self.output.say(format_args!("  WARN   {what:<28}{warning}"))
    }

    fn note(&mut self, what: &str, result: anyhow::Result<String>) -> io::Result<()> {
        match result {
            Ok(detail) => self.output.say(format_args!("  ok     {what:<28}{detail}")),
            Err(error) => {
                self.wrong += 1;
                self.output.say(format_args!("  WRONG  {what:<28}{}", causes(error.as_ref())))
            }
        }
    }
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    output.say("judged doctor\n")?;
    let mut findings = Findings { wrong: 0, warnings: 0, output };
    findings.note("sampling", check_sampling(config))?;
    let store = Store::open(&config.store.url, Clock::system()).await;
    match store {
        Ok(store) => {
            findings.note("store", Ok("reachable, schema up to date".to_owned()))?;
            match store.installation().await {
                Ok(installation) => check_keys(config, &installation, &mut findings)?,
                Err(error) => findings.note("redaction", Err(error.into()))?,
            }
            let rubrics = check_rubrics(config, &store, &mut findings).await;
            findings.note("rubrics", rubrics)?;
            let ledger = check_ledger(&store, &mut findings).await;
            findings.note("ledger", ledger)?;
            check_reading(&store, &mut findings).await?;
            store.close().await;
        }
        Err(error) => findings.note("store", Err(error.into()))?,
    }
    check_listeners(config, &mut findings).await?;
    findings.note("web", check_web(config).await)?;
    if let Some(broker) = &config.intake.amqp {
        check_broker(broker, &mut findings).await?;
    }
    if let Some(kafka) = &config.intake.kafka {
        findings.note("intake.kafka", check_kafka(kafka).await)?;
        if kafka.sasl.is_some() && !kafka.tls {
            findings.warn(
                "intake.kafka",
                "the log-in goes over the network as it is: set tls = true where the brokers speak TLS",
            )?;
        }
    }
    findings.note("proxy", Ok(proxies()))?;
    check_files(config, &mut findings)?;
    check_judges(&args, config, &mut findings).await?;
    for sink in &config.sinks {
        findings.note(&format!("sink {}", sink.name), check_sink(sink).await)?;
    }
    if config.sinks.is_empty() {
        findings.note("sinks", Ok("none configured: scores stay in the store (add [[sinks]])".to_owned()))?;
    }
    check_webhooks(config, &mut findings).await?;
    if findings.wrong == 0 {
        findings.output.say(format_args!("\n{}", all_well(findings.warnings)))?;
        Ok(ExitCode::SUCCESS)
    } else {
        findings.output.say(format_args!("\n{} of these need attention.", findings.wrong))?;
        Ok(ExitCode::FAILURE)
    }
}

/// By which proxies other servers are reached.
fn proxies() -> String {
    match crate::net::proxies_in_use() {
        none if none.is_empty() => "none: other servers are reached directly".to_owned(),
        some => format!("{}; loopback directly", some.join(", ")),
    }
}

/// Warns of files that others than their owner can read.
fn check_files(config: &Config, findings: &mut Findings<'_>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(path) = config.store.url.strip_prefix("sqlite://") else { return Ok(()) };
    let path = path.split('?').next().unwrap_or(path);
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.permissions().mode() & 0o077 != 0 {
        findings.warn("store", &format!("others can read {path}, which holds content: chmod 600 {path}*"))?;
    }
    Ok(())
}

/// The last line where nothing has failed.
fn all_well(warnings: usize) -> String {
    match warnings {
        0 => "Everything is as it should be.".to_owned(),
        1 => "Nothing is wrong; one warning stands above.".to_owned(),
        more => format!("Nothing is wrong; {more} warnings stand above."),
    }
}

fn check_sampling(config: &Config) -> anyhow::Result<String> {
    Sampler::from_config(&config.sampling, PUBLIC_SALT)?;
    for name in rubrics_named(&config.sampling) {
        anyhow::ensure!(
            config.rubrics.enabled.iter().any(|enabled| enabled.split('@').next() == Some(name)),
            "a rule speaks of the rubric `{name}`, which is not in rubrics.enabled"
        );
    }
    let rules = config.sampling.rules.len();
    Ok(format!("{} of the traces, {rules} rule{}", config.sampling.rate.get(), if rules == 1 { "" } else { "s" }))
}

fn check_keys(config: &Config, installation: &Installation, findings: &mut Findings<'_>) -> io::Result<()> {
    findings.note("redaction", check_redaction(config, installation))?;
    if keys::salt(config, installation) == PUBLIC_SALT {
        let remedy = match config.sampling.salt {
            Some(_) => "take sampling.salt out of the configuration",
            None => "run `judged secrets rotate`",
        };
        let warning =
            format!("the salt is the public \"{PUBLIC_SALT}\": who chooses a trace id decides on it; {remedy}");
        findings.warn("sampling", &warning)?;
    }
    let of_earlier_salt = keys::placeholder_origin(config, installation) == PlaceholderOrigin::EarlierSalt;
    if of_earlier_salt && keys::earlier_salt(config, installation) == Some(PUBLIC_SALT) {
        let warning = format!(
            "placeholders are made with the public salt \"{PUBLIC_SALT}\" and can be guessed back; run `judged secrets rotate`"
        );
        findings.warn("redaction", &warning)?;
    }
    Ok(())
}

fn check_redaction(config: &Config, installation: &Installation) -> anyhow::Result<String> {
    Redactor::from_config(&config.privacy, &Keys::new(config, installation)?.placeholders)?;
    let kinds = config.privacy.redact.len();
    Ok(if kinds == 0 { "OFF: content is stored as it comes".to_owned() } else { format!("{kinds} kinds") })
}

async fn check_rubrics(config: &Config, store: &Store, findings: &mut Findings<'_>) -> anyhow::Result<String> {
    let in_use = rubric_loader::look(store, &config.rubrics).await?;
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    rubric_loader::check_judges(&in_use.active, &judges)?;
    for finding in &in_use.findings {
        findings.warn("rubrics", &finding.to_string())?;
    }
    Ok(in_use.active.iter().map(|rubric| rubric.reference()).collect::<Vec<_>>().join(", "))
}

async fn check_ledger(store: &Store, findings: &mut Findings<'_>) -> anyhow::Result<String> {
    let ledger = store.ledger(0).await?;
    anyhow::ensure!(ledger.balanced, "the accounts do not balance; `judged ledger` shows where");
    if let Some(damage) = ledger.damage() {
        findings.warn("damaged traces", &format!("{damage}; `judged ledger` names them; please report it"))?;
    }
    let pending: i64 = ledger.rubrics.iter().map(|account| account.pending).sum();
    let owed: i64 = ledger.deliveries.values().map(|account| account.owed).sum();
    Ok(format!("balances; {pending} evaluations waiting, {owed} scores owed"))
}

/// What weakened evaluations lately, by service, and what to set there.
async fn check_reading(store: &Store, findings: &mut Findings<'_>) -> io::Result<()> {
    let counts = match store.problem_counts(store.now_ms() - READING_DAYS * 24 * 3_600_000).await {
        Ok(counts) => counts,
        Err(error) => return findings.note("reading", Err(error.into())),
    };
    let lines: Vec<(&str, String)> =
        counts.iter().filter_map(|counted| Some((counted.service.as_str(), what_to_set(counted)?))).collect();
    if lines.is_empty() {
        let detail = format!("nothing that could be mended weakened an evaluation in {READING_DAYS} days");
        return findings.note("reading", Ok(detail));
    }
    for (service, warning) in lines.iter().take(READING_LINES) {
        let service = if service.is_empty() { "(no service.name)" } else { service };
        findings.warn(&format!("reading {service}"), warning)?;
    }
    if lines.len() > READING_LINES {
        findings.warn("reading", &format!("{} more; `judged ledger` has them", lines.len() - READING_LINES))?;
    }
    Ok(())
}

/// What happened, how often, and what to do about it; none where nothing can be done.
fn what_to_set(counted: &ProblemCount) -> Option<String> {
    let code = ProblemCode::parse(&counted.code)?;
    let remedy = match code {
        ProblemCode::NotCaptured => {
            let switch = ContentSwitch::named(&counted.instrumentation);
            format!("{}: set {}", switch.instrumentation, switch.set)
        }
        other => other.remedy()?.to_owned(),
    };
    Some(format!("{} ({}×): {}; {remedy}", code.as_str(), counted.subjects, code.meaning()))
}

async fn check_listeners(config: &Config, findings: &mut Findings<'_>) -> io::Result<()> {
    let listeners = match listeners(config).await {
        Ok(Ok(listeners)) => listeners,
        Ok(Err(detail)) => return findings.note("intake.otlp", Ok(detail)),
        Err(error) => return findings.note("intake.otlp", Err(error)),
    };
    let show = |address: Option<std::net::SocketAddr>| address.map_or("off".to_owned(), |address| address.to_string());
    let detail = format!("gRPC {}, HTTP {}", show(listeners.grpc_address()), show(listeners.http_address()));
    findings.note("intake.otlp", Ok(detail))?;
    for exposure in listeners.exposures() {
        findings.warn("intake.otlp", &exposure)?;
    }
    Ok(())
}

/// The receivers, or who has their address.
async fn listeners(config: &Config) -> anyhow::Result<Result<Listeners, String>> {
    let listeners = match intake::bind(&config.intake).await {
        Ok(listeners) => listeners,
        Err(IntakeError::Bind { address, source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
            return Ok(Err(format!("{address} is taken: by a running judged, or by another program")));
        }
        Err(error) => return Err(error.into()),
    };
    anyhow::ensure!(
        !listeners.is_empty(),
        "nothing can come in: http and grpc are off and there is no [intake.amqp] or [intake.kafka]"
    );
    Ok(Ok(listeners))
}

async fn check_web(config: &Config) -> anyhow::Result<String> {
    Access::from_config(&config.web)?;
    match web::bind(&config.web).await {
        Ok(_) => Ok(config.web.listen.to_string()),
        Err(WebError::Bind { address, source }) if source.kind() == io::ErrorKind::AddrInUse => {
            Ok(format!("{address} is taken: by a running judged, or by another program"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn check_broker(config: &AmqpConfig, findings: &mut Findings<'_>) -> io::Result<()> {
    let looked = match AmqpConsumer::new(config.clone()) {
        Ok(consumer) => consumer.check().await.map_err(anyhow::Error::from_boxed),
        Err(error) => Err(error.into()),
    };
    match looked {
        Ok(said) => {
            findings.note("intake.amqp", Ok("reachable".to_owned()))?;
            said.iter().try_for_each(|warning| findings.warn("intake.amqp", warning))
        }
        Err(error) => findings.note("intake.amqp", Err(error)),
    }
}

async fn check_kafka(config: &KafkaConfig) -> anyhow::Result<String> {
    let topics = KafkaConsumer::new(config)?.check().await?;
    Ok(topics.join(", "))
}

async fn check_judges(args: &Args, config: &Config, findings: &mut Findings<'_>) -> io::Result<()> {
    let judges = match Judges::from_config(&config.judges, &JudgeEnvironment::default()) {
        Ok(judges) => judges,
        Err(error) => return findings.note("judges", Err(error.into())),
    };
    if let Some(listed) = judges::doubtful_list(jiff::Timestamp::now())
        && judges.all().any(|judge| judge.is_paid_by_list())
    {
        findings.warn("prices", &format!("the built-in prices are of {listed}: set `prices` where they matter"))?;
    }
    for judge in judges.all() {
        let result = if args.no_judges { Ok("not called".to_owned()) } else { judge.check().await.map_err(Into::into) };
        findings.note(&format!("judge {}", judge.name()), result)?;
    }
    Ok(())
}

async fn check_sink(config: &crate::config::sinks::SinkConfig) -> anyhow::Result<String> {
    let sink = Sink::from_config(config, &process_variable)?;
    sink.check().await?;
    Ok(format!("{} reachable", sink.type_name()))
}

async fn check_webhooks(config: &Config, findings: &mut Findings<'_>) -> io::Result<()> {
    let webhooks = match Webhook::all(&config.alerts, &process_variable) {
        Ok(webhooks) => webhooks,
        Err(error) => return findings.note("webhooks", Err(error.into())),
    };
    for webhook in &webhooks {
        findings.note(&format!("webhook {}", webhook.name()), webhook.check().await.map_err(Into::into))?;
    }
    if webhooks.is_empty() {
        let detail = "none configured: alerts are on the pages and in the metrics only (add [[alerts.webhook]])";
        findings.note("webhooks", Ok(detail.to_owned()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(code: &str, instrumentation: &str) -> ProblemCount {
        let (code, instrumentation) = (code.to_owned(), instrumentation.to_owned());
        ProblemCount { code, service: "shop".to_owned(), instrumentation, subjects: 7 }
    }

    #[test]
    fn all_is_well_only_without_a_warning() {
        assert_eq!(all_well(0), "Everything is as it should be.");
        assert_eq!(all_well(5), "Nothing is wrong; 5 warnings stand above.");
    }

    #[test]
    fn what_to_set_follows_the_instrumentation_and_the_kind_of_loss() {
        let set = |code, instrumentation| what_to_set(&counted(code, instrumentation)).unwrap_or_default();
        assert!(set("not_captured", "Koog").contains("(7×): no answer was recorded; Koog: set `setVerbose(true)`"));
        assert!(set("attributes_dropped", "Koog").ends_with("raise `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`"));
        assert_eq!(set("repeated_span", "Koog"), "", "nothing can be done about it");
        assert_eq!(set("of_a_later_release", "Koog"), "");
    }
}
