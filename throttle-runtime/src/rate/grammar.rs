//! The only parser of rates. It is a `const fn`, so that the compiler runs it on the literals of attributes.

use super::{DAY, HOUR, MAX_PERIOD, MILLISECOND, MINUTE, Rate, RateError, SECOND, WEEK};

const MORE_THAN_MAX: u64 = MAX_PERIOD + 1;

/// Parses one rate from `at`. Returns the rate, and the position of the end of the text or of the next
/// separator.
pub(super) const fn rate(text: &[u8], at: usize) -> Result<(Rate, usize), RateError> {
    let start = skip_blanks(text, at);
    if let Some(end) = keyword(text, start, b"unlimited") {
        return finish(text, end, Rate::UNLIMITED);
    }
    let (limit, at) = match number(text, start) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Err(RateError::Limit),
        Err(error) => return Err(error),
    };
    let at = match separator(text, skip_blanks(text, at)) {
        Ok(at) => skip_blanks(text, at),
        Err(error) => return Err(error),
    };
    let (count, at) = match number(text, at) {
        Ok(Some((count, at))) => (count, skip_blanks(text, at)),
        Ok(None) => (1, at),
        Err(RateError::Overflow) => return Err(RateError::LongPeriod),
        Err(error) => return Err(error),
    };
    let (unit, at) = match unit(text, at) {
        Ok(parsed) => parsed,
        Err(error) => return Err(error),
    };
    if limit == 0 {
        return Err(RateError::ZeroLimit);
    }
    match count.checked_mul(unit) {
        Some(0) => Err(RateError::ZeroPeriod),
        None | Some(MORE_THAN_MAX..) => Err(RateError::LongPeriod),
        Some(period) => finish(text, at, Rate { limit, period }),
    }
}

const fn finish(text: &[u8], at: usize, rate: Rate) -> Result<(Rate, usize), RateError> {
    let at = skip_blanks(text, at);
    if at == text.len() || text[at] == b',' || text[at] == b';' {
        Ok((rate, at))
    } else {
        Err(RateError::Trailing)
    }
}

const fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at].is_ascii_whitespace() {
        at += 1;
    }
    at
}

/// Parses a whole number. Returns `None` if there is no digit here.
const fn number(text: &[u8], start: usize) -> Result<Option<(u64, usize)>, RateError> {
    let (mut at, mut value) = (start, 0_u64);
    while at < text.len() && text[at].is_ascii_digit() {
        value = match value.checked_mul(10) {
            Some(tens) => match tens.checked_add((text[at] - b'0') as u64) {
                Some(value) => value,
                None => return Err(RateError::Overflow),
            },
            None => return Err(RateError::Overflow),
        };
        at += 1;
    }
    if at < text.len() && matches!(text[at], b'.' | b'-' | b'+' | b'_') {
        return Err(RateError::Fraction);
    }
    Ok(if at == start { None } else { Some((value, at)) })
}

const fn separator(text: &[u8], at: usize) -> Result<usize, RateError> {
    if at < text.len() && text[at] == b'/' {
        return Ok(at + 1);
    }
    match keyword(text, at, b"per") {
        Some(end) => Ok(end),
        None => Err(RateError::Separator),
    }
}

/// Returns the end of `word` if the text contains it at this position, in any case.
const fn keyword(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let mut index = 0;
    while index < word.len() {
        if at + index >= text.len() || !text[at + index].eq_ignore_ascii_case(&word[index]) {
            return None;
        }
        index += 1;
    }
    Some(at + index)
}

const fn unit(text: &[u8], start: usize) -> Result<(u64, usize), RateError> {
    let mut end = start;
    while end < text.len() && text[end].is_ascii_alphabetic() {
        end += 1;
    }
    if end == start {
        let nothing = start == text.len() || matches!(text[start], b',' | b';');
        return Err(if nothing { RateError::MissingUnit } else { RateError::Unit(None) });
    }
    let mut index = 0;
    while index < UNITS.len() {
        let (word, size) = UNITS[index];
        if end - start == word.len() && keyword(text, start, word.as_bytes()).is_some() {
            return Ok((size, end));
        }
        index += 1;
    }
    Err(unknown_unit(text, start, end))
}

