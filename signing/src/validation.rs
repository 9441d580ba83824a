//! Validation reports.
