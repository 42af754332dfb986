//! The circuit breaker: stops calling an endpoint that does not answer, or that refuses the key, and tries again by
//! itself with a single call. Pure: time is a parameter.

use std::time::Duration;

use tokio::time::Instant;

/// Consecutive failures that open the circuit.
const FAILURES_TO_OPEN: u32 = 10;
/// The first pause of a circuit opened by failures; doubles with every probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause that judged chooses itself. An endpoint that says when it is back may ask for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How soon to ask again while the probe is under way.
const PROBE_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    HalfOpen { pause: Duration },
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The endpoint works.
    Answered,
    /// It failed for a passing reason.
    Failed,
    /// It refuses everything until a person or time has mended it: key, quota or model. The circuit opens at once, at first
    /// for so long.
    Refused(Duration),
    /// The ending says nothing about the endpoint.
    Unknown,
}

/// A change of state that is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Calls stop for this long.
    Opened(Duration),
    /// Calls go on.
    Closed,
}

/// A circuit breaker.
#[derive(Debug)]
pub(super) struct Breaker(State);

impl Default for Breaker {
    fn default() -> Self {
        Self(State::Closed { failures: 0 })
    }
}

impl Breaker {
    /// Whether a call may be made; else how long to stay away. `Ok(true)`: this call is the probe of an open circuit.
    /// Whoever is admitted must report the ending.
    pub(super) fn admit(&mut self, now: Instant) -> Result<bool, Duration> {
        match self.0 {
            State::Closed { .. } => Ok(false),
            State::Open { until, .. } if until > now => Err(until - now),
            State::Open { pause, .. } => {
                self.0 = State::HalfOpen { pause };
                Ok(true)
            }
            State::HalfOpen { .. } => Err(PROBE_WAIT),
        }
    }

    /// How long no call will be admitted; `None` when one would be.
    pub(super) fn closed_to_calls_for(&self, now: Instant) -> Option<Duration> {
        match self.0 {
            State::Open { until, .. } if until > now => Some(until - now),
            State::HalfOpen { .. } => Some(PROBE_WAIT),
            State::Closed { .. } | State::Open { .. } => None,
        }
    }

    /// Learns how an admitted call ended. `probe` is what [`Breaker::admit`] said.
    pub(super) fn report(&mut self, ending: Ending, probe: bool, now: Instant) -> Option<Change> {
        match (self.0, ending) {
            (State::Closed { .. }, Ending::Answered) => {
                self.0 = State::Closed { failures: 0 };
                None
            }
            (State::Closed { failures }, Ending::Failed) if failures + 1 < FAILURES_TO_OPEN => {
                self.0 = State::Closed { failures: failures + 1 };
                None
            }
            (State::Closed { .. }, Ending::Failed) => Some(self.open(FIRST_PAUSE, now)),
            (State::Closed { .. }, Ending::Refused(pause)) => Some(self.open(pause, now)),
            (State::HalfOpen { .. }, Ending::Answered) if probe => {
                self.0 = State::Closed { failures: 0 };
                Some(Change::Closed)
            }
            (State::HalfOpen { pause }, Ending::Failed) if probe => {
                Some(self.open((pause * 2).min(LONGEST_PAUSE), now))
            }
            (State::HalfOpen { pause }, Ending::Refused(asked)) if probe => {
                Some(self.open((pause * 2).min(LONGEST_PAUSE).max(asked), now))
            }
            // A probe that was given up: the next call is the probe.
            (State::HalfOpen { pause }, Ending::Unknown) if probe => {
                self.0 = State::Open { until: now, pause };
                None
            }
            // Late endings of calls that began before the circuit opened, and endings without news.
            (State::Open { .. } | State::HalfOpen { .. }, _) | (State::Closed { .. }, Ending::Unknown) => None,
        }
    }

    fn open(&mut self, pause: Duration, now: Instant) -> Change {
        self.0 = State::Open { until: now + pause, pause };
        Change::Opened(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for count in 1..=FAILURES_TO_OPEN {
            let change = breaker.report(Ending::Failed, false, now);
            assert_eq!(change.is_some(), count == FAILURES_TO_OPEN);
        }
        breaker
    }

    #[test]
    fn only_consecutive_failures_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            for _ in 1..FAILURES_TO_OPEN {
                assert_eq!(breaker.report(Ending::Failed, false, now), None);
            }
            breaker.report(Ending::Answered, false, now);
        }
        assert_eq!(breaker.admit(now), Ok(false));
        assert_eq!(breaker.closed_to_calls_for(now), None);
        assert_eq!(opened(now).admit(now), Err(FIRST_PAUSE));
        assert_eq!(opened(now).closed_to_calls_for(now), Some(FIRST_PAUSE));
        assert_eq!(opened(now).closed_to_calls_for(now + FIRST_PAUSE), None, "the probe may go");
    }

    #[test]
    fn it_closes_by_itself_through_one_probe() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), Ok(true));
        assert_eq!(breaker.admit(later), Err(PROBE_WAIT), "one probe at a time");
        assert_eq!(breaker.report(Ending::Answered, false, later), None, "a late answer of the past is no probe");
        assert_eq!(breaker.report(Ending::Answered, true, later), Some(Change::Closed));
        assert_eq!(breaker.admit(later), Ok(false));
    }

    #[test]
    fn every_failed_probe_doubles_the_pause_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            now += breaker.admit(now).unwrap_err();
            assert_eq!(breaker.admit(now), Ok(true));
            let Some(Change::Opened(pause)) = breaker.report(Ending::Failed, true, now) else { panic!("stays open") };
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn a_refused_key_opens_it_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let refused = Ending::Refused(Duration::from_secs(30));
        assert_eq!(breaker.report(refused, false, now), Some(Change::Opened(Duration::from_secs(30))));
        assert_eq!(breaker.report(refused, false, now), None, "said once, however many calls were under way");
    }

    #[test]
    fn a_probe_that_was_given_up_does_not_block_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), Ok(true));
        breaker.report(Ending::Unknown, true, later);
        assert_eq!(breaker.admit(later), Ok(true));
    }
}
