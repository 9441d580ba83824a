//! The program `ecabinet`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match gateway::commands::run() {
        Ok(code) => code,
        Err(err) => {
            // The one sentence that the person at the terminal needs; causes follow after colons.
            use std::io::Write as _;
            let written = writeln!(std::io::stderr(), "ecabinet: {err:#}");
            drop(written);
            ExitCode::from(2)
        }
    }
}
