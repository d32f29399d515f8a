//! Signals to the processes of servers, in tests. Alone because the tests of all servers use it.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Sends a signal, such as `-STOP`. A stopped process can still run for a moment after the signal was sent, so
/// this function returns only when the process has stopped.
pub(crate) fn send(process: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(status.expect("kill").success());
    let started = Instant::now();
    while signal == "-STOP" && !is_stopped(process) {
        assert!(started.elapsed() < Duration::from_secs(30), "{process} did not stop");
        sleep(Duration::from_millis(1));
    }
}

/// Returns whether all threads of a process are stopped. Where there is no `/proc`, it waits a little instead.
fn is_stopped(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        sleep(Duration::from_millis(50));
        return true;
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with('T'))
    })
}
