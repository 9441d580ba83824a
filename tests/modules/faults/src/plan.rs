//! What is to go wrong, and a journal of what was called.
//!
//! The plan is a file, read again at each call, so that a test can change it while the library is in use.
//! A line names a function, which of its calls, what happens, and when:
//!
//! ```text
//! C_Sign 2 0x30 instead     the second call answers CKR_DEVICE_ERROR and does nothing
//! C_Sign 1 0x32 after       the first call does its work and answers CKR_DEVICE_REMOVED
//! C_Login * 0xa0 instead    every call answers CKR_PIN_INCORRECT
//! C_Sign 1 hang instead     the first call waits until the plan is another, then does its work
//! C_Sign 1 abort instead    the process dies
//! ```
//!
//! Calls are counted anew whenever the text of the plan changes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR};

/// The file with the plan; without it, everything is forwarded.
const PLAN: &str = "ECABINET_FAULTS_PLAN";
/// The file that gets a line for each call.
const JOURNAL: &str = "ECABINET_FAULTS_JOURNAL";
/// How often a call that hangs looks whether the plan has changed.
const LOOK: Duration = Duration::from_millis(5);

/// What a call does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    Forward,
    /// Answers this without doing anything.
    Answer(CK_RV),
    /// Does its work, and answers this.
    ForwardThenAnswer(CK_RV),
    Hang,
    Abort,
}

#[derive(Default)]
struct Counts {
    plan: String,
    n_calls: HashMap<&'static str, u64>,
}

static COUNTS: OnceLock<Mutex<Counts>> = OnceLock::new();
static JOURNAL_FILE: OnceLock<Option<File>> = OnceLock::new();

/// What this call of `function` is to do; it is counted.
pub(crate) fn next(function: &'static str) -> Act {
    let plan = read();
    let mut counts = COUNTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if counts.plan != plan {
        *counts = Counts { plan: plan.clone(), n_calls: HashMap::new() };
    }
    let n = counts.n_calls.entry(function).or_default();
    *n = n.saturating_add(1);
    plan.lines().find_map(|line| parse(line, function, *n)).unwrap_or(Act::Forward)
}

/// Waits until the plan is another one than now.
pub(crate) fn wait_for_another() {
    let now = read();
    while read() == now {
        std::thread::sleep(LOOK);
    }
}

/// Writes down what became of a call.
pub(crate) fn note(function: &str, what: &str) {
    let file = JOURNAL_FILE.get_or_init(|| {
        let path = std::env::var_os(JOURNAL)?;
        OpenOptions::new().create(true).append(true).open(path).ok()
    });
    if let Some(mut file) = file.as_ref() {
        // One write for one line, so that threads do not mix theirs. A test misses what is not written.
        drop(file.write_all(format!("{function} {what}\n").as_bytes()));
    }
}

fn read() -> String {
    std::env::var_os(PLAN).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

fn parse(line: &str, function: &str, n: u64) -> Option<Act> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, which, what, when] = words.as_slice() else { return None };
    if *name != function || (*which != "*" && which.parse() != Ok(n)) {
        return None;
    }
    Some(match (*what, *when) {
        ("hang", _) => Act::Hang,
        ("abort", _) => Act::Abort,
        (code, when) => {
            let code = code.strip_prefix("0x").and_then(|hex| CK_RV::from_str_radix(hex, 16).ok());
            let code = code.unwrap_or(CKR_GENERAL_ERROR);
            if when == "after" { Act::ForwardThenAnswer(code) } else { Act::Answer(code) }
        }
    })
}
