//! Who asks, and in what order.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::cell::Traffic;

/// The clients of a run, and the order in which they come.
///
/// Keys are kept in the order of access, so that reading them is a stream, as it is for a request that has just
/// arrived, and only the limiter's own memory is read at random.
#[derive(Debug)]
pub(crate) struct Sequence {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// A kind of key that sequences are made of.
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
    /// Each of these clients once.
    pub(crate) fn clients(clients: Range<u64>) -> Self {
        Self::of(clients)
    }

    /// As many as `traffic` needs before it may begin anew.
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

/// 20 bytes, a different text for each client below 10^15, without order.
pub(crate) fn name(client: u64) -> String {
    const NAMES: u128 = 1_000_000_000_000_000;
    format!("user:{:015}", u128::from(client) * 618_033_988_749_897 % NAMES)
}

/// A different address for each client below 2^32, without order.
const fn address(client: u64) -> IpAddr {
    #[expect(clippy::cast_possible_truncation, reason = "no run has that many clients")]
    let bits = (client as u32).wrapping_mul(2_654_435_769);
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

/// Spreads ranks over the clients, so that the busiest are not neighbours in anybody's memory.
const fn scatter(rank: u64, clients: u64) -> u64 {
    rank * 387_420_489 % clients
}

/// Ranks, the first the most often, as `1 / rank^exponent`.
struct Zipf {
    /// What share of the draws has this rank or one before.
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
