//! The gate: compares counts with stored ones, so that no change makes a request slower without anybody noticing.
//!
//! `./test` builds this program without the feature `peers`. The compiler inlines differently in the smaller program, so its
//! counts differ from those of the full program.

use super::Instructions;
use crate::report::{Record, percent};

/// Whether this program is the one that `./test` builds.
pub(super) const IS_GATE: bool = !cfg!(feature = "peers");

/// The name of the stored results.
pub(super) const RESULTS: &str = if IS_GATE { "gate" } else { "instructions" };

/// How much a count may grow, as a fraction of the stored one.
const TOLERANCE: f64 = 0.02;

/// Returns the stored record of the same cell and subject.
pub(super) fn stored<'a>(
    (cell, subject): (&str, &str),
    records: &'a [Record<Instructions>],
) -> Option<&'a Instructions> {
    records.iter().find(|other| other.cell == cell && other.subject == subject).map(|other| &other.more)
}

/// Returns how much a count has grown, as a fraction, if it has grown too much.
pub(super) fn growth(count: f64, stored: &Instructions) -> Option<f64> {
    Some(count / stored.instructions - 1.0).filter(|&growth| growth > TOLERANCE)
}

/// Returns the number of records that are not compared, because another compiler made the stored counts.
pub(super) fn not_compared(records: &[Record<Instructions>], before: &[Record<Instructions>]) -> usize {
    let is_other = |record: &&Record<Instructions>| {
        let stored = stored((&record.cell, &record.subject), before);
        stored.is_some_and(|stored| stored.compiler != record.more.compiler)
    };
    records.iter().filter(is_other).count()
}

/// Returns why a record does not pass. Counts of different compilers are not compared.
pub(super) fn missed(record: &Record<Instructions>, before: &[Record<Instructions>]) -> Option<String> {
    let Record { cell, subject, more, .. } = record;
    let Some(stored) = stored((cell, subject), before) else {
        return Some(format!("{cell} of {subject} has no stored count: add `--save`"));
    };
    let growth = growth(more.instructions, stored).filter(|_| more.compiler == stored.compiler)?;
    let (now, before, growth) = (more.instructions, stored.instructions, percent(growth));
    Some(format!("{cell} of {subject}: {now:.1} instructions, {growth} more than {before:.1}"))
}

#[cfg(test)]
mod tests {
    use super::{Instructions, missed};
    use crate::report::{Record, record};

    fn counted(instructions: f64, compiler: &str) -> Record<Instructions> {
        let more =
            Instructions { instructions, added: None, spread: 0.0, reps: 1, compiler: compiler.to_owned() };
        record("request/bare", "bare", 0.0, more)
    }

    #[test]
    fn a_count_may_grow_by_two_percent() {
        let before = [counted(1_000.0, "1.95")];
        assert_eq!(missed(&counted(1_019.0, "1.95"), &before), None);
        assert_eq!(missed(&counted(500.0, "1.95"), &before), None);
        let message = missed(&counted(1_030.0, "1.95"), &before).expect("a message");
        assert_eq!(message, "request/bare of bare: 1030.0 instructions, 3 % more than 1000.0");
        assert_eq!(missed(&counted(1_030.0, "1.96"), &before), None);
        assert!(missed(&counted(1.0, "1.95"), &[]).expect("a message").contains("--save"));
    }
}
