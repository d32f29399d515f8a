//! A record: the value under one key, with the states of all limits of one identity.

use std::time::Duration;

use super::varint;
use crate::backend::Mark;
use crate::strategy::State;
use crate::util::log_limit::LogLimit;

/// The states of all limits of one identity, and the hold of a decision that is about to change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) states: Vec<State>,
    pub(super) hold: Option<Hold>,
}

/// Marks a record as held by a decision on several records, until a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) token: u64,
    /// The end of the hold, in microseconds since the Unix epoch.
    pub(super) until: u64,
}

/// The first character of every record that this version writes. Another format gets another character.
const VERSION: char = '1';

/// How much longer than its states a record is kept, in microseconds. This covers clocks that are late, and
/// stores that round a time to live down despite the contract.
pub(super) const SLACK: u64 = 1_000_000;

/// The maximum duration of a hold, in microseconds, whatever clock wrote it.
const LONGEST_HOLD: u64 = 60_000_000;

impl Hold {
    pub(super) const fn is_live(&self, now: u64) -> bool {
        self.until > now && self.until - now <= LONGEST_HOLD
    }
}

impl Record {
    /// Reads a stored text. A text that this version did not write counts as missing.
    pub(super) fn read(text: Option<&str>) -> Self {
        static UNREADABLE: LogLimit = LogLimit::new();
        let Some(text) = text else { return Self::default() };
        Self::decode(text).unwrap_or_else(|| {
            if let Some(omitted) = UNREADABLE.admit_now() {
                let omitted = omitted.field();
                tracing::warn!(target: "throttle", omitted, "a stored value is unreadable and is treated as absent");
            }
            Self::default()
        })
    }

    /// Splits the record into its states and its hold.
    pub(super) fn split(self) -> (Self, Option<Hold>) {
        (Self { hold: None, ..self }, self.hold)
    }

    /// Returns the state of a limit.
    pub(super) fn state(&self, index: usize) -> &State {
        const EMPTY: &State = &State::EMPTY;
        self.states.get(index).unwrap_or(EMPTY)
    }

    /// Returns the mark of the last reset, which is stored after `states` states. Returns `None` once no
    /// charge before the reset can be refunded any more.
    pub(super) fn mark(&self, states: usize, now: u64) -> Option<Mark> {
        Mark::of(self.states.get(states)?, now)
    }

    pub(super) fn set(&mut self, index: usize, state: State) {
        if self.states.len() <= index {
            self.states.resize(index + 1, State::EMPTY);
        }
        self.states[index] = state;
    }

    /// Returns how long the record must be kept.
    pub(super) fn ttl(&self, now: u64) -> Duration {
        let until = self.states.iter().map(State::until).chain(self.hold.map(|hold| hold.until)).max();
        let left = until.unwrap_or_default().saturating_sub(now).saturating_add(SLACK);
        // Stores count in milliseconds at best, and do not support the whole range of 64 bits.
        Duration::from_millis(left.div_ceil(1_000)).min(LONGEST)
    }

    pub(super) fn encode(&self) -> String {
        let mut text = String::from(VERSION);
        varint::push(&mut text, self.hold.is_some().into());
        if let Some(Hold { token, until }) = self.hold {
            varint::push(&mut text, token);
            varint::push(&mut text, until);
        }
        for state in &self.states {
            varint::push(&mut text, state.until());
            varint::push(&mut text, state.word());
            varint::push(&mut text, state.list().len() as u64);
            let mut before = [state.until(); 2];
            for &word in state.list() {
                // Each word is encoded relative to the word before the previous one, because most lists are
                // pairs of a time and a number.
                varint::push(&mut text, zigzag(word.wrapping_sub(before[0])));
                before = [before[1], word];
            }
        }
        text
    }

    fn decode(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix(VERSION)?.as_bytes();
        let hold = match varint::next(&mut rest)? {
            0 => None,
            1 => Some(Hold { token: varint::next(&mut rest)?, until: varint::next(&mut rest)? }),
            _ => return None,
        };
        let mut states = Vec::new();
        while !rest.is_empty() {
            states.push(decode_state(&mut rest)?);
        }
        Some(Self { states, hold })
    }
}

/// The longest time to live: four years. Limits with longer periods lose their state after that time.
pub(super) const LONGEST: Duration = Duration::from_secs(4 * 366 * 24 * 3600);

fn decode_state(rest: &mut &[u8]) -> Option<State> {
    let (until, word) = (varint::next(rest)?, varint::next(rest)?);
    let length = usize::try_from(varint::next(rest)?).ok()?;
    // Each word takes at least one character, so a short text cannot make this function reserve much memory.
    if length > rest.len() {
        return None;
    }
    let mut list = Vec::with_capacity(length);
    let mut before = [until; 2];
    for _ in 0..length {
        let word = before[0].wrapping_add(unzigzag(varint::next(rest)?));
        list.push(word);
        before = [before[1], word];
    }
    Some(State::new(until, word).with_list(list))
}

/// Encodes a signed difference so that small differences of either sign become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned()
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> impl Strategy<Value = Record> {
        let state = (any::<u64>(), any::<u64>(), prop::collection::vec(any::<u64>(), 0..9));
        let state = state.prop_map(|(until, word, list)| State::new(until, word).with_list(list));
        let hold = prop::option::of((any::<u64>(), any::<u64>()));
        (prop::collection::vec(state, 0..9), hold).prop_map(|(states, hold)| Record {
            states,
            hold: hold.map(|(token, until)| Hold { token, until }),
        })
    }

    proptest! {
        #[test]
        fn records_come_back(record in record()) {
            let text = record.encode();
            prop_assert_eq!(Record::decode(&text), Some(record));
        }

        #[test]
        fn b079_no_text_is_too_strange(text in any::<String>(), tail in "[A-Za-z0-9+/]{0,40}") {
            let _ = Record::read(Some(&text));
            if let Some(record) = Record::decode(&format!("1{tail}")) {
                prop_assert_eq!(record.encode(), format!("1{tail}"));
            }
        }

        /// A truncated value must not be read as a complete value.
        #[test]
        fn b079_what_was_cut_short_is_noticed(record in record(), cut in 1..3_usize) {
            let text = record.encode();
            let cut = Record::decode(&text[..text.len().saturating_sub(cut)]);
            prop_assert!(cut.is_none_or(|cut| cut.states.len() < record.states.len()));
        }
    }

    #[test]
    fn what_is_stored_is_short() {
        let now = 1_767_225_600_000_000;
        let window = Record { states: vec![State::new(now, 73)], hold: None };
        assert!(window.encode().len() <= 18, "{}", window.encode());
        let log = (0..100).flat_map(|second| [now + second * 1_234_567, 1]).collect();
        let log = Record { states: vec![State::new(now + 60_000_000, 0).with_list(log)], hold: None };
        assert!(log.encode().len() < 100 * 7, "{}", log.encode().len());
    }
}
