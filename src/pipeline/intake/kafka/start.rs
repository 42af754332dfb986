//! Where reading of a partition begins. Kafka itself would go on in silence where records were removed that nobody had read.

use super::books::Lost;

/// What is known of a partition that becomes this worker's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// How far the group has read it.
    pub(super) committed: Option<u64>,
    /// Its first record, and the place of the next one to be written.
    pub(super) low: u64,
    pub(super) high: u64,
    /// Where the configuration says to begin when the group has read nothing of it.
    pub(super) configured: u64,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) offset: u64,
    pub(super) lost: Option<Lost>,
    /// Whether the position is of another topic of this name, which was deleted since.
    pub(super) is_of_another: bool,
}

impl Known {
    pub(super) fn start(self) -> Start {
        let at = |offset| Start { offset, lost: None, is_of_another: false };
        match self.committed {
            Some(committed) if committed < self.low => {
                Start { lost: Some(Lost { from: committed, to: self.low }), ..at(self.low) }
            }
            Some(committed) if committed > self.high => Start { is_of_another: true, ..at(self.low) },
            Some(committed) => at(committed),
            None => at(self.configured.clamp(self.low, self.high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known { committed: None, low: 100, high: 200, configured: 150 };

    #[test]
    fn reading_goes_on_where_it_ended() {
        for committed in [100, 170, 200] {
            let start = Known { committed: Some(committed), ..KNOWN }.start();
            assert_eq!(start, Start { offset: committed, lost: None, is_of_another: false });
        }
    }

    #[test]
    fn records_that_were_removed_before_they_were_read_are_lost() {
        let start = Known { committed: Some(40), ..KNOWN }.start();
        assert_eq!((start.offset, start.lost), (100, Some(Lost { from: 40, to: 100 })));
    }

    #[test]
    fn a_position_behind_the_last_record_is_of_another_topic() {
        let start = Known { committed: Some(201), ..KNOWN }.start();
        assert_eq!((start.offset, start.is_of_another), (100, true));
    }

    #[test]
    fn the_configuration_says_where_a_partition_begins_that_nobody_has_read() {
        assert_eq!(KNOWN.start().offset, 150);
        assert_eq!(Known { configured: 0, ..KNOWN }.start().offset, 100);
    }
}
