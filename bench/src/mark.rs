//! The marks between which callgrind counts instructions. Alone because callgrind finds them by this module's path.

use std::hint::black_box;

/// The name under which callgrind finds [`mark`].
pub(crate) const NAME: &str = concat!(module_path!(), "::mark");

/// Makes callgrind write a profile of everything since the previous call.
#[inline(never)]
#[expect(
    clippy::missing_const_for_fn,
    reason = "callgrind looks for a call that happens while the program runs"
)]
pub(crate) fn mark() {
    black_box("mark");
}
