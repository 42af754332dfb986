//! `judged secrets`: which keys there are and where they come from, and new ones.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use super::acting;
use super::exit::Usage;
use super::open_store::open_existing_store;
use super::output::{Output, Table};
use crate::config::Config;
use crate::lifecycle::keys::{self, PlaceholderOrigin, SaltOrigin};
use crate::secrets::PUBLIC_SALT;
use crate::store::{AuditAction, Installation};

/// Shows which keys there are and where they come from, and makes new ones.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints which keys there are, where each comes from and since when; never the keys.
    Show,
    /// Makes a new secret and a new sampling salt in the database.
    Rotate {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// What a rotation changes, before anybody agrees to it.
const CONSEQUENCES: &str = "\
This makes a new secret and a new sampling salt in the database. From then on
  - other traces are drawn (unless sampling.salt is set); traces under way keep the probability they were first seen with
  - the same address gets another placeholder than before (unless privacy.key_env or privacy.key_file is set)
  - prompts get other keys for their data blocks, and forms of the labelling page that are open must be loaded again
Workers read the keys when they start, and the database does not know which workers run: stop all of them first, those of
earlier versions too, and start them afterwards. Workers with different keys draw different traces.
";

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    match args.action {
        Action::Show => output.text(&shown(config, &store.installation().await?))?,
        Action::Rotate { yes } => {
            if !yes && !agreed(output)? {
                output.say("Nothing was changed.")?;
                return Ok(ExitCode::FAILURE);
            }
            let installation = store.rotate_installation().await?;
            acting::note(&store, AuditAction::SecretsRotated, "", "").await?;
            output.say("There are new keys; start the workers again.\n")?;
            output.text(&shown(config, &installation))?;
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn agreed(output: &mut Output) -> anyhow::Result<bool> {
    output.text(CONSEQUENCES)?;
    if !std::io::stdin().is_terminal() {
        return Err(Usage("nobody is there to ask; say --yes to do it".to_owned()).into());
    }
    output.text("Go on? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn shown(config: &Config, installation: &Installation) -> String {
    let since = Timestamp::from_millisecond(installation.secret_since_ms)
        .map_or_else(|_| "-".to_owned(), |since| format!("since {}", since.strftime("%Y-%m-%d %H:%M UTC")));
    let earlier = "of an earlier version".to_owned();
    let (salt, salt_since) = match keys::salt_origin(config, installation) {
        SaltOrigin::Configured => ("sampling.salt in the configuration".to_owned(), "-".to_owned()),
        SaltOrigin::Random => ("the salt in the database".to_owned(), since.clone()),
        SaltOrigin::Earlier => (named_salt(keys::salt(config, installation)), earlier.clone()),
    };
    let (placeholders, placeholders_since) = match keys::placeholder_origin(config, installation) {
        PlaceholderOrigin::Configured => ("privacy.key_env or key_file".to_owned(), "-".to_owned()),
        PlaceholderOrigin::Secret => ("the secret in the database".to_owned(), since.clone()),
        PlaceholderOrigin::EarlierSalt => {
            (named_salt(keys::earlier_salt(config, installation).unwrap_or_default()), earlier)
        }
    };
    let mut table = Table::new(&["what", "comes from", "in use"]);
    for (what, from, since) in [
        ("samples", salt, salt_since),
        ("placeholders", placeholders, placeholders_since),
        ("data blocks in prompts", "the secret in the database".to_owned(), since.clone()),
        ("seals of the pages", "the secret in the database".to_owned(), since),
    ] {
        table.row(vec![what.to_owned(), from, since]);
    }
    table.render()
}

/// Only the salt that everybody knows is named.
fn named_salt(salt: &str) -> String {
    if salt == PUBLIC_SALT {
        format!("the PUBLIC salt \"{PUBLIC_SALT}\"")
    } else {
        "an earlier sampling.salt".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::InstallationSecret;

    #[test]
    fn keys_are_told_by_where_they_come_from_and_never_shown() {
        let secret = InstallationSecret::random();
        let mut installation = Installation {
            secret,
            secret_since_ms: 1_767_225_600_000,
            salt: Some("5ca1ab1e".to_owned()),
            salt_makes_placeholders: false,
        };
        let text = shown(&Config::default(), &installation);
        assert!(text.contains("since 2026-01-01 00:00 UTC") && !text.contains("5ca1ab1e"), "{text}");
        assert!(!text.contains("PUBLIC"), "{text}");
        installation.salt_makes_placeholders = true;
        assert!(shown(&Config::default(), &installation).contains("an earlier sampling.salt"));
        installation.salt = Some(PUBLIC_SALT.to_owned());
        assert_eq!(shown(&Config::default(), &installation).matches("the PUBLIC salt").count(), 2);
    }
}
