//! Every strategy: properties that all of them have, and each against a slow and obviously right form of itself.

mod boundaries;
mod buckets;
mod calendar;
mod classes;
mod common;
mod large_limits;
mod properties;
mod through_memory;
mod time_of_day;
mod updates;
mod windows;
