//! The targets of this library.

use super::subject::{CELL, CRAB, PLAIN, TRYPEMA};
use super::{Shared, Traffic};
use crate::report::{OURS, Record};

/// The minimum, as a fraction of the rate of `INCR`s, with many callers and many keys.
pub(crate) const SHARE: f64 = 0.7;
/// The minimum, as a multiple of one script call per decision, with a single caller: as fast, except for
/// noise.
const ALONE: f64 = 0.97;
/// The minimum for denied requests, as a multiple of the rate without the local cache of denials.
const DENIED: f64 = 20.0;

/// Peers that use a server, and their earlier results with 64 callers, as a fraction of the rate of `INCR`s.
/// These results count if a peer is not installed. limitador is never measured, because its Redis storage
/// compiles only together with `RocksDB`.
const RIVALS: [(&str, f64); 4] = [(CELL, 0.66), (CRAB, 0.26), ("limitador", 0.23), (TRYPEMA, 0.12)];

/// Returns the missed targets, one line for each.
pub(super) fn missed(records: &[Record<Shared>]) -> Vec<String> {
    let ours = records.iter().filter(|record| record.subject == OURS);
    ours.flat_map(|own| missed_by(own, records)).collect()
}

fn missed_by(own: &Record<Shared>, all: &[Record<Shared>]) -> Vec<String> {
    let Shared { callers, vs_incr, vs_script, vs_plain, p99_vs_script, .. } = own.more;
    let busy = own.cell.starts_with(Traffic::Many.name());
    let denied = own.cell.starts_with(Traffic::Denied.name());
    let mut words = Vec::new();
    if let Some(share) = vs_incr.filter(|&share| busy && callers > 1 && share < SHARE) {
        words.push(format!("{share:.2} of INCR, not {SHARE}"));
    }
    if let Some(share) = vs_incr.filter(|_| busy && callers == 64) {
        let rivals = RIVALS.iter().map(|&(name, stored)| (name, reached(name, own, all).unwrap_or(stored)));
        words.extend(
            rivals
                .filter(|&(_, reached)| share <= reached)
                .map(|(name, reached)| format!("{share:.2} of INCR, not above the {reached:.2} of {name}")),
        );
    }
    if let Some(times) = vs_script.filter(|&times| callers == 1 && times < ALONE) {
        words.push(format!("{times:.2}x of one script per decision, not {ALONE}x"));
    }
    if let Some(times) = p99_vs_script.filter(|&times| callers == 64 && times > 1.0) {
        words.push(format!("a p99 of {times:.2}x that of one script per decision, not 1x"));
    }
    if let Some(times) = vs_plain.filter(|&times| denied && times < DENIED) {
        words.push(format!("{times:.1}x of {PLAIN}, not {DENIED}x"));
    }
    words.into_iter().map(|words| format!("{} for {callers}: {words}", own.cell)).collect()
}

/// Returns the result of a rival in the same run.
fn reached(name: &str, own: &Record<Shared>, all: &[Record<Shared>]) -> Option<f64> {
    let beside = |other: &&Record<Shared>| {
        (&other.cell, other.more.callers, other.subject.as_str()) == (&own.cell, own.more.callers, name)
    };
    all.iter().find(beside)?.more.vs_incr
}

#[cfg(test)]
mod tests {
    use super::{CELL, OURS, Record, Shared, missed};
    use crate::report::record;

    fn reached(subject: &str, share: f64) -> Record<Shared> {
        let more = Shared {
            callers: 64,
            ops_per_s: 1e5 * share,
            vs_incr: Some(share),
            vs_script: None,
            vs_plain: None,
            p50_us: 1.0,
            p99_us: 1.0,
            p99_vs_script: None,
            spread: 0.0,
            reps: 1,
        };
        record("many/gcra", subject, 0.0, more)
    }

    #[test]
    fn a_rival_counts_with_what_it_reached_beside_ours_or_else_before() {
        let before = missed(&[reached(OURS, 0.65)]);
        assert_eq!(before.len(), 2, "{before:?}");
        assert!(before[1].ends_with("0.65 of INCR, not above the 0.66 of redis-cell"), "{before:?}");
        let beside = missed(&[reached(OURS, 0.72), reached(CELL, 0.75)]);
        assert_eq!(beside, ["many/gcra for 64: 0.72 of INCR, not above the 0.75 of redis-cell"]);
        assert!(missed(&[reached(OURS, 0.72), reached(CELL, 0.71)]).is_empty());
    }
}
