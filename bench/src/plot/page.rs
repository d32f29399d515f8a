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

Compare the ratios, not the nanoseconds. All libraries run in the same process and in the same run, in turns. A ratio is
computed within each repetition, and the median over all repetitions is shown.

- **spread**: the interquartile range of the measured times, divided by their median.
- **machine's noise**: the same number for a fixed loop that runs between the measurements.
- **throttle** and **ThrottleLayer**: this library. **bare**: no limiter. **floor**: see below. The other subjects are other
  libraries.
";

const MEMORY: &str = "\
## A decision

Keys are 20 bytes of text (`governor-ip`: IP addresses). All keys are known before the measurement, and are read in the
order of a prepared list. The names of the cells:

| part | meaning |
|---|---|
| `hot` | one key |
| `1k`, `1m` | a thousand keys, a million keys, with equal shares of the requests |
| `zipf` | a million keys, a few of which make most of the requests |
| `allowed`, `denied` | a quota that is never exhausted, a quota that is exhausted for every key; each run checks this |
| `stale` | allowed, but all states have expired since they were made, so this library may drop them |
| `1t`, `2t` | one thread, two threads, each pinned to one processor; times are per decision and thread |

This library is measured through `Throttle::hit`, the other libraries through their function for a key.

The floor is the lowest cost of a decision with a key: a table of 64-bit fingerprints by foldhash, a coarse clock, and one
compare-and-swap. It is not a usable limiter: clients can make its keys collide, and its table neither grows nor evicts. The
target is at least 2.5 times faster than governor and at most 2 times slower than the floor, in every cell, without
allocations.

This library does more than the floor: it hashes with a secret, computes exact waits, allows settings and switches to change
at any time, and counts decisions. Each page of the table has a version, so that readers need no lock.

A denial by GCRA takes 260 instructions, and an admission 290. With fixed windows these are 249 and 266 instructions. With one
key, no instruction waits for memory, so `hot/denied` is furthest from the floor.

With a million keys, a decision reads three cache lines, and the floor reads one. The three are the index, the version of the
page, and the state itself. They take 17 %, 37 % and 28 % of the time. One version for 42 states keeps a key at 34 bytes.

The ratios also depend on the load of the other hardware thread of the core. Under load there, this library takes about 1.9
times as long, the floor 1.7 times, and governor, which waits for memory more than it computes, 1.4 times.

![Times of a decision in one thread, GCRA](benchmarks/memory-1t.svg)

![Times of a decision in two threads, GCRA](benchmarks/memory-2t.svg)
";

const HASH: &str = "\
## A fingerprint

The time of hashing one key. foldhash and ahash are fast, but do not withstand clients that choose their keys.
";

const FOOTPRINT: &str = "\
## Memory

The growth of the resident memory of a process, divided by the number of keys, each of which is used once. No cleanup function
is called. The target is at most 40 bytes per key.

![Bytes per key](benchmarks/footprint.svg)
";

const FLOOD: &str = "\
### Under a flood

Ten million clients send one request each, with `max_keys` of one million. Every thousandth request is sent by a client that
is at its limit and must be denied (`hot passed` counts the ones that were admitted). The target is a p99.9 of at most 20
times the median, and at most 40 bytes per key for the table and 48 bytes for the sketches of evicted states.

![Memory over a flood](benchmarks/flood.svg)
";

const HONEST: &str = "\
### Honest clients beyond the bound

These are requests of clients that stay within their limits, with more clients than the table holds. There are two guarantees:

- An evicted client is never admitted more than its limit.
- At most 1 of 1000 requests of honest clients is denied, while at most 8 × `max_keys` evicted states of fixed windows are
  alive, or 5 × `max_keys` of token buckets.

The cells:

- `mixed-periods`: the table is full of `10000/day` states of another throttle. Then five times as many new clients
  send one request each within a minute, with the limits `5/min, 500/hour`.
- `flood`: nine of ten requests come from an attacker that uses a new key each time. The others come from honest clients with
  the limit `10/day`, three requests each.
- `day`: there are ten times as many clients as the table holds. Each sends three requests in one day, with the limit `10/day`.
";

const HTTP: &str = "\
## A request

A hello-world service of axum runs on one processor. The load comes from 32 connections on another processor. `of bare` is
the rate divided by that of the service without a limit. `#[throttle]` has these targets, and in each cell at least the rate
of tower_governor: 0.97 without headers, 0.93 with headers, and 0.93 if every request is denied. It is faster than
tower_governor, and misses the three numbers. The next section shows where the instructions go.

