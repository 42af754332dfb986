//! Hours, by which most of what is kept is counted.

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The hour, counted from the Unix epoch, that holds a moment.
pub fn hour_of(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS)
}

/// When the hour that holds a moment began, milliseconds since the Unix epoch.
pub fn hour_start(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_on_the_hour_before_the_epoch_too() {
        assert_eq!((hour_of(0), hour_of(3_599_999), hour_of(3_600_000), hour_of(-1)), (0, 0, 1, -1));
        assert_eq!((hour_start(3_599_999), hour_start(3_600_000), hour_start(-1)), (0, 3_600_000, -3_600_000));
    }
}
