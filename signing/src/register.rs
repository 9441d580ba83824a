//! The register of issued certificates and what became of them: plain data, read by the revocation list and by OCSP.

use std::collections::BTreeMap;

use cabinet::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Certificate;
pub use crate::reason::Reason;

/// What an authority says of a certificate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked or suspended since `at`.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, if it was said.
        reason: Option<Reason>,
    },
    /// The authority does not know the certificate: as bad as revoked for whoever relies on it.
    Unknown,
}

/// The state of each certificate that an authority issued, by serial number in lower-case hex.
///
/// Invariant: a revocation stands for ever; only a hold can be released.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Register {
    certificates: BTreeMap<String, Status>,
}

/// The register does not allow the change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotRegistered {
    /// The serial number was never issued.
    #[error("no certificate with that serial number was issued here: check the number and the authority")]
    Unknown,
    /// It is revoked for good.
    #[error("the certificate is revoked for good: issue another one")]
    Final,
    /// It is not suspended.
    #[error("the certificate is not suspended: there is nothing to release")]
    NotHeld,
}

impl Register {
    /// Enters a certificate that was issued. What is known of it already stays.
    pub fn issued(&mut self, certificate: &Certificate) {
        self.certificates.entry(certificate.serial()).or_insert(Status::Good);
    }

    /// Revokes the certificate; [`Reason::CertificateHold`] suspends it.
    ///
    /// # Errors
    ///
    /// [`NotRegistered::Unknown`]; [`NotRegistered::Final`] if it is revoked already.
    pub fn revoke(&mut self, serial: &str, at: Timestamp, reason: Reason) -> Result<(), NotRegistered> {
        let status = self.certificates.get_mut(serial).ok_or(NotRegistered::Unknown)?;
        match *status {
            Status::Good | Status::Revoked { reason: Some(Reason::CertificateHold), .. } => {
                *status = Status::Revoked { at, reason: Some(reason) };
                Ok(())
            }
            Status::Revoked { .. } | Status::Unknown => Err(NotRegistered::Final),
        }
    }

    /// Releases a suspended certificate.
    ///
    /// # Errors
    ///
    /// [`NotRegistered`]: unknown, not suspended, or revoked for good.
    pub fn release(&mut self, serial: &str) -> Result<(), NotRegistered> {
        let status = self.certificates.get_mut(serial).ok_or(NotRegistered::Unknown)?;
        match *status {
            Status::Revoked { reason: Some(Reason::CertificateHold), .. } => {
                *status = Status::Good;
                Ok(())
            }
            Status::Revoked { .. } | Status::Unknown => Err(NotRegistered::Final),
            Status::Good => Err(NotRegistered::NotHeld),
        }
    }

    /// The state of the certificate with the serial number `serial`, in lower-case hex.
    #[must_use]
    pub fn status(&self, serial: &str) -> Status {
        self.certificates.get(serial).copied().unwrap_or(Status::Unknown)
    }

    /// Every revoked or suspended certificate: serial number, since when, why.
    pub fn revoked(&self) -> impl Iterator<Item = (&str, Timestamp, Reason)> {
        self.certificates.iter().filter_map(|(serial, status)| match *status {
            Status::Revoked { at, reason } => {
                Some((serial.as_str(), at, reason.unwrap_or(Reason::Unspecified)))
            }
            Status::Good | Status::Unknown => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Profile;
    use crate::testing::{self, NOW};

    #[test]
    fn a_hold_can_be_released_and_a_revocation_cannot() {
        let root = crate::authority::Authority::create_root("TEST root", NOW).unwrap();
        let certificate = testing::certify(&root, &testing::ec_key(), "TEST", Profile::Person);
        let serial = certificate.serial();
        let mut register = Register::default();
        assert_eq!(register.status(&serial), Status::Unknown);
        assert_eq!(register.revoke(&serial, NOW, Reason::CertificateHold), Err(NotRegistered::Unknown));
        register.issued(&certificate);
        assert_eq!(register.release(&serial), Err(NotRegistered::NotHeld));
        register.revoke(&serial, NOW, Reason::CertificateHold).unwrap();
        register.issued(&certificate);
        assert_eq!(register.revoked().count(), 1, "entering it again releases nothing");
        register.release(&serial).unwrap();
        assert_eq!(register.status(&serial), Status::Good);
        register.revoke(&serial, NOW, Reason::CertificateHold).unwrap();
        register.revoke(&serial, NOW, Reason::KeyCompromise).unwrap();
        assert_eq!(register.release(&serial), Err(NotRegistered::Final));
        assert_eq!(register.revoke(&serial, NOW, Reason::CertificateHold), Err(NotRegistered::Final));
        let stored = serde_json::to_string(&register).unwrap();
        assert_eq!(serde_json::from_str::<Register>(&stored).unwrap(), register);
    }

    #[test]
    fn reasons_have_their_numbers_both_ways() {
        for code in 0..=20 {
            assert_eq!(Reason::from_code(code).map_or(7, Reason::code), if code > 10 { 7 } else { code });
        }
    }
}
