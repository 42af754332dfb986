//! Values on the command line that several commands take.

pub(super) use crate::config::TimeArg;

/// A number above zero.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_number_above_zero() {
        assert_eq!(positive("12.5"), Ok(12.5));
        for wrong in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }
}
