//! When the report that pages show is made again.

use std::time::{Duration, Instant};

use crate::report::kept::{self, KeptReportError};
use crate::rubrics::Catalogue;
use crate::store::Store;

/// Rest for each second that a report took: at most one two-hundredth of the time goes into it, however much is stored.
const REST: u32 = 200;

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// Makes the report at intervals, for whoever has the duty of calibration.
#[derive(Default)]
pub(super) struct ReportMaker {
    next: Option<Instant>,
}

impl ReportMaker {
    /// Makes it now, if it is time to. What failed is tried again at the next question.
    pub(super) async fn make_if_due(
        &mut self,
        store: &Store,
        catalogue: &Catalogue,
        baselines: &[String],
    ) -> Result<(), KeptReportError> {
        let start = Instant::now();
        if self.next.is_some_and(|next| start < next) {
            return Ok(());
        }
        let enabled = catalogue.active().iter().map(|rubric| rubric.name.clone()).collect();
        kept::make(store, &catalogue.all(), Some(enabled), baselines).await?;
        self.next = Some(Instant::now() + rest(start.elapsed()));
        Ok(())
    }
}

fn rest(took: Duration) -> Duration {
    took.saturating_mul(REST).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_takes_longer_is_made_less_often() {
        assert_eq!(rest(Duration::from_millis(100)), Duration::from_secs(20));
        assert_eq!(rest(Duration::from_secs(2)), Duration::from_secs(400));
        assert_eq!(rest(Duration::from_mins(10)), LONGEST_REST);
    }
}
