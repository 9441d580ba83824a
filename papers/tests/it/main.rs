//! Papers written and read back; real papers read; files meant to do harm.
//!
//! Reads `ECABINET_DATA` (default: the shared data folder) and runs `qpdf` of Debian as an oracle; fails without either.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::float_arithmetic, reason = "page geometry is measured in fractions of points")]

mod hostile;
mod images;
mod marking;
mod read;
mod samples;
mod write;
