//! Reports mistakes in the text of a rate at its token.
//!
//! The runtime's `const fn` parses the same text again and decides. Its errors begin with "evaluation
//! panicked", so common mistakes are reported here first. A test compares both parsers.

/// The names of the units of a period, and their lengths in microseconds.
const UNITS: [(&[&str], u64); 6] = [
    (&["ms", "millisecond", "milliseconds"], 1_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
];

/// The first period that is too long, in microseconds: one more than 36,500 days.
const MOST_MICROS: u64 = 36_500 * 86_400_000_000 + 1;

const OVERFLOW: &str = "the number does not fit into 64 bits";
const TRAILING: &str =
    "there is text after the rate: separate several limits with `,` as in \"10/s, 500/hour\"";

/// Returns the lowest limit in a text of rates, or an error message.
pub(crate) fn least(text: &str) -> Result<u64, String> {
    let rates: Vec<_> = text.split([',', ';']).collect();
    let limits = rates.iter().take(8).map(|rate| limit(rate)).collect::<Result<Vec<_>, _>>()?;
    if rates.len() > 8 {
        return Err("one throttle has at most 8 limits".to_owned());
    }
    Ok(limits.into_iter().min().unwrap_or(u64::MAX))
}

fn limit(text: &str) -> Result<u64, String> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if let Some(rest) = without(text, "unlimited") {
        return if rest.trim().is_empty() { Ok(u64::MAX) } else { Err(TRAILING.to_owned()) };
    }
    let (limit, rest) = number(text)?;
    let limit = limit.ok_or(
        "a rate begins with a whole number and names a period: write it like \"100/min\" or \"10 per 30s\"",
    )?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('/').or_else(|| without(rest, "per")).ok_or_else(|| {
        format!("`/` or `per` is missing after the limit: write it like \"{limit}/min\" or \"10 per 30s\"")
    })?;
    let (count, rest) = number(rest.trim_start())?;
    let micros = unit(rest.trim_start())?;
    match (limit, count.unwrap_or(1).checked_mul(micros)) {
        (0, _) => {
            Err("a limit of 0 rejects every request: write at least 1, or `Rate::UNLIMITED` for no limit"
                .to_owned())
        }
        (_, None | Some(MOST_MICROS..)) => {
            Err("the period is too long: write at most 36500days, which is about 100 years".to_owned())
        }
        (_, Some(0)) => Err("the period is 0: write at least 1ms".to_owned()),
        (limit, Some(_)) => Ok(limit),
    }
}

/// Strips a word from the start of a text, ignoring ASCII case.
fn without<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// Splits the leading digits from a text. The number is `None` if there are no digits.
fn number(text: &str) -> Result<(Option<u64>, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let value = match digits {
        "" => None,
        digits => Some(digits.parse().map_err(|_| OVERFLOW.to_owned())?),
    };
    if rest.starts_with(['.', '-', '+', '_']) {
        return Err("numbers in a rate are plain digits: write 5000/1500ms, not 5_000/1.5s".to_owned());
    }
    Ok((value, rest))
}

fn unit(text: &str) -> Result<u64, String> {
    let list = "ms, s, min, hour, day, week";
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if text.is_empty() {
        return Err(format!("the period is missing its unit: write one of {list}"));
    }
    if word.is_empty() {
        return Err(format!("unknown unit: write one of {list}"));
    }
    let lower = word.to_ascii_lowercase();
    let known = UNITS.iter().find(|(names, _)| names.contains(&&*lower));
    let Some((_, micros)) = known else {
        if lower.starts_with('y') || lower.starts_with("mo") {
            return Err("months and years have no fixed length: write the period in days or weeks, such as \"1000/30days\"".to_owned());
        }
        let guess = match lower.as_bytes() {
            [b'm', b's', ..] => "ms",
            [b'm', b'i', b'l', ..] => "milliseconds",
            [b'm', _, ..] => "min",
            [b's', ..] => "s",
            [b'h', ..] => "hour",
            [b'd', ..] => "day",
            [b'w', ..] => "week",
            _ => return Err(format!("unknown unit: write one of {list}")),
        };
        return Err(format!("unknown unit, did you mean `{guess}`? The units are {list}"));
    };
    if rest.trim().is_empty() { Ok(*micros) } else { Err(TRAILING.to_owned()) }
}
