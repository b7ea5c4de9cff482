//! Durations as people and headers write them: `250ms`, `1.5s`, `2m`.

use std::time::Duration;

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, as in `250ms`, `1.5s` or `2m`")]
pub struct DurationError(String);

/// Reads a duration: a decimal number without sign, then `us`, `ms`, `s`, `m` or `h`.
///
/// # Errors
///
/// [`DurationError`] for anything else, and for what is over a thousand days.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
    let (number, unit) = text.split_at(digits);
    let seconds_per_unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let seconds = number.parse::<f64>().map_err(|_| error())? * seconds_per_unit;
    if seconds > 86_400_000.0 {
        return Err(error());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        for bad in
            ["", "5", "s", "-1s", "1.2.3s", "1d", "1 s", "1e3s", "99999999999999s", "NaNs", "infs"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
