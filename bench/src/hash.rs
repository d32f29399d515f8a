//! `hash`: the cost of the fingerprint of a key, with different hash functions.
//!
//! Keys come from clients, so a limiter needs a keyed hash and practically unique fingerprints: 128 bits of
//! SipHash or of an AES hash. The other hash functions show the price of these two properties.
//!
//! Other AES hashes cannot be measured here. `gxhash` does not compile, and `ahash` does not use AES, unless
//! the whole program is compiled for processors with AES (`-C target-feature=+aes`). A library cannot require
//! that of its users.

use std::error::Error;
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use siphasher::{sip, sip128};
use throttle::__private::Secret;

use crate::cli::Options;
use crate::machine::{self, Noise};
use crate::report::{Record, Report, Table, number, percent, ratio, record};
use crate::statistics::{median, paired, spread};

/// The values that this command measures besides time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) spread: f64,
}

/// A hash function, as a loop over keys that is compiled for it.
struct Hash {
    name: &'static str,
    run: Box<Loop>,
}

/// The fastest hash function, which all others are compared with.
const FLOOR: &str = "foldhash, 64 bits";
/// The hash function of governor.
const REFERENCE: &str = "SipHash-1-3, 64 bits";

/// Hashes all keys, and returns a value that depends on each hash.
type Loop = dyn Fn(&[Vec<u8>]) -> u64;

fn hashes() -> Vec<Hash> {
    let (fold, a) = (foldhash::fast::RandomState::default(), ahash::RandomState::new());
    let (k0, k1) = (fastrand::u64(..), fastrand::u64(..));
    let (ours, portable) = (Secret::of_process(), Secret::of_process().portable());
    let ahash = if cfg!(target_feature = "aes") { "ahash, 64 bits" } else { "ahash without AES, 64 bits" };
    vec![
        hash(FLOOR, move |key| written(fold.build_hasher(), key)),
        hash(ahash, move |key| written(a.build_hasher(), key)),
        hash(REFERENCE, move |key| sip::SipHasher13::new_with_keys(k0, k1).hash(key)),
        hash("SipHash-1-3, 128 bits", move |key| {
            let (low, high) = sip128::SipHasher13::new_with_keys(k0, k1).hash(key).as_u64();
            low ^ high
        }),
        hash("throttle without AES, 128 bits", move |key| folded(portable.hash(0, key))),
        hash("throttle, 128 bits", move |key| folded(ours.hash(0, key))),
    ]
}

fn hash(name: &'static str, hash: impl Fn(&[u8]) -> u64 + 'static) -> Hash {
    let run = move |keys: &[Vec<u8>]| keys.iter().fold(0, |all, key| all ^ hash(black_box(key)));
    Hash { name, run: Box::new(run) }
}

fn written(mut hasher: impl Hasher, key: &[u8]) -> u64 {
    hasher.write(key);
    hasher.finish()
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
const fn folded(hash: u128) -> u64 {
    hash as u64 ^ (hash >> 64) as u64
}

pub(crate) fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut report = Report::new("hash", options);
    let reps = options.reps.unwrap_or(if options.quick { 5 } else { 15 });
    machine::pin(0);
    for length in [8, 20, 64] {
        let records = measure(length, reps, options);
        report.records(&records);
        report.say(&table(&records));
    }
    Ok(report.finish()?)
}

fn measure(length: usize, reps: usize, options: &Options) -> Vec<Record<Fingerprint>> {
    const KEYS: usize = 1_000;
    const ROUNDS: usize = 100;
    let key = |_| (0..length).map(|_| fastrand::alphanumeric() as u8).collect();
    let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    let hashes = hashes();
    let hashes: Vec<_> = hashes.iter().filter(|hash| options.wants_subject(hash.name)).collect();
    let mut samples = vec![Vec::new(); hashes.len()];
    let mut noise = Noise::default();
    for _ in 0..reps {
        for (hash, samples) in hashes.iter().zip(&mut samples) {
            noise.sample();
            let clock = Instant::now();
            for _ in 0..ROUNDS {
                black_box((hash.run)(&keys));
            }
            samples.push(clock.elapsed().as_nanos() as f64 / (KEYS * ROUNDS) as f64);
        }
    }
    let of =
        |name| hashes.iter().zip(&samples).find(|(hash, _)| hash.name == name).map(|(_, samples)| samples);
    let noise = noise.spread();
    let records = hashes.iter().zip(&samples).map(|(hash, own)| Record {
        ns: Some(median(own)),
        vs_governor: of(REFERENCE).map(|other| paired(own, other, |own, other| other / own)),
        vs_floor: of(FLOOR).map(|other| paired(own, other, |own, other| own / other)),
        ..record(&format!("{length} bytes"), hash.name, noise, Fingerprint { spread: spread(own) })
    });
    records.collect()
}

pub(crate) fn table(records: &[Record<Fingerprint>]) -> String {
    let Some(first) = records.first() else { return String::new() };
    let mut table = Table::new([&first.cell, "ns", "spread", "vs governor's", "vs the floor's"]);
    for Record { subject, ns, vs_governor, vs_floor, more, .. } in records {
        let ns = number(ns.unwrap_or_default());
        table.row([subject.clone(), ns, percent(more.spread), ratio(*vs_governor), ratio(*vs_floor)]);
    }
    format!("{}\nmachine's noise: {}\n", table.render(), percent(first.noise))
}
