//! Counts allocations, without effect on timings. Alone because a program has one global allocator.

use alloc_tracker::{Allocator, Session};

#[global_allocator]
static ALLOCATOR: Allocator<std::alloc::System> = Allocator::system();

/// Returns the number of allocations that `work` makes on this thread.
pub(crate) fn count(work: impl FnOnce()) -> u64 {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("work");
    {
        let _span = operation.measure_thread().iterations(1);
        work();
    }
    session.to_report().operations().map(|(_, counted)| counted.total_allocations_count()).sum()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::count;

    #[test]
    fn only_what_the_work_allocates_counts() {
        assert_eq!(count(|| drop(black_box(Box::new(1)))), 1);
        assert_eq!(count(|| ()), 0);
    }
}
