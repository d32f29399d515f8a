//! A text encoding of numbers in which small numbers are short. A character has five bits of the number, and
//! a sixth bit that is set if more characters follow.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bit that is set if more characters follow.
const MORE: u8 = 0x20;

pub(super) fn push(text: &mut String, mut number: u64) {
    loop {
        let low = (number & 0x1f) as u8;
        number >>= 5;
        let more = if number == 0 { 0 } else { MORE };
        text.push(char::from(ALPHABET[usize::from(low | more)]));
        if number == 0 {
            return;
        }
    }
}

/// Reads the next number. Returns `None` unless the text is what [`push`] writes.
pub(super) fn next(text: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(5) {
        let (first, rest) = text.split_first()?;
        *text = rest;
        let bits = value(*first)?;
        let low = u64::from(bits & 0x1f);
        number |= low << shift;
        if bits & MORE == 0 {
            let is_shortest = low > 0 || shift == 0;
            return (is_shortest && (low << shift) >> shift == low).then_some(number);
        }
    }
    None
}

const fn value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers: Vec<u64>) {
            let mut text = String::new();
            for &number in &numbers {
                push(&mut text, number);
            }
            let mut rest = text.as_bytes();
            for number in numbers {
                prop_assert_eq!(next(&mut rest), Some(number));
            }
            prop_assert_eq!(next(&mut rest), None);
        }

        #[test]
        fn what_reads_as_a_number_is_written_that_way(text in "[A-Za-z0-9+/]{1,14}") {
            let mut rest = text.as_bytes();
            if let Some(number) = next(&mut rest) {
                let mut again = String::new();
                push(&mut again, number);
                prop_assert_eq!(again.as_bytes(), &text.as_bytes()[..text.len() - rest.len()]);
            }
        }
    }
}