const UNITS: [(&str, u64); 24] = [
    ("ms", MILLISECOND),
    ("millisecond", MILLISECOND),
    ("milliseconds", MILLISECOND),
    ("s", SECOND),
    ("sec", SECOND),
    ("secs", SECOND),
    ("second", SECOND),
    ("seconds", SECOND),
    ("m", MINUTE),
    ("min", MINUTE),
    ("mins", MINUTE),
    ("minute", MINUTE),
    ("minutes", MINUTE),
    ("h", HOUR),
    ("hr", HOUR),
    ("hrs", HOUR),
    ("hour", HOUR),
    ("hours", HOUR),
    ("d", DAY),
    ("day", DAY),
    ("days", DAY),
    ("w", WEEK),
    ("week", WEEK),
    ("weeks", WEEK),
];

/// Returns the error for an unknown unit, with the unit that was probably meant, judged by its first letters.
const fn unknown_unit(text: &[u8], start: usize, end: usize) -> RateError {
    let guess = match text[start].to_ascii_lowercase() {
        b'm' if end - start > 1 => match text[start + 1].to_ascii_lowercase() {
            b'o' => return RateError::CalendarUnit,
            b's' => "ms",
            b'i' if end - start > 2 && text[start + 2].eq_ignore_ascii_case(&b'l') => "milliseconds",
            _ => "min",
        },
        b'y' => return RateError::CalendarUnit,
        b's' => "s",
        b'h' => "hour",
        b'd' => "day",
        b'w' => "week",
        _ => return RateError::Unit(None),
    };
    RateError::Unit(Some(guess))
}

impl RateError {
    /// Returns the message, which is also the message of the compile error on a literal.
    pub(crate) const fn message(&self) -> &'static str {
        match self {
            Self::Limit => "a rate begins with a whole number: write it like \"100/min\" or \"10 per 30s\"",
            Self::ZeroLimit => {
                "a limit of 0 rejects every request: write at least 1, or `Rate::UNLIMITED` for no limit"
            }
            Self::Separator => {
                "`/` or `per` is missing after the limit: write it like \"100/min\" or \"10 per 30s\""
            }
            Self::MissingUnit => "the period is missing its unit: write one of ms, s, min, hour, day, week",
            Self::Unit(None) => "unknown unit: write one of ms, s, min, hour, day, week",
            Self::Unit(Some(guess)) => match guess.as_bytes() {
                b"ms" => "unknown unit, did you mean `ms`? The units are ms, s, min, hour, day, week",
                b"milliseconds" => {
                    "unknown unit, did you mean `milliseconds`? The units are ms, s, min, hour, day, week"
                }
                b"s" => "unknown unit, did you mean `s`? The units are ms, s, min, hour, day, week",
                b"min" => "unknown unit, did you mean `min`? The units are ms, s, min, hour, day, week",
                b"hour" => "unknown unit, did you mean `hour`? The units are ms, s, min, hour, day, week",
                b"day" => "unknown unit, did you mean `day`? The units are ms, s, min, hour, day, week",
                _ => "unknown unit, did you mean `week`? The units are ms, s, min, hour, day, week",
            },
            Self::CalendarUnit => {
                "months and years have no fixed length: write the period in days or weeks, such as \"1000/30days\""
            }
            Self::ZeroPeriod => "the period is 0: write at least 1ms",
            Self::Fraction => "numbers in a rate are plain digits: write 5000/1500ms, not 5_000/1.5s",
            Self::FinePeriod => "the period is not whole milliseconds",
            Self::Overflow => "the number does not fit into 64 bits",
            Self::LongPeriod => "the period is too long: write at most 36500days, which is about 100 years",
            Self::Trailing => {
                "there is text after the rate: separate several limits with `,` as in \"10/s, 500/hour\""
            }
            Self::TooMany => "one throttle has at most 8 limits",
        }
    }
}
