//! Foreign judges, run as programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::Context as _;

/// The folder of outside data; its absence fails.
///
/// # Errors
///
/// It is not there.
pub fn data() -> anyhow::Result<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from);
    folder
        .canonicalize()
        .with_context(|| format!("test data: {} is not there; set ECABINET_DATA", folder.display()))
}

/// Runs a program and gives what it said.
///
/// # Errors
///
/// It cannot be started.
pub fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&std::ffi::OsStr]) -> anyhow::Result<Output> {
    let name = program.as_ref().to_string_lossy().into_owned();
    Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("running {name}: is it installed?"))
}

/// What a program printed, both streams.
#[must_use]
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// pyHanko's Python, put there by `tests/scripts/pyhanko`.
///
/// # Errors
///
/// It is not there.
pub fn pyhanko_python() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME")?;
    let python = Path::new(&home).join(".cache/ecabinet/pyhanko/bin/python");
    anyhow::ensure!(python.exists(), "pyHanko is not installed: run tests/scripts/pyhanko");
    Ok(python)
}
