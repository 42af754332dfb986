//! What the process exits with.

use std::error::Error;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::judges::JudgesConfigError;
use crate::lifecycle::StartError;
use crate::lifecycle::rubric_loader::LibraryError;
use crate::pipeline::delivery::sinks::SinkConfigError;
use crate::pipeline::delivery::webhooks::WebhookConfigError;
use crate::privacy::PrivacyError;
use crate::report::releases::ChoiceError;
use crate::rubrics::GateUnavailable;
use crate::sampling::SamplerError;
use crate::store::StoreError;
use crate::telemetry::TelemetryError;
use crate::web::AccessError;

/// Wrong usage or configuration.
pub(super) const USAGE: u8 = 2;
/// Nobody can tell whether a condition that the caller asked for holds.
pub(super) const CANNOT_TELL: u8 = 4;
/// A condition that the caller asked for does not hold.
pub(super) const GATE: u8 = 3;

pub(super) const HELP: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a condition that was asked \
                               for does not hold. The help of a command says more where there is more to say.";

/// A value on the command line that clap cannot check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Success if `holds`, else failure.
pub(super) fn success_if(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Success if the condition that the caller asked for holds.
pub(super) fn gate_if(broken: bool) -> ExitCode {
    if broken { ExitCode::from(GATE) } else { ExitCode::SUCCESS }
}

/// The code for an error: whether the user has to change the call or the configuration, or something else went wrong.
pub(super) fn of_error(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(asks_for_a_change) {
        ExitCode::from(USAGE)
    } else if error.chain().any(<dyn Error + 'static>::is::<GateUnavailable>) {
        ExitCode::from(GATE)
    } else {
        ExitCode::FAILURE
    }
}

fn asks_for_a_change(cause: &(dyn Error + 'static)) -> bool {
    always_asks_for_a_change(cause)
        || matches!(cause.downcast_ref(), Some(StoreError::Url(_) | StoreError::Pooler(_)))
        || matches!(cause.downcast_ref(), Some(LibraryError::Selection { .. } | LibraryError::UnfitJudge(_)))
        || cause.downcast_ref::<ChoiceError>().is_some_and(|error| !matches!(error, ChoiceError::Store(_)))
        || cause.downcast_ref().is_some_and(StartError::is_configuration)
}

/// Types of errors that have no other reason.
fn always_asks_for_a_change(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<Usage>()
        || cause.is::<ConfigError>()
        || cause.is::<JudgesConfigError>()
        || cause.is::<SinkConfigError>()
        || cause.is::<WebhookConfigError>()
        || cause.is::<SamplerError>()
        || cause.is::<PrivacyError>()
        || cause.is::<TelemetryError>()
        || cause.is::<AccessError>()
}
