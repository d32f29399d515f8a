//! One breaker, and what its board says about it.
//!
//! The last word counts: whoever has left it probes first, and all others follow that opening until the word is gone.
//! Each opening is followed once, so whoever closes meanwhile stays closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::word::Word;
use crate::admission::within;
use crate::backend::Board;
use crate::{BackendError, Breaker};

/// How long a board has for each answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    /// What it is called on the board.
    name: Arc<str>,
    breaker: Breaker,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The last opening of this one that others are to be told of.
    mine: Option<Mine>,
    /// The tag of the last opening elsewhere.
    theirs: Option<u32>,
    /// The generation in which this one follows it.
    follows: Option<u32>,
}

#[derive(Clone, Copy)]
struct Mine {
    generation: u32,
    tag: u32,
    /// Whether it certainly was on the board.
    is_posted: bool,
}

/// What is to be done on the board.
enum Step {
    Post(Word),
    Remove,
    Nothing,
}

impl Shared {
    pub(super) fn new(name: Arc<str>, breaker: Breaker) -> Self {
        Self { name, breaker, known: Mutex::default() }
    }

    /// Reads the board, follows what others say there, and says what they do not know.
    pub(super) async fn look(&self, board: &dyn Board) -> Result<(), BackendError> {
        let found = within(DEADLINE, board.read(&self.name)).await?.map(Word::from_bits);
        match self.step(found) {
            Step::Nothing => {}
            Step::Post(word) => {
                within(DEADLINE, board.post(&self.name, word.bits(), word.ttl())).await?;
                if let Some(mine) = &mut self.known().mine {
                    mine.is_posted = true;
                }
            }
            // It may be another one's by now. Then the others probe too early, once.
            Step::Remove => within(DEADLINE, board.remove(&self.name)).await?,
        }
        Ok(())
    }

    fn step(&self, found: Option<Word>) -> Step {
        let mut known = self.known();
        if let Some(word) = self.unknown_opening(&mut known, found) {
            return Step::Post(word);
        }
        let Some(found) = found else {
            if let Some(generation) = known.follows {
                self.breaker.may_probe(generation);
            }
            return Step::Nothing;
        };
        if known.mine.is_some_and(|mine| mine.tag == found.tag) {
            return if self.breaker.is_closed() { Step::Remove } else { Step::Nothing };
        }
        if known.theirs != Some(found.tag) {
            known.theirs = Some(found.tag);
            let (opening, change) = self.breaker.follow(found.wait(), found.head_start()).unzip();
            known.follows = opening.map(|opening| opening.generation);
            // The hook may panic, and must find what was done remembered.
            drop(known);
            self.breaker.publish(change.flatten());
        }
        Step::Nothing
    }

    /// The word for an opening that began here, unless it is on the board or was replaced by another one's.
    fn unknown_opening(&self, known: &mut Known, found: Option<Word>) -> Option<Word> {
        let opening = self.breaker.opening().filter(|opening| known.follows != Some(opening.generation))?;
        let before = known.mine.filter(|mine| mine.generation == opening.generation);
        if opening.left == 0 || (found.is_some() && before.is_some_and(|mine| mine.is_posted)) {
            return None;
        }
        // One that may have been posted keeps its tag, so that it is known again.
        let word = Word::new(before.map(|mine| mine.tag), opening.left);
        known.mine = Some(Mine { generation: opening.generation, tag: word.tag, is_posted: false });
        Some(word)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
