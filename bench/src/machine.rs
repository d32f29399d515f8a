//! The machine: its class, its date, and how noisy it is.

use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::statistics;

/// Returns the number of processors and their model. Nothing in it identifies this machine within its class.
pub(crate) fn class() -> &'static str {
    static CLASS: LazyLock<String> = LazyLock::new(|| {
        let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let mut lines = about.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(field, _)| field.trim() == name).map_or("?", |(_, value)| value.trim())
        };
        let make = field("model name").replace("(R)", "").replace("(TM)", "").replace(" Processor", "");
        let is_virtual = field("flags").split(' ').any(|flag| flag == "hypervisor");
        let (processors, kind) = (CORES.len(), if is_virtual { "vCPU" } else { "CPU" });
        format!("{processors} {kind} {make}, family {} model {}", field("cpu family"), field("model"))
    });
    &CLASS
}

/// The processors that this process may use. They must be read before a thread is pinned to one.
static CORES: LazyLock<Vec<core_affinity::CoreId>> =
    LazyLock::new(|| core_affinity::get_core_ids().unwrap_or_default());

/// Pins this thread to a processor. Does nothing if the machine has fewer processors.
pub(crate) fn pin(core: usize) {
    if let Some(&core) = CORES.get(core) {
        core_affinity::set_for_current(core);
    }
}

/// Returns the version of the compiler that `cargo` uses here, and the architecture.
pub(crate) fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{} for {}", version.unwrap_or_default(), std::env::consts::ARCH)
}

/// Returns today's date in UTC, as `2026-01-31`.
pub(crate) fn today() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(since_epoch.as_secs() / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// Returns year, month and day of a number of days since 1970. The calculation counts years from March.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The noise of the machine, from repeated timings of a fixed piece of work.
#[derive(Debug, Default)]
pub(crate) struct Noise(Vec<f64>);

impl Noise {
    pub(crate) fn sample(&mut self) {
        self.0.push(calibration());
    }

    pub(crate) fn spread(&self) -> f64 {
        statistics::spread(&self.0)
    }
}

/// Returns the duration of a fixed piece of arithmetic on the measuring processor, in nanoseconds. The work
/// keeps the whole core busy, so it also detects a neighbour that shares the core.
fn calibration() -> f64 {
    const ROUNDS: u64 = 1 << 16;
    let work = || {
        pin(0);
        let start = Instant::now();
        let mut states = black_box([1_u64, 2, 3, 4, 5, 6, 7, 8]);
        for _ in 0..ROUNDS {
            states = states.map(|state| (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        black_box(states);
        start.elapsed().as_nanos() as f64
    };
    thread::spawn(work).join().unwrap_or(f64::NAN)
}

/// Returns the resident memory of this process, in bytes.
pub(crate) fn resident() -> u64 {
    let about = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = about.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}

/// Returns the peak of [`resident`].
pub(crate) fn most_resident() -> u64 {
    let about = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = about.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    kilobytes * 1_024
}

/// Returns the processor time of all threads of a process, in nanoseconds.
pub(crate) fn processor_time(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_have_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_545), (2026, 4, 2));
    }
}
