//! Exceptions: identities that were reset while sketches contained usage of them.

use std::collections::HashMap;

use crate::strategy::{State, Usage, Usages};

/// The state or usage that a client that is not in the table begins with.
#[derive(Debug, Clone)]
pub(super) enum Begin {
    Usage(Usages),
    State(State),
}

/// Replaces the usage in the sketches for some identities, until that usage has ended.
#[derive(Debug)]
pub(super) struct Exceptions {
    all: HashMap<u64, Exception>,
    /// The maximum number of exceptions, and the maximum bytes of their lists.
    most: (usize, usize),
    /// Bytes of all lists.
    lists: usize,
}

#[derive(Debug)]
struct Exception {
    begin: Begin,
    until: u64,
}

/// One exception is allowed for each `PER_EXCEPTION` bytes of sketches.
const PER_EXCEPTION: usize = 2048;

/// The lists of exceptions may take one part in `LISTS` of the bytes of sketches.
const LISTS: usize = 16;

impl Exceptions {
    /// Creates the exceptions that belong to sketches of at most `sketches` bytes.
    pub(super) fn new(sketches: usize) -> Self {
        Self { all: HashMap::new(), most: (sketches / PER_EXCEPTION, sketches / LISTS), lists: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the state or usage that an identity begins with, if it is an exception.
    pub(super) fn get(&self, id: u64, now: u64) -> Option<Begin> {
        let is_live = |usage: &&Usage| usage.until > now;
        Some(match &self.all.get(&id)?.begin {
            Begin::State(state) if state.until() <= now => Begin::State(State::EMPTY),
            Begin::Usage(usages) => Begin::Usage(usages.iter().filter(is_live).copied().collect()),
            begin @ Begin::State(_) => begin.clone(),
        })
    }

    /// Stores an evicted state in the exception of its identity, and replaces the previous content. Returns
    /// `false` if the identity is no exception.
    pub(super) fn add(&mut self, id: u64, state: &State, usages: Usages) -> bool {
        let Some(exception) = self.all.get_mut(&id) else { return false };
        self.lists -= exception.list();
        let (until, has_room) = (state.until(), self.lists + size_of_val(&*usages) <= self.most.1);
        exception.until = exception.until.max(until);
        exception.begin = match state.list() {
            [] => Begin::State(state.clone()),
            _ if has_room => Begin::Usage(usages),
            _ => Begin::Usage([Usage::spent(until)].into_iter().collect()),
        };
        self.lists += exception.list();
        true
    }

    /// Lets an identity begin with no usage until the given time, when its usage in the sketches ends. `None`
    /// means that the sketches contain no usage of it. Returns `false` if there are too many exceptions.
    pub(super) fn insert(&mut self, id: u64, until: Option<u64>) -> bool {
        let has_room = self.all.len() < self.most.0;
        if let Some(exception) = self.all.get_mut(&id) {
            self.lists -= exception.list();
            exception.begin = Begin::State(State::EMPTY);
            exception.until = exception.until.max(until.unwrap_or(0));
            return true;
        }
        let Some(until) = until else { return true };
        if has_room {
            self.all.insert(id, Exception { begin: Begin::State(State::EMPTY), until });
        }
        has_room
    }

    /// Drops the exceptions that have ended. Returns when the first of the others ends.
    pub(super) fn expire(&mut self, now: u64) -> u64 {
        let Self { all, lists, .. } = self;
        all.retain(|_, exception| {
            let is_live = exception.until > now;
            *lists -= if is_live { 0 } else { exception.list() };
            is_live
        });
        if all.is_empty() {
            *all = HashMap::new();
        }
        all.values().map(|exception| exception.until).min().unwrap_or(u64::MAX)
    }

    pub(super) fn clear(&mut self) {
        (self.all, self.lists) = (HashMap::new(), 0);
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        let room = self.all.capacity() * 8 / 7;
        room * (size_of::<(u64, Exception)>() + 1) + self.lists
    }
}

impl Exception {
    /// Bytes that its list takes.
    fn list(&self) -> usize {
        match &self.begin {
            Begin::Usage(usages) if usages.spilled() => usages.capacity() * size_of::<Usage>(),
            _ => 0,
        }
    }
}
