//! Signed, broken and sneaky PDFs that others published.

use signing::validation::{Indication, Integrity, validate_pdf};

use crate::world::{self, NOW};

#[test]
fn every_published_file_gets_an_answer_and_no_sneaky_one_passes() {
    let mut n_refused = 0;
    for (name, pdf) in world::outside("pki-fixtures/data/pdf") {
        let Ok(report) = validate_pdf(&pdf, None, NOW) else { continue };
        let is_anomaly = ["one-byterange", "signature-gap-too-big", "tail-uncovered", "weird-byterange"]
            .iter()
            .any(|anomaly| name.starts_with(anomaly));
        if is_anomaly {
            assert!(
                report.signatures.iter().all(|signature| signature.integrity == Integrity::Broken),
                "{name}"
            );
            n_refused += 1;
        }
        if name.contains("sneaky") {
            let first = &report.signatures[0];
            assert_eq!(first.indication, Indication::TotalFailed, "{name}: {first:?}");
            n_refused += 1;
        }
        assert!(!report.is_passed(), "{name}: nothing is passed without trust");
    }
    assert!(n_refused >= 8, "{n_refused}");
}
