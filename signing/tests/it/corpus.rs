//! The inputs of the fuzz targets, replayed: what hostile bytes once found stays repaired.

#[path = "../../../fuzz/src/appearance.rs"]
mod appearance;
#[path = "../../../fuzz/src/certificate.rs"]
mod certificate;
#[path = "../../../fuzz/src/cms.rs"]
mod cms;
#[path = "../../../fuzz/src/crl.rs"]
mod crl;
#[path = "../../../fuzz/src/csr.rs"]
mod csr;
#[path = "../../../fuzz/src/hostile.rs"]
mod hostile;
#[path = "../../../fuzz/src/ocsp.rs"]
mod ocsp;
#[path = "../../../fuzz/src/pdf.rs"]
mod pdf;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/timestamp.rs"]
mod timestamp;
#[path = "../../../fuzz/src/trust.rs"]
mod trust;
#[path = "../../../fuzz/src/world.rs"]
mod world;

use std::time::{Duration, Instant};

use signing::pades::{Appearance, PadesError};

use self::replay::replay;

#[test]
fn no_signature_of_the_corpus_breaks_a_promise() {
    replay("cms", cms::run);
    replay("timestamp", timestamp::run);
}

#[test]
fn no_certificate_list_or_status_of_the_corpus_breaks_a_promise() {
    replay("certificate", certificate::run);
    replay("crl", crl::run);
    replay("csr", csr::run);
    replay("ocsp", ocsp::run);
    replay("trust", trust::run);
}

#[test]
fn no_pdf_or_image_of_the_corpus_breaks_a_promise() {
    replay("pdf", pdf::run);
    replay("appearance", appearance::run);
}

#[test]
fn no_small_file_made_to_cost_much_does() {
    for (name, file) in hostile::pdfs() {
        let begun = Instant::now();
        pdf::run(&file);
        let (took, peak_bytes) = (begun.elapsed(), peak_bytes());
        assert!(took < Duration::from_secs(10), "{name} took {took:?}, unoptimised");
        assert!(peak_bytes < 1 << 30, "{name}: {peak_bytes} bytes");
    }
    let too_large = Appearance::image_png(&hostile::large_image());
    assert_eq!(too_large.unwrap_err(), PadesError::Appearance("the image is too large"));
}

/// The most memory that this process ever had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
