//! What the report refers to: signed data, certificates and time-stamps, each with an identifier in the document.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use cabinet::Digest;

use super::words;
use super::writer::Writer;
use super::{Common, digest, poe, status_of_step, timestamp_data};
use crate::validation::{Indication, Report, SignatureReport, TimestampReport};
use crate::{Certificate, Hash};

/// A time-stamp and the signatures, counted from 1, whose existence it proves once it is accepted.
pub(super) struct Stamp<'a> {
    pub(super) id: String,
    pub(super) report: &'a TimestampReport,
    pub(super) over: Vec<usize>,
}

/// Everything that the report refers to.
pub(super) struct Objects<'a> {
    signatures: &'a [SignatureReport],
    /// By fingerprint; `None` if only that is known.
    certificates: BTreeMap<String, Option<&'a Certificate>>,
    pub(super) stamps: Vec<Stamp<'a>>,
}

impl<'a> Objects<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut stamps = Vec::new();
        for stamp in &report.timestamps {
            let is_over = |signature: &SignatureReport| {
                signature.covered_bytes > 0 && signature.covered_bytes < stamp.covered_bytes
            };
            let numbered = (1..).zip(&report.signatures).filter(|(_, signature)| is_over(signature));
            stamps.push((stamp, numbered.map(|(n, _)| n).collect()));
        }
        for (n, signature) in (1..).zip(&report.signatures) {
            stamps.extend(signature.timestamps.iter().map(|stamp| (stamp, vec![n])));
        }
        let stamps = (1_u32..)
            .zip(stamps)
            .map(|(n, (report, over))| Stamp { id: format!("time-stamp-{n}"), report, over })
            .collect::<Vec<_>>();
        let mut certificates = BTreeMap::new();
        for signature in &report.signatures {
            if let Some(revoked) = signature.revoked {
                certificates.insert(revoked.certificate.to_string(), None);
            }
        }
        let of_stamps =
            stamps.iter().flat_map(|stamp| stamp.report.path.iter().chain(&stamp.report.certificate));
        let of_signatures = report
            .signatures
            .iter()
            .flat_map(|signature| signature.path.iter().chain(&signature.certificate));
        for certificate in of_stamps.chain(of_signatures) {
            certificates.insert(certificate.fingerprint().to_string(), Some(certificate));
        }
        Self { signatures: &report.signatures, certificates, stamps }
    }

    /// The accepted time-stamp that proves the earliest existence of signature `n`.
    pub(super) fn proof_of(&self, n: usize) -> Option<&Stamp<'a>> {
        let proofs = self
            .stamps
            .iter()
            .filter(|stamp| stamp.over.contains(&n) && stamp.report.indication == Indication::TotalPassed);
        proofs.min_by_key(|stamp| stamp.report.time)
    }

    pub(super) fn write(&self, writer: &mut Writer, common: &Common<'_>) {
        let data: Vec<_> = (1..).zip(self.signatures).filter_map(Self::data).collect();
        if self.certificates.is_empty() && self.stamps.is_empty() && data.is_empty() {
            return;
        }
        writer.element("vr:SignatureValidationObjects", &[], |writer| {
            for (id, hash, value) in data {
                object(writer, &id, words::SIGNED_DATA, |writer| {
                    writer.element("vr:ValidationObjectRepresentation", &[], |writer| {
                        digest(writer, "vr:DigestAlgAndValue", hash, value);
                    });
                });
            }
            for (fingerprint, known) in &self.certificates {
                certificate(writer, fingerprint, *known, common);
            }
            for stamp in &self.stamps {
                self.stamp(writer, stamp, common);
            }
        });
    }

    fn data((n, signature): (usize, &'a SignatureReport)) -> Option<(String, Hash, &'a [u8])> {
        let facts = signature.facts.as_ref()?;
        (!facts.content_digest.is_empty()).then_some((
            data_id(n),
            facts.hash?,
            facts.content_digest.as_slice(),
        ))
    }

    fn stamp(&self, writer: &mut Writer, stamp: &Stamp<'_>, common: &Common<'_>) {
        object(writer, &stamp.id, words::TIMESTAMP, |writer| {
            writer.element("vr:ValidationObjectRepresentation", &[], |writer| {
                writer.leaf("vr:base64", &[], &Base64::encode_string(&stamp.report.token));
            });
            let is_accepted = stamp.report.indication == Indication::TotalPassed;
            if let Some(at) = stamp.report.time.and_then(words::date_time).filter(|_| is_accepted) {
                writer.element("vr:POEProvisioning", &[], |writer| {
                    writer.leaf("vr:POETime", &[], &at);
                    let over = (1..).zip(self.signatures).filter(|(n, _)| stamp.over.contains(n));
                    for (id, ..) in over.clone().filter_map(Self::data) {
                        writer.empty("vr:ValidationObject", &[("VOReference", &id)]);
                    }
                    for (_, signature) in over {
                        reference(writer, signature);
                    }
                });
            }
            writer.element("vr:ValidationReport", &[], |writer| {
                super::constraints::of_timestamp(writer, stamp.report, common);
                writer.element("vr:SignatureValidationStatus", &[], |writer| {
                    status_of_step(writer, stamp.report.indication, stamp.report.sub_indication);
                    timestamp_data(writer, stamp.report, common);
                });
            });
        });
    }
}

/// The identifier of what signature `n` is over.
pub(super) fn data_id(n: usize) -> String {
    format!("data-{n}")
}

pub(super) fn certificate_id(fingerprint: &Digest) -> String {
    format!("certificate-{fingerprint}")
}

/// How a PDF names a signature.
pub(super) fn reference(writer: &mut Writer, signature: &SignatureReport) {
    if !signature.field.is_empty() {
        writer.element("vr:SignatureReference", &[], |writer| {
            writer.leaf("vr:PAdESFieldName", &[], &signature.field);
        });
    }
}

fn object(writer: &mut Writer, id: &str, kind: &'static str, content: impl FnOnce(&mut Writer)) {
    writer.element("vr:ValidationObject", &[("id", id)], |writer| {
        writer.leaf("vr:ObjectType", &[], kind);
        content(writer);
    });
}

fn certificate(writer: &mut Writer, fingerprint: &str, known: Option<&Certificate>, common: &Common<'_>) {
    object(writer, &format!("certificate-{fingerprint}"), words::CERTIFICATE, |writer| {
        writer.element("vr:ValidationObjectRepresentation", &[], |writer| match known {
            Some(known) => writer.leaf("vr:base64", &[], &Base64::encode_string(known.to_der())),
            None => {
                let value = hex::decode(fingerprint).unwrap_or_default();
                digest(writer, "vr:DigestAlgAndValue", Hash::Sha256, &value);
            }
        });
        poe(writer, "vr:POE", &common.at, None);
    });
}
