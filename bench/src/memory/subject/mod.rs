//! What is measured: each in its own file, all behind one trait.

mod floor;
mod gcra;
mod governor;
mod limitador;
mod throttle;
mod throttlecrab;
mod trypema;

pub(crate) use self::governor::reference;
pub(crate) use self::throttle::throttle;

use std::hint::black_box;
use std::ops::Range;

use super::cell::{Algorithm, Outcome};
use super::workload::{Client, Sequence};
use crate::report::OURS;

/// Keyed by text, from the first decision on with room for all its clients.
pub(crate) trait Decide: Send + Sync {
    type Key: Client;

    /// Whether this client may pass now.
    fn decide(&self, key: &Self::Key) -> bool;

    /// The same, for a client who is new.
    fn first(&self, key: &Self::Key) -> bool {
        self.decide(key)
    }
}

/// A [`Decide`] whose loop is compiled for it, so that the call from the harness costs nothing per decision.
pub(crate) trait Subject: Send + Sync {
    /// Decides for a part of the sequence; how many of them passed.
    fn run(&self, sequence: &Sequence, part: Range<usize>) -> usize;

    /// Lets every client of the sequence come for the first time; how many passed.
    fn begin(&self, sequence: &Sequence) -> usize;
}

impl<D: Decide> Subject for D {
    fn run(&self, sequence: &Sequence, part: Range<usize>) -> usize {
        D::Key::in_order(sequence)[part].iter().filter(|key| self.decide(black_box(key))).count()
    }

    fn begin(&self, sequence: &Sequence) -> usize {
        D::Key::in_order(sequence).iter().filter(|key| self.first(key)).count()
    }
}

/// A subject before it is made: its name and how to make it.
#[derive(Clone, Copy)]
pub(crate) struct Maker {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&Task) -> Box<dyn Subject>,
    /// Decides with the task's algorithm; the others have one of their own.
    pub(crate) has_algorithms: bool,
    /// This one in so many decisions is enough to know.
    pub(crate) slower: usize,
}

/// What a subject is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) clients: usize,
    pub(crate) outcome: Outcome,
    pub(crate) algorithm: Algorithm,
}

/// The name of the peer that everybody knows.
pub(crate) const REFERENCE: &str = "governor";
/// The name of the least that a keyed decision can cost.
pub(crate) const FLOOR: &str = "floor";

/// Everything there is to compare.
pub(crate) const MAKERS: [Maker; 8] = [
    Maker { name: OURS, make: throttle::make, has_algorithms: true, slower: 1 },
    Maker { name: FLOOR, make: floor::make, has_algorithms: true, slower: 1 },
    Maker { name: REFERENCE, make: governor::by_name, has_algorithms: false, slower: 1 },
    Maker { name: "governor-ip", make: governor::by_address, has_algorithms: false, slower: 1 },
    Maker { name: "gcra", make: gcra::make, has_algorithms: false, slower: 1 },
    Maker { name: "trypema", make: trypema::make, has_algorithms: false, slower: 1 },
    Maker { name: "throttlecrab", make: throttlecrab::make, has_algorithms: false, slower: 1 },
    Maker { name: "limitador", make: limitador::make, has_algorithms: false, slower: 64 },
];

/// The names of everything that is not ours.
pub(crate) fn peers() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().map(|maker| maker.name).filter(|name| *name != OURS)
}

/// The one of that name.
pub(crate) fn peer(name: &str, clients: usize, outcome: Outcome) -> Option<Box<dyn Subject>> {
    let maker = MAKERS.iter().find(|maker| maker.name == name)?;
    Some((maker.make)(&Task { clients, outcome, algorithm: Algorithm::Gcra }))
}
