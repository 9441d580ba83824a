//! Certificates that were parsed before: the same bytes give the same certificate again.
//!
//! A Government's papers bear the same few certificates over and over, and OpenSSL takes longer to make a key
//! of a certificate's bytes than to check a signature with it. What is kept follows from the bytes alone,
//! so nothing here can be out of date, and a found certificate is judged like a new one.
//!
//! Invariant: at most twice [`MAX_KEPT`] certificates of [`MAX_KEPT_LEN_BYTES`] each, compared by all their bytes.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::Inner;

/// Certificates in one generation; two are kept.
const MAX_KEPT: usize = 512;
/// Longest certificate that is kept, in bytes.
const MAX_KEPT_LEN_BYTES: usize = 4 << 10;

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);

/// Whoever was not asked for while a whole generation came is forgotten.
#[derive(Default)]
struct Seen {
    recent: HashSet<Kept>,
    older: HashSet<Kept>,
}

struct Kept(Arc<Inner>);

impl Borrow<[u8]> for Kept {
    fn borrow(&self) -> &[u8] {
        &self.0.der
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der.as_slice().hash(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Kept {}

/// What was parsed from these bytes before.
pub(super) fn find(der: &[u8]) -> Option<Arc<Inner>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).find(der)
}

/// Remembers what was parsed.
pub(super) fn keep(certificate: &Arc<Inner>) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).keep(certificate);
}

impl Seen {
    fn find(&mut self, der: &[u8]) -> Option<Arc<Inner>> {
        if let Some(kept) = self.recent.get(der) {
            return Some(Arc::clone(&kept.0));
        }
        let kept = self.older.take(der)?;
        let found = Arc::clone(&kept.0);
        self.insert(kept);
        Some(found)
    }

    fn keep(&mut self, certificate: &Arc<Inner>) {
        if certificate.der.len() <= MAX_KEPT_LEN_BYTES {
            self.insert(Kept(Arc::clone(certificate)));
        }
    }

    fn insert(&mut self, kept: Kept) {
        if self.recent.len() >= MAX_KEPT {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, Profile, Subject, Validity};
    use crate::testing::NOW;
    use crate::{Certificate, TrustStore};

    /// As many different certificates as wanted: only the bytes matter here.
    fn many(n: usize) -> Vec<Arc<Inner>> {
        let root = Authority::create_root("TEST seen", NOW).unwrap();
        let parsed = root.certificate().0.parsed.clone();
        let inner = |number: usize| Inner {
            der: number.to_be_bytes().to_vec(),
            parsed: parsed.clone(),
            x509: root.certificate().x509(),
            key: std::sync::OnceLock::new(),
            signed_by: std::sync::OnceLock::new(),
        };
        (0..n).map(|number| Arc::new(inner(number))).collect()
    }

    #[test]
    fn the_same_bytes_give_the_same_certificate_and_one_bit_more_another() {
        let root = Authority::create_root("TEST seen", NOW).unwrap();
        let spki = root.certificate().spki_der();
        let validity = Validity::days(NOW, 9);
        let issued = root.issue_signer(&spki, &Subject::named("TEST"), 7, validity, Profile::Person).unwrap();
        let again = Certificate::from_der(issued.to_der()).unwrap();
        assert!(Arc::ptr_eq(&again.0, &issued.0));
        let mut other = issued.to_der().to_vec();
        *other.last_mut().unwrap() ^= 1;
        let other = Certificate::from_der(&other).unwrap();
        assert_ne!(other, issued);
        assert!(!Arc::ptr_eq(&other.0, &issued.0));
    }

    #[test]
    fn a_signature_that_was_found_right_proves_nothing_of_another_issuer_or_time() {
        // Two authorities of the same name.
        let (root, double) = (
            Authority::create_root("TEST seen", NOW).unwrap(),
            Authority::create_root("TEST seen", NOW).unwrap(),
        );
        let trust = |authority: &Authority| TrustStore::new(vec![authority.certificate().clone()]);
        let spki = root.certificate().spki_der();
        let (subject, validity) = (Subject::named("TEST"), Validity::days(NOW, 9));
        let issued = root.issue_signer(&spki, &subject, 7, validity, Profile::Person).unwrap();
        assert!(trust(&double).path(&issued, &[], NOW).is_err());
        for _ in 0..2 {
            trust(&root).path(&issued, &[], NOW).unwrap();
        }
        assert!(issued.is_known_to_be_signed_by(root.certificate()));
        assert!(!issued.is_known_to_be_signed_by(double.certificate()));
        assert!(trust(&double).path(&issued, &[], NOW).is_err());
        assert!(trust(&root).path(&issued, &[], NOW.plus_seconds(10 * 86_400)).is_err());
        let mut forged = issued.to_der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let forged = Certificate::from_der(&forged).unwrap();
        assert!(trust(&root).path(&forged, &[], NOW).is_err());
        assert!(!forged.is_known_to_be_signed_by(root.certificate()));
    }

    #[test]
    fn what_is_asked_for_stays_and_the_number_is_limited() {
        let mut seen = Seen::default();
        let all = many(5 * MAX_KEPT);
        for certificate in &all {
            seen.keep(certificate);
            assert!(seen.find(&all[0].der).is_some());
            assert!(seen.recent.len() + seen.older.len() <= 2 * MAX_KEPT);
        }
        assert!(seen.find(&all[1].der).is_none(), "nobody asked for it for long");
    }

    #[test]
    fn a_very_long_certificate_is_not_kept() {
        let mut seen = Seen::default();
        let mut long = Arc::try_unwrap(many(1).remove(0)).ok().unwrap();
        long.der = vec![7; MAX_KEPT_LEN_BYTES + 1];
        seen.keep(&Arc::new(long));
        assert!(seen.recent.is_empty());
    }
}
