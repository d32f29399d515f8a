//! The measured limiters, each in its own file, behind one trait.

mod floor;
mod gcra;
mod governor;
mod limitador;
mod throttle;
mod throttlecrab;
mod trypema;

pub(crate) use self::governor::reference;

use std::hint::black_box;
use std::ops::Range;

use super::cell::{Algorithm, Outcome};
use super::workload::{Client, Sequence};
use crate::report::OURS;

/// A limiter with space for all its clients from the first decision.
pub(crate) trait Decide: Send + Sync {
    type Key: Client;

    /// Returns whether this client is admitted now.
    fn decide(&self, key: &Self::Key) -> bool;

    /// Decides for a client without a state.
    fn first(&self, key: &Self::Key) -> bool {
        self.decide(key)
    }
}

/// A [`Decide`] whose loop is compiled for it, so that the dynamic call is not part of each decision.
pub(crate) trait Subject: Send + Sync {
    /// Decides for a part of the sequence. Returns how many decisions are allowed.
    fn run(&self, sequence: &Sequence, part: Range<usize>) -> usize;

    /// Decides once for every client of the sequence, as for new clients. Returns how many are admitted.
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

/// The name of a subject, and how to make it.
#[derive(Clone, Copy)]
pub(crate) struct Maker {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&Task) -> Box<dyn Subject>,
    /// Whether the subject uses the task's algorithm. The others have only one algorithm.
    pub(crate) has_algorithms: bool,
    /// The divisor of the number of decisions, for slow subjects.
    pub(crate) slower: usize,
}

/// The parameters of a subject.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) clients: usize,
    pub(crate) outcome: Outcome,
    pub(crate) algorithm: Algorithm,
}

/// The name of the best-known peer.
pub(crate) const REFERENCE: &str = "governor";
/// The name of the lower bound of a keyed decision.
pub(crate) const FLOOR: &str = "floor";

/// All subjects.
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

/// Returns the names of all subjects but this library.
pub(crate) fn peers() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().map(|maker| maker.name).filter(|name| *name != OURS)
}

/// Makes the subject with this name.
pub(crate) fn peer(name: &str, clients: usize, outcome: Outcome) -> Option<Box<dyn Subject>> {
    let maker = MAKERS.iter().find(|maker| maker.name == name)?;
    Some((maker.make)(&Task { clients, outcome, algorithm: Algorithm::Gcra }))
}
