//! What signing costs, beside its peers and the token's own rate in the same run.
//!
//! `bench [--quick] [--only WORD] --out FOLDER` prints a table and writes `FOLDER/report.json`: one object per row
//! (`name`, `ours`, `peer`, `peer_name`, `unit`, `ratio`, `goal`, `met`, `limit`); and `FOLDER/machine.json`. Everything is
//! made in a temporary folder: papers, a `SoftHSM2` store, a TEST authority. It asserts that signatures are
//! valid, never how long something takes.
//!
//! The library reads its configuration when it is loaded, so the work is done by a child of the same binary.
#![expect(clippy::float_arithmetic, reason = "rates and ratios are reported, nothing is decided by them")]
#![expect(clippy::print_stdout, reason = "the table is the program's output")]

mod large;
mod papers;
mod peers;
mod report;
mod services;
mod session;
mod signatures;
mod stamps;
mod validations;
mod watch;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::report::Row;
use crate::watch::Scale;
use crate::world::{World, run};

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    scale: Scale,
    /// Only the parts whose name has this in it.
    only: String,
    out: PathBuf,
    /// The child's folder.
    inside: Option<PathBuf>,
    memory_of: Option<PathBuf>,
}

/// A part of the bench, by name.
type Part = (&'static str, fn(&World, Scale) -> anyhow::Result<Vec<Row>>);

/// The members come last: `SoftHSM2` grows slower with every token in its store.
const PARTS: [Part; 7] = [
    ("signatures", signatures::rows),
    ("growth", signatures::growth),
    ("large", large::rows),
    ("validations", validations::rows),
    ("stamps", stamps::rows),
    ("services", services::rows),
    ("session", session::rows),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match (&arguments.inside, &arguments.memory_of) {
        (Some(folder), Some(path)) => println!("{}", large::measure_memory(folder, path)?),
        (Some(folder), None) => measure(folder, &arguments)?,
        (None, _) => return begin(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder and an empty token store, then runs this binary again in it.
fn begin() -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("ecabinet-bench-").tempdir()?;
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens)?;
    let conf = folder.path().join("softhsm2.conf");
    let tokens = tokens.display();
    std::fs::write(
        &conf,
        format!("directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"),
    )?;
    let mut child = Command::new(std::env::current_exe()?);
    child.args(std::env::args().skip(1)).arg("--in").arg(folder.path()).env("SOFTHSM2_CONF", conf);
    Ok(if child.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(folder: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let facts = facts(arguments.scale)?;
    for (name, fact) in &facts {
        println!("{name:<9} {fact}");
    }
    let world = World::new(folder)?;
    let mut rows = Vec::new();
    for (name, part) in PARTS.into_iter().filter(|(name, _)| name.contains(&arguments.only)) {
        rows.append(&mut part(&world, arguments.scale).context(name)?);
    }
    println!("\n{}", report::table(&rows));
    report::write(&arguments.out, &rows, &facts)
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut found = Self {
            scale: Scale::Full,
            only: String::new(),
            out: PathBuf::from("target/bench"),
            inside: None,
            memory_of: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => found.scale = Scale::Quick,
                "--only" => found.only = value()?,
                "--out" => found.out = value()?.into(),
                "--in" => found.inside = Some(value()?.into()),
                "--memory-of" => found.memory_of = Some(value()?.into()),
                _ => anyhow::bail!(
                    "unknown argument {word}; usage: bench [--quick] [--only PART] [--out FOLDER]"
                ),
            }
        }
        Ok(found)
    }
}

/// What a reader of the numbers must know of the machine.
fn facts(scale: Scale) -> anyhow::Result<Vec<(String, String)>> {
    let processors = std::fs::read_to_string("/proc/cpuinfo")?;
    let of = |key: &str| {
        let line = processors.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = of("model name").unwrap_or_else(|| "unknown".to_owned());
    let sha =
        if of("flags").is_some_and(|flags| flags.contains("sha_ni")) { ", SHA instructions" } else { "" };
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    let softhsm = run(Command::new("softhsm2-util").arg("--version"))?;
    let build = if cfg!(debug_assertions) { "unoptimised: the numbers mean nothing" } else { "release" };
    let (runs, slices, ms) = (scale.n_runs(), scale.n_slices(), scale.slice().as_millis());
    Ok([
        ("machine", format!("{cores} cores, {model}{sha}; load {load} at the beginning")),
        ("module", format!("SoftHSM2 {}, file store, one process", softhsm.trim())),
        ("openssl", run(Command::new("openssl").arg("version"))?.trim().to_owned()),
        ("linked", openssl::version::version().to_owned()),
        ("build", format!("{build}, {}", env!("CARGO_PKG_VERSION"))),
        ("state", format!("warm: keys open, files in the page cache; the best of {slices} slices of {ms} ms in turns, of {runs} runs of what takes long")),
    ]
    .map(|(name, fact)| (name.to_owned(), fact))
    .to_vec())
}
