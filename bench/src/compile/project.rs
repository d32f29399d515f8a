//! Generated packages that are compiled for the measurement.

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;
use std::{env, fs, process};

/// A folder that is removed when this value is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        let path = env::temp_dir().join(format!("throttle-bench-{}", process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system cleans up the temporary folder if this fails.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A package whose dependencies have been downloaded.
pub(super) struct Project(PathBuf);

impl Project {
    /// Creates a package in a folder of its own. `source` is the path and the text of its only source file.
    pub(super) fn new(
        folder: &Folder,
        name: &str,
        dependencies: &str,
        source: (&str, &str),
    ) -> Result<Self, Box<dyn Error>> {
        let project = Self(folder.0.join(name));
        fs::create_dir_all(project.0.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n[workspace]\n"
        );
        fs::write(project.0.join("Cargo.toml"), manifest)?;
        project.write(source.0, source.1)?;
        project.cargo(&["fetch"])?;
        Ok(project)
    }

    pub(super) fn write(&self, file: &str, text: &str) -> Result<(), Box<dyn Error>> {
        Ok(fs::write(self.0.join(file), text)?)
    }

    /// Removes the build output.
    pub(super) fn clean(&self) -> Result<(), Box<dyn Error>> {
        let target = self.0.join("target");
        if target.exists() { Ok(fs::remove_dir_all(target)?) } else { Ok(()) }
    }

    /// Builds or checks the package. Returns the seconds that it took.
    pub(super) fn build(&self, command: &str) -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        self.cargo(&[command, "--offline", "--quiet"])?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Returns the number of crates in the dependency tree, in the way the target counts them: distinct lines
    /// of `cargo tree`. A crate that occurs repeatedly has a second line with a mark.
    pub(super) fn crates(&self) -> Result<usize, Box<dyn Error>> {
        let output = self.cargo(&["tree", "--offline", "--edges", "normal,build", "--prefix", "none"])?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().collect::<HashSet<_>>().len())
    }

    /// Runs cargo as a user would, independent of the settings of this process.
    fn cargo(&self, arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
        let output = Command::new("cargo")
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_INCREMENTAL", "0")
            .output()?;
        if output.status.success() {
            return Ok(output);
        }
        Err(format!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// Returns the facade as a path dependency.
pub(super) fn facade() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    format!("throttle = {{ package = \"throttle-rs\", path = {:?} }}\n", root.display().to_string())
}
