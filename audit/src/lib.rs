//! The tamper-evident log, evidence bundles and the offline verifier.
