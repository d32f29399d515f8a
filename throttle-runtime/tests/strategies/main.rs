//! Every strategy: common properties, and each strategy compared with a slow and obviously correct form.

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
