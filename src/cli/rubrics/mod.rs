//! `judged rubrics`: look at, check, try and publish rubrics.

mod alias;
mod ask;
mod attacks;
mod files;
mod library;
mod noise;
mod promote;
mod provenance;
mod publish;
mod registry;
mod test;
mod try_draft;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use self::alias::Alias;
use self::library::{opened, sound};
use self::publish::Wanted;
use self::test::Asked;
use super::output::{Format, Output};
use crate::config::Config;
use crate::rubrics::RubricReference;

/// Lists, checks, tries and publishes rubrics.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of rubrics; by default the configured one. The library inside judged is always there as well.
    #[arg(long, global = true, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists every rubric and its versions.
    ///
    /// Exit code 2 when a file is wrong.
    List {
        /// The published versions and aliases of the database instead of the files.
        #[arg(long)]
        registry: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Checks every file and prints every error and warning; with a database at hand, also what is not published.
    ///
    /// Exit code 2 when there is an error. It changes nothing, neither files nor registry.
    Check,
    /// Shows one version: what it judges, on which scale, its template and the reply it asks for.
    Show {
        /// `name`, or `name@version`; without a version the newest.
        rubric: RubricReference,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Shows what changed between two versions.
    Diff {
        /// The rubric's name.
        name: String,
        /// The earlier version.
        from: u32,
        /// The later version.
        to: u32,
    },
    /// Prints the prompt for a golden case, or for content from a file.
    Render {
        /// `name`, or `name@version`.
        rubric: RubricReference,
        /// The golden case: its number, counted from 1, or its name.
        #[arg(long, required_unless_present = "file", conflicts_with = "file")]
        case: Option<String>,
        /// A JSON file with the subject's content; `-` is standard input.
        #[arg(long)]
        file: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Runs golden cases against a judge.
    ///
    /// Exit code 1 when a case could not be judged, 3 when a verdict is not as expected.
    Test {
        /// One rubric; without it, all of the folder, and without a folder those inside judged.
        rubric: Option<RubricReference>,
        #[command(flatten)]
        asked: Asked,
        /// Asks for each case so many times, and tells the judge's own noise.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        repeat: u16,
        /// Tries instead whether text in a case gets the judge to judge it better, and what the data blocks do to verdicts.
        #[arg(long, conflicts_with = "repeat")]
        attacks: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Judges the latest stored answers by a version that need not be published, beside what is in production.
    ///
    /// Nothing is stored but the cost, which counts towards the judge's budget. Exit code 1 when no answer could be judged.
    Try(try_draft::Args),
    /// Writes the library inside judged into the folder; files that exist stay as they are.
    Init,
    /// Publishes new versions to the registry. The first version of a rubric comes into production; later ones wait for
    /// `promote`.
    ///
    /// All of it or nothing: a published version whose file changed is an error.
    Publish {
        /// `name` or `name@version`; without one, everything that is new.
        rubric: Vec<RubricReference>,
        /// Put changed text in the place of the published one, as long as no evaluation and no label refers to it.
        #[arg(long)]
        replace: bool,
    },
    /// Moves an alias to a published version.
    ///
    /// Exit code 3 when --gate does not hold.
    Promote {
        /// The rubric's name.
        name: String,
        /// The version.
        version: u32,
        /// The alias.
        #[arg(long, value_enum, default_value_t = Alias::Production)]
        alias: Alias,
        /// Refuse unless the lower confidence bound of agreement with human labels holds.
        #[arg(long)]
        gate: bool,
    },
}

/// Exit code 2 when a file is wrong, 3 when a golden case or a gate does not hold.
pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let dir = args.dir.as_deref().unwrap_or(&config.rubrics.dir);
    if args.dir.is_some() && !dir.exists() && !matches!(args.action, Action::Init) {
        bail!("there is no folder {}; `judged rubrics init --dir {0}` makes one", dir.display());
    }
    match args.action {
        Action::List { registry: true, format } => registry::list(config, format, output).await,
        Action::List { registry: false, format } => files::list(dir, format, output),
        Action::Check => files::check(dir, config, output).await,
        Action::Show { rubric, format } => files::show(&opened(dir, output), &rubric, format, output),
        Action::Diff { name, from, to } => files::diff(&opened(dir, output), &name, from, to, output),
        Action::Render { rubric, case, file, format } => {
            let library = opened(dir, output);
            files::render(&library, &rubric, case.as_deref(), file.as_deref(), format, output)
        }
        Action::Test { rubric, asked, attacks: true, format, .. } => match sound(dir, output) {
            Ok(library) => attacks::run(&library, rubric.as_ref(), &asked, format, config, output).await,
            Err(code) => Ok(code),
        },
        Action::Test { rubric, asked, repeat, attacks: false, format } => match sound(dir, output) {
            Ok(library) => test::run(&library, rubric.as_ref(), &asked, repeat, format, config, output).await,
            Err(code) => Ok(code),
        },
        Action::Try(args) => try_draft::run(&args, &opened(dir, output), config, output).await,
        Action::Init => files::init(dir, output),
        Action::Publish { rubric, replace } => match sound(dir, output) {
            Ok(library) => {
                let wanted = Wanted { rubrics: rubric, replace };
                publish::publish(&library, dir, &wanted, config, output).await
            }
            Err(code) => Ok(code),
        },
        Action::Promote { name, version, alias, gate } => {
            promote::promote(&name, version, alias, gate, config, output).await
        }
    }
}
