//! The Government Office at work.
