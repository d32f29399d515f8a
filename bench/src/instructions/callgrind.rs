//! Runs a child process under callgrind, and counts the instructions between two marks.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, io, process};

use crate::{child, mark};

/// Proof that `valgrind` is installed.
pub(super) struct Callgrind(());

impl Callgrind {
    /// Looks for `valgrind`.
    ///
    /// # Errors
    ///
    /// Fails if it is not installed.
    pub(super) fn find() -> Result<Self, Box<dyn Error>> {
        let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
        let found = version.is_ok_and(|status| status.success());
        found.then_some(Self(())).ok_or_else(|| "valgrind is missing: apt-get install valgrind".into())
    }

    /// Starts one part of a measurement, with pipes for its input and output.
    #[expect(clippy::unused_self, reason = "the value proves that valgrind is installed")]
    pub(super) fn start(&self, part: &[&str]) -> Result<Counted, Box<dyn Error>> {
        let folder = env::temp_dir().join(format!("throttle-bench-{}", process::id()));
        // Files of an earlier process with this id must not be read.
        remove(&folder)?;
        fs::create_dir(&folder)?;
        let mut out = "--callgrind-out-file=".to_owned();
        out.push_str(&folder.join("profile").to_string_lossy());
        let child = child::command(part)?;
        let process = Command::new("valgrind")
            // The C library copies memory by other instructions on other processors.
            .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM")
            .args(["--quiet", "--tool=callgrind", &out])
            .arg(format!("--dump-before={}", mark::NAME))
            .arg(child.get_program())
            .args(child.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Counted { process, folder })
    }
}

/// A process whose instructions are counted.
pub(super) struct Counted {
    pub(super) process: Child,
    folder: PathBuf,
}

impl Counted {
    /// Closes the input, waits for the process, and returns the number of instructions between its two marks.
    pub(super) fn between_marks(mut self) -> Result<u64, Box<dyn Error>> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("a counted process ended with {status}").into());
        }
        // The first profile ends at the first mark, the second one at the second mark, and the last one with
        // the process.
        let profile = fs::read_to_string(self.folder.join("profile.2"))?;
        total(&profile).ok_or_else(|| "callgrind wrote a profile without a total".into())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // The process is still running only after an error, which is already reported.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = remove(&self.folder);
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the total number of instructions in a profile.
fn total(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn profiles_are_understood() {
        assert_eq!(total("events: Ir\nfn=(1) main\n7 12\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(total("events: Ir\n"), None);
    }
}
