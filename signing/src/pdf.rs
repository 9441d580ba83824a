//! Strict PDF reading.
