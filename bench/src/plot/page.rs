//! The text and the tables of `docs/benchmarks.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Kept;
use crate::memory::{Algorithm, Outcome, table};
use crate::report::Record;
use crate::{compile, failover, footprint, hash, http, instructions, redis};

/// The introduction of the page.
const HEAD: &str = "\
<!-- Written by `cargo run --release -p throttle-bench -- plot`: change the text in bench/src/plot/page.rs. -->

# Benchmarks

Ratios are the result, nanoseconds only context: everybody runs in the same process and run, in turns, and a ratio
is the median of those within each repetition. The noise is how far apart the middle half of the times of a fixed
loop was that ran in between; the spread is the same for what was measured.
";

const MEMORY: &str = "\
## A decision

Keys are 20 bytes of text (`governor-ip`: addresses), all seen before, read in the order in which they come. `hot` is
one key, `1k` a thousand in even shares, `1m` a million, `zipf` a million of which a few make most of the traffic.
`1t` and `2t` are threads, each kept on one processor; times are per decision and thread. Allowed is a quota that
nobody uses up, denied one that everybody has used up, and every run checks that it is so. `stale` is allowed too,
but all counts have expired since they were made, so that ours was free to forget them. Ours is measured through
`Throttle::hit`, the others through what they offer for a key.

The floor is the least that a keyed decision can cost: a table of 64-bit fingerprints by foldhash, a coarse clock and
one compare-and-swap. Nobody should limit with it: anybody can make its keys collide, and it neither grows nor
forgets. The target is at least 2.5 times faster than governor and at most 2 times slower than the floor, in every
cell, without allocations.

What ours does and the floor does not: a hash under a secret, exact waits, settings and switches that may change at any
time, counts, and a version of each page of the table by which readers need no lock. A denial by GCRA takes 247
instructions (an admission 272; with fixed windows 237 and 252), and with one key none of them waits for memory, which is
why `hot/denied` is furthest from the floor. With a million keys three lines of memory are read where the floor reads
one: of the index, of the page's version and of the place itself, which take 17, 37 and 28 % of the time. One version for
42 places is what keeps a key at 34 bytes. How far it is also depends on who has the other half of a shared core: then
ours takes about 1.9 times as long, the floor 1.7 and governor, which waits more than it computes, 1.4.

![Times of a decision in one thread, GCRA](benchmarks/memory-1t.svg)

![Times of a decision in two threads, GCRA](benchmarks/memory-2t.svg)
";

const HASH: &str = "\
## A fingerprint

What the hash of a key costs. foldhash and ahash are fast, and not made to withstand clients who choose their keys.
";

const FOOTPRINT: &str = "\
## Memory

Growth of the resident memory of a process, divided by the keys that it used once each, with nothing called to tidy
up. The target is at most 40 bytes per key.

![Bytes per key](benchmarks/footprint.svg)
";

const FLOOD: &str = "\
### Under a flood

Ten million clients come once each, against a limit of a million keys. Every thousandth request is one of a client
that is at its limit and must not pass. The target is a p99.9 within 20 times the median, and memory of at most 40 bytes
per key for the table and 48 for the sketches of evicted states.

![Memory over a flood](benchmarks/flood.svg)
";

const HONEST: &str = "\
### Honest clients beyond the bound

Requests of clients that stay within their limits, where there are more clients than the table keeps. The guarantee has
two numbers. A client that was evicted is never admitted more than its limit. At most 1 of 1000 requests of honest clients is
denied while no more than eight times `max_keys` evicted states of fixed windows are alive, or five times as many of token
buckets.

- `mixed-periods`: the table is full of `10000/day` states of another throttle. Then five times as many new clients
  come within a minute, once each, with the limits `5/min, 500/hour`.
- `flood`: nine of ten requests are those of an attacker with ever new keys. The others are those of honest clients of
  `10/day`, three requests each.
- `day`: ten times as many clients as the table keeps, each of which sends three of `10/day` requests in one day.
";

const HTTP: &str = "\
## A request

A hello-world service of axum on one processor, load with 32 connections from another. The target is 0.97 of the rate
of the bare service without header fields, 0.93 with them, and 0.90 where every request is denied, and never less than
tower_governor reaches.