![Requests per second as a part of the bare service's](benchmarks/http.svg)
";

const INSTRUCTIONS: &str = "\
## Instructions

This table shows the number of instructions of one decision and of one HTTP request. Callgrind counts them between two marks
in the same process, so startup is not included. Most counts differ by less than 0.1 % between two runs, and none by more than
0.5 %. A count depends on the compiler, on the architecture of the processor, and on the other code of the program.

A decision is `Throttle::hit` with one key of 20 bytes in the memory backend. `fast` is the path without locks, which
exists for five strategies. `general` is the path that every other backend also uses: the strategy decides under a lock of
the memory backend. The states of `sliding-window-log` and `priority-queue` are lists, here with ten entries.

A request is sent over a keep-alive connection to one of the services in the table, in a server with one thread. The cell
`message` counts a message of a WebSocket instead of a request.
The count includes the whole server process: axum, hyper, tokio and the compared library. It does not include the kernel.
`more than bare` compares with a service without a limiter that receives the same request. `bare-api-key` receives the
header that is the key, and `bare-path` the path parameter that is the key. `bare-message` echoes messages of a WebSocket.
`bare-axum-0.7` has the version of axum that axum_gcra needs. axum-governor always sends headers. axum_gcra never sends
them.

The targets for `#[throttle]` are at most 800 instructions more than bare without headers, 2000 with headers, and 1500 for a
denial. `#[throttle]` misses these targets. The following profile is of the program that `./test` builds, without the other
libraries. There, a request takes 900, 2400 and 3450 instructions more than bare.

| part | no headers | headers | denied |
|---|---:|---:|---:|
| an axum extractor that does nothing | 180 | 180 | 180 |
| the throttle, the client and the decision | 430 | 430 | 410 |
| two or three headers more: hashes and inserts by `http`, writes by hyper | - | 610 | 1020 |
| values of these headers, and the sentence of a denial | - | 560 | 900 |
| allocations and copies of the future and the response | 290 | 630 | 940 |

`two-throttles`, `template-key`, `max-concurrent` and `message` use the [pipeline](../ARCHITECTURE.md#two-paths-to-a-decision) instead
of the fast path.

`./test` fails if a count of its program has grown by more than 2 %.
";

const REDIS: &str = "\
## Redis

Limits in one Redis server on one processor. The client runs on another processor and has a single connection. 1, 64 or 512
callers each wait for a decision before they request the next one. `many` is ten thousand keys with equal shares of the
requests, and `hot` is one key, both with more quota than is used. `denied` is one key with an exhausted quota.

| subject | measured |
|---|---|
| `throttle` | `Throttle::hit` |
| `throttle-plain` | `Throttle::hit` without cached denials, so each denial is a call to Redis |
| `incr` | no decision: redis-rs pipelines `INCR` commands of the same number of callers over one connection |
| `script-fixed-window`, `script-gcra` | one minimal script for each decision |
| other libraries and servers | one algorithm each, which is the same in the cells of both algorithms; measured if they are installed |

`vs incr`, `vs script` and `vs plain` are the rate divided by the rate of `incr`, of the script and of `throttle-plain`. The
number in brackets after the p99 is the p99 divided by that of the script.

The targets:

- many keys, many callers: 0.7 of the rate of `incr`
- many keys, 64 callers: more than any other library
- 64 callers: a p99 of at most that of the script
- one caller: at least the rate of the script
- all requests denied: 20 times the rate of `throttle-plain`

A library that is not installed counts with the share of `incr` that it reached for 64 callers on another day: redis-cell
0.66, throttlecrab-server 0.26, limitador 0.23, trypema 0.12.

![Decisions per second as a part of INCRs, by 64 callers](benchmarks/redis.svg)
";

const FAILOVER: &str = "\
## A failover

The backends return immediately, so that only the code around them is measured, in one thread.

| decisions | backend | compared with |
|---|---|---|
| `healthy: no policy` | works, without `on_error` | – |
| `healthy: fallback` | works, with a fallback | `healthy: no policy` |
| `healthy: throttle` | works, with a fallback and a closed circuit breaker | `healthy: fallback` |
| `outage: memory, fast path` | the memory backend itself, on its fast path | `outage: memory, as a store` |
| `outage: memory, as a store` | the memory backend inside another backend, which has no fast path | – |
| `outage: throttle` | is down, and its circuit breaker is open, so the fallback in memory decides | `outage: memory, as a store` |

The target is less than 5 ns for a closed circuit breaker, and less than twice the time of a decision in memory for an open
one.
";

const COMPILE: &str = "\
## A build

A clean `cargo build` of the same service, and the time that one attribute adds, measured with a crate of 200 functions. Crates
are the lines of `cargo tree`. The target is at most 1.3 times the build without a limit, and at most 80 crates.

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
