//! One shared breaker, and its value in the shared storage.
//!
//! The last word counts. The instance that wrote it probes first, and all others follow that opening until
//! the word is gone. Each opening is followed once, so that a breaker that closes meanwhile stays closed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::message::Word;
use crate::backend::CoordinationStore;
use crate::backend::deadline::within;
use crate::error::BackendError;
use crate::resilience::Breaker;
use crate::util::sync;

/// The timeout of each call to a shared storage.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    /// The name of the breaker on the shared storage.
    name: Arc<str>,
    breaker: Breaker,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The last opening of this breaker that other instances have to be told of.
    mine: Option<Mine>,
    /// The tag of the last opening by another instance.
    theirs: Option<u32>,
    /// The generation in which this breaker follows that opening.
    follows: Option<u32>,
}

#[derive(Clone, Copy)]
struct Mine {
    generation: u32,
    tag: u32,
    /// Whether the word was certainly written to the shared storage.
    is_posted: bool,
}

/// The next change of the shared storage.
enum Step {
    Post(Word),
    Remove,
    Nothing,
}

impl Shared {
    pub(super) fn new(name: Arc<str>, breaker: Breaker) -> Self {
        Self { name, breaker, known: Mutex::default() }
    }

    /// Reads the shared storage, follows openings of other instances, and writes an opening that began here.
    pub(super) async fn look(&self, storage: &dyn CoordinationStore) -> Result<(), BackendError> {
        let found = within(DEADLINE, storage.get(&self.name)).await?.map(Word::from_bits);
        match self.step(found) {
            Step::Nothing => {}
            Step::Post(word) => {
                within(DEADLINE, storage.put(&self.name, word.bits(), word.ttl())).await?;
                if let Some(mine) = &mut self.known().mine {
                    mine.is_posted = true;
                }
            }
            // The word may belong to another instance by now. In that case, the other instances probe too
            // early, once.
            Step::Remove => within(DEADLINE, storage.delete(&self.name)).await?,
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
            // The hook may panic, so the state is updated before it is called.
            drop(known);
            self.breaker.publish(change.flatten());
        }
        Step::Nothing
    }

    /// Returns the word for an opening that began here, unless it is on the shared storage or was replaced by the word
    /// of another instance.
    fn unknown_opening(&self, known: &mut Known, found: Option<Word>) -> Option<Word> {
        let opening = self.breaker.opening().filter(|opening| known.follows != Some(opening.generation))?;
        let before = known.mine.filter(|mine| mine.generation == opening.generation);
        if opening.left == 0 || (found.is_some() && before.is_some_and(|mine| mine.is_posted)) {
            return None;
        }
        // A word that may have been written keeps its tag, so that the opening is recognised.
        let word = Word::new(before.map(|mine| mine.tag), opening.left);
        known.mine = Some(Mine { generation: opening.generation, tag: word.tag, is_posted: false });
        Some(word)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        sync::lock(&self.known)
    }
}