![Requests per second as a part of the bare service's](benchmarks/http.svg)
";

const INSTRUCTIONS: &str = "\
## Instructions

The number of instructions that one decision and one HTTP request take, counted by callgrind between two
marks in the same process, so that startup is not part of it. A count does not depend on the load of the machine: two
runs differ by less than 0.1 %. It does depend on the compiler.

A decision is `Throttle::hit` with one key of 20 bytes in the memory backend. `fast` is the path without locks, which
five strategies have. `general` is the path that every other backend takes, too: the strategy decides under a lock of the
memory backend. The states of the last three strategies are lists, with ten entries here.

A request is one of a keep-alive connection to the services of the section before, in a server with one thread. The
count covers the whole server process: axum, hyper, tokio and what is compared. It does not cover the kernel.
";

const REDIS: &str = "\
## Redis

Limits in one Redis server, which has a processor to itself. The client has another one, and a single connection;
1, 64 or 512 callers each wait for a decision before they ask for the next one. `many` are ten thousand keys in even
shares, `hot` is one key, both with more quota than they use; `denied` is one key without any left.

`incr` decides nothing: redis-rs pipelines `INCR`s through one connection for as many callers, and `vs incr` is the
rate as a part of theirs. `script-fixed-window` and `script-gcra` are one script for each decision, with as little in
it as there can be; `vs script` is the rate as a multiple of that, and so is what stands behind the p99. The peers that
keep their limits in a server have one algorithm each, the same in the cells of both, and are there if they were
installed. Ours is `Throttle::hit`. `throttle-plain` is the same without a memory of denials, so that it asks about each
of them; `vs plain` is the rate as a multiple of its.

The target is 0.7 of the rate of `INCR`s with many callers and many keys, more than any peer, with a p99 for 64
callers that is no worse than by one script per decision; for one caller no less than by such a script; and 20 times
the rate of `throttle-plain` where all is denied. Peers that are not there count with what they reached for 64 callers
on another day: redis-cell 0.66, throttlecrab-server 0.26, limitador 0.23, trypema 0.12.

![Decisions per second as a part of INCRs, by 64 callers](benchmarks/redis.svg)
";

const FAILOVER: &str = "\
## A failover

Backends that answer at once, so that nothing but what stands around them is measured, in one thread. `healthy` are
decisions of a backend that works, without a policy, with a fallback, and with a breaker before that; `outage` those of
a backend that is down and whose breaker is open, so that memory decides, and of memory by itself: as what it is, and
as a backend of which nothing is known. Each is compared with the one that it is a part more than.

The target is less than 5 ns for the breaker while it is closed, and less than twice a decision in memory while it is
open.
";

const COMPILE: &str = "\
## A build

A clean `cargo build` of the same service, and what one attribute adds, from a crate of 200 functions. Crates are the
lines of `cargo tree`. The target is at most 1.3 times the bare build, and 80 crates.

![Time of a clean build, and its crates](benchmarks/compile.svg)
";

/// Returns the text of the page.
pub(super) fn write(kept: &Kept) -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, MEMORY, &kept.memory, decisions);
    section(&mut page, HASH, &kept.hash, |records| {
        records.chunk_by(|a, b| a.cell == b.cell).map(hash::table).collect::<Vec<_>>().join("\n")
    });
    section(&mut page, FOOTPRINT, &kept.footprint, footprint::growth_table);
    section(&mut page, FLOOD, &kept.flood, footprint::flood_table);
    section(&mut page, HONEST, &kept.honest, footprint::honest_table);
    section(&mut page, HTTP, &kept.http, http::table);
    section(&mut page, INSTRUCTIONS, &kept.instructions, instructions::table);
    section(&mut page, REDIS, &kept.redis, redis::tables);
    section(&mut page, FAILOVER, &kept.failover, failover::table);
    section(&mut page, COMPILE, &kept.compile, compile::table);
    page
}

/// Adds a section, if there are records.
fn section<T>(page: &mut String, text: &str, records: &[Record<T>], table: impl Fn(&[Record<T>]) -> String) {
    if !records.is_empty() {
        let days: BTreeSet<_> = records.iter().map(|record| record.date.as_str()).collect();
        let machines: BTreeSet<_> = records.iter().map(|record| record.machine.as_str()).collect();
        let words = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join("; ");
        let _ =
            write!(page, "\n{text}\nMeasured {} on {}.\n\n{}", words(days), words(machines), table(records));
    }
}

fn decisions(records: &[Record<crate::memory::Decisions>]) -> String {
    let mut text = table::ours(records);
    for algorithm in [Algorithm::Gcra, Algorithm::FixedWindow] {
        for outcome in [Outcome::Allowed, Outcome::Denied] {
            for threads in [1, 2] {
                let _ = write!(text, "\n{}", table::grid(records, outcome, algorithm, threads));
            }
        }
    }
    text
}
