//! The rules under which a time-stamp is issued, by their object identifier.

use std::fmt;

use openssl::asn1::Asn1Object;

use crate::{Invalid, tlv};

/// Longest object identifier of a policy, in bytes.
const MAX_POLICY_BYTES: usize = 64;

/// A time-stamping policy: an object identifier, of any length of arc, as UUIDs have it.
///
/// Invariant: whole arcs in their shortest form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy(Vec<u8>);

impl Policy {
    /// Reads an object identifier in dotted form.
    ///
    /// # Errors
    ///
    /// [`Invalid::Structure`]: it is none.
    pub fn parse(dotted: &str) -> Result<Self, Invalid> {
        let bad = Invalid::Structure("the object identifier of the policy");
        let is_number = |arc: &str| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
        if !dotted.split('.').all(is_number) {
            return Err(bad);
        }
        let object = Asn1Object::from_str(dotted).ok().ok_or(bad)?;
        Self::from_octets(object.as_slice())
    }

    /// Takes the content octets of an OBJECT IDENTIFIER.
    pub(super) fn from_octets(body: &[u8]) -> Result<Self, Invalid> {
        let starts = std::iter::once(&0).chain(body);
        let has_padding = starts.zip(body).any(|(before, octet)| *before < 0x80 && *octet == 0x80);
        if has_padding || body.len() > MAX_POLICY_BYTES || body.last().is_none_or(|last| *last >= 0x80) {
            return Err(Invalid::Structure("the object identifier of the policy"));
        }
        Ok(Self(body.to_vec()))
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        tlv::write(tlv::OID, &[&self.0])
    }

    /// The arcs, the first two as one number; `None` if one is larger than 128 bits.
    fn arcs(&self) -> Option<Vec<u128>> {
        let mut arcs = Vec::new();
        let mut arc = 0_u128;
        for octet in &self.0 {
            arc = arc.checked_mul(128)?.checked_add(u128::from(octet & 0x7f))?;
            if *octet < 0x80 {
                arcs.push(arc);
                arc = 0;
            }
        }
        Some(arcs)
    }
}

/// The dotted form; hex of the octets if an arc is larger than 128 bits.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arcs = self.arcs().unwrap_or_default();
        let Some((both, others)) = arcs.split_first() else { return f.write_str(&hex::encode(&self.0)) };
        let first = both.div_euclid(40).min(2);
        write!(f, "{first}.{}", both.saturating_sub(first.saturating_mul(40)))?;
        others.iter().try_for_each(|arc| write!(f, ".{arc}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_written() {
        for dotted in [
            "1.2.3",
            "0.4.0.2023.1.1",
            "2.16.840.1.114412.7.1",
            "2.999.1",
            "2.25.329800735698586629295641978511506172918",
        ] {
            let policy = Policy::parse(dotted).unwrap();
            assert_eq!(policy.to_string(), dotted);
            assert_eq!(Policy::from_octets(&policy.to_der()[2..]).unwrap(), policy);
        }
        for bad in ["", "1", "commonName", "3.1.2", "1.2.", "1.2.x"] {
            assert!(Policy::parse(bad).is_err(), "{bad}");
        }
        for bad in [&[][..], &[0x80, 1], &[0x2a, 0x80, 1], &[0x2a, 0x81], &[0x2a; 65]] {
            assert!(Policy::from_octets(bad).is_err(), "{bad:?}");
        }
    }
}
