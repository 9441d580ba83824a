//! End-to-end, crash and attack suites over the real binary.
