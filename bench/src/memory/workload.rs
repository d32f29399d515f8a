//! The clients and the order of their requests.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::cell::Traffic;

/// The clients of a run, in the order of their requests.
///
/// The keys are stored in the order of access, so that reading them is sequential, as for a request that has
/// just arrived. Only the limiter's own memory is accessed at random.
#[derive(Debug)]
pub(crate) struct Sequence {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// A type of key that sequences contain.
pub(crate) trait Client: Sized {
    fn in_order(sequence: &Sequence) -> &[Self];
}

impl Client for String {
    fn in_order(sequence: &Sequence) -> &[Self] {
        &sequence.names
    }
}

impl Client for IpAddr {
    fn in_order(sequence: &Sequence) -> &[Self] {
        &sequence.addresses
    }
}

impl Sequence {
    /// Returns each of these clients once.
    pub(crate) fn clients(clients: Range<u64>) -> Self {
        Self::of(clients)
    }

    /// Returns a random sequence for `traffic`, long enough to be repeated.
    pub(crate) fn drawn(traffic: Traffic) -> Self {
        let clients = traffic.clients();
        let mut random = fastrand::Rng::with_seed(clients);
        match traffic {
            Traffic::Hot => Self::of(std::iter::repeat_n(0, 1 << 14)),
            Traffic::Thousand => Self::of((0..1 << 14).map(|_| random.u64(..clients))),
            Traffic::Uniform => Self::of((0..1 << 20).map(|_| random.u64(..clients))),
            Traffic::Zipf => {
                let ranks = Zipf::new(clients, 1.1);
                Self::of((0..1 << 20).map(|_| scatter(ranks.draw(&mut random), clients)))
            }
        }
    }

    fn of(clients: impl Iterator<Item = u64>) -> Self {
        let (names, addresses) = clients.map(|client| (name(client), address(client))).unzip();
        Self { names, addresses }
    }

    pub(crate) const fn len(&self) -> usize {
        self.names.len()
    }
}

/// Returns a name of 20 bytes, different for each client below 10^15, in no order.
pub(crate) fn name(client: u64) -> String {
    const NAMES: u128 = 1_000_000_000_000_000;
    format!("user:{:015}", u128::from(client) * 618_033_988_749_897 % NAMES)
}

/// Returns an address, different for each client below 2^32, in no order.
const fn address(client: u64) -> IpAddr {
    #[expect(clippy::cast_possible_truncation, reason = "no run has that many clients")]
    let bits = (client as u32).wrapping_mul(2_654_435_769);
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

/// Maps ranks to clients, so that the busiest clients are not neighbours in memory.
const fn scatter(rank: u64, clients: u64) -> u64 {
    rank * 387_420_489 % clients
}

/// Random ranks with a probability proportional to `1 / rank^exponent`.
struct Zipf {
    /// The cumulated weight of each rank and all ranks before it.
    cumulated: Vec<f64>,
}

impl Zipf {
    fn new(ranks: u64, exponent: f64) -> Self {
        let mut total = 0.0;
        let cumulated = (1..=ranks)
            .map(|rank| {
                total += (rank as f64).powf(-exponent);
                total
            })
            .collect();
        Self { cumulated }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> u64 {
        let total = self.cumulated.last().copied().unwrap_or_default();
        let point = random.f64() * total;
        self.cumulated.partition_point(|&cumulated| cumulated <= point) as u64
    }
}
