//! Batches: several decision requests in one call of the script.
//!
//! A call costs the client and the server several times as much as a decision. The script reads all states of a
//! batch in one command, decides each request as if it were alone, and writes each state once.

pub(super) mod call;
pub(super) mod queue;
pub(super) mod reply;
