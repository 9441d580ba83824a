//! Papers written and read back; real papers read; files meant to do harm.
//!
//! Reads `ECABINET_DATA` (default: the shared data folder) and runs `qpdf` of Debian as an oracle; fails without either.

mod hostile;
mod images;
mod marking;
mod read;
mod samples;
mod write;
