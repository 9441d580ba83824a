//! PDF signatures.
