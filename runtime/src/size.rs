//! Sizes as people write them: `65536`, `512KiB`, `64MiB`, `1GiB`.

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a whole number of bytes, or of KiB, MiB or GiB, as in `64MiB`")]
pub struct SizeError(String);

/// Reads a size in bytes.
///
/// # Errors
///
/// [`SizeError`] for anything else, and for what does not fit 64 bits.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let error = || SizeError(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(error()),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(1 << shift).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_binary_units() {
        assert_eq!(parse("65536"), Ok(65536));
        assert_eq!(parse("64MiB"), Ok(64 << 20));
        assert_eq!(parse("1GiB"), Ok(1 << 30));
        for bad in
            ["", "MiB", "-1", "1.5GiB", "1MB", "1 MiB", "99999999999GiB", "99999999999999999999"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
