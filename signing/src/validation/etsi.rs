//! The report as XML: the signature validation report of ETSI TS 119 102-2.
//!
//! The same evidence judged at the same time gives the same bytes: no clock is read, no random name is made, and
//! everything has one order. Everything that comes out of a foreign file is escaped.
//!
//! Source: `docs/sources.md`, entry `ts119102-2`.

mod constraints;
mod objects;
mod words;
mod writer;

use base64ct::{Base64, Encoding as _};
use cabinet::Timestamp;

use super::{
    Change, Context, Coverage, Indication, Report, Revocation, Revoked, SignatureReport, TimestampReport,
};
use crate::algorithm_policy::{Suite, Use};
use crate::{Certificate, Hash};
use objects::{Objects, certificate_id, data_id};
use writer::Writer;

/// What all parts of one report share.
struct Common<'a> {
    context: &'a Context<'a>,
    /// The time of validation.
    at: String,
}

/// The report on one file as XML, valid against the schema of version 1.4.1.
///
/// Give the context that the report was made in. Of a file without signatures it says that nothing can be told.
#[must_use]
pub fn to_xml(report: &Report, context: &Context<'_>) -> String {
    let at = words::date_time(context.at).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    let common = Common { context, at };
    let objects = Objects::of(report);
    let mut writer = Writer::default();
    writer.element("vr:ValidationReport", &words::NAMESPACES, |writer| {
        for (n, signature) in (1..).zip(&report.signatures) {
            writer.element("vr:SignatureValidationReport", &[], |writer| {
                one(writer, n, signature, &objects, &common);
            });
        }
        if report.signatures.is_empty() {
            writer.element("vr:SignatureValidationReport", &[], |writer| {
                time(writer, &common, None);
                writer.element("vr:SignatureValidationStatus", &[], |writer| {
                    writer.leaf("vr:MainIndication", &[], words::of_signature(Indication::Indeterminate));
                });
                writer.leaf("vr:OtherInformation", &[], "The file bears no signature.");
            });
        }
        objects.write(writer, &common);
    });
    writer.finish()
}

fn one(
    writer: &mut Writer,
    n: usize,
    signature: &SignatureReport,
    objects: &Objects<'_>,
    common: &Common<'_>,
) {
    identifier(writer, n, signature);
    constraints::of_signature(writer, signature, common);
    let proof = objects.proof_of(n).and_then(|stamp| Some((stamp.report.time?, stamp.id.as_str())));
    time(writer, common, proof);
    document(writer, n, signature);
    attributes(writer, n, signature, objects);
    if let Some(certificate) = &signature.certificate {
        writer.element("vr:SignerInformation", &[], |writer| {
            refer(writer, "vr:SignerCertificate", certificate);
            writer.leaf("vr:Signer", &[], signature.signer.as_deref().unwrap_or_default());
        });
    }
    writer.element("vr:SignatureValidationProcess", &[], |writer| {
        writer.leaf("vr:SignatureValidationProcessID", &[], words::PROCESS);
    });
    writer.element("vr:SignatureValidationStatus", &[], |writer| {
        writer.leaf("vr:MainIndication", &[], words::of_signature(signature.indication));
        if let Some(sub) = signature.sub_indication {
            writer.leaf("vr:SubIndication", &[], &words::sub_indication(sub));
        }
        signature_data(writer, n, signature, objects, common);
    });
}

fn identifier(writer: &mut Writer, n: usize, signature: &SignatureReport) {
    writer.element("vr:SignatureIdentifier", &[("id", &format!("signature-{n}"))], |writer| {
        if let Some(facts) = &signature.facts {
            if let Some(hash) = facts.hash.filter(|_| !facts.attributes_digest.is_empty()) {
                digest(writer, "vr:DigestAlgAndValue", hash, &facts.attributes_digest);
            }
            if !facts.value.is_empty() {
                writer.leaf("ds:SignatureValue", &[], &Base64::encode_string(&facts.value));
            }
        }
        writer.leaf("vr:HashOnly", &[], "false");
        writer.leaf("vr:DocHashOnly", &[], "false");
        if !signature.field.is_empty() {
            writer.element("vr:OtherInformation", &[], |writer| objects::reference(writer, signature));
        }
    });
}

/// When it was validated, and since when the signature is known to have existed.
fn time(writer: &mut Writer, common: &Common<'_>, proof: Option<(Timestamp, &str)>) {
    writer.element("vr:ValidationTimeInfo", &[], |writer| {
        writer.leaf("vr:ValidationTime", &[], &common.at);
        let earlier = proof.filter(|(at, _)| *at < common.context.at);
        match earlier.and_then(|(at, id)| Some((words::date_time(at)?, id))) {
            Some((at, id)) => poe(writer, "vr:BestSignatureTime", &at, Some(id)),
            None => poe(writer, "vr:BestSignatureTime", &common.at, None),
        }
    });
}

fn document(writer: &mut Writer, n: usize, signature: &SignatureReport) {
    let Some(facts) = &signature.facts else { return };
    let Some(hash) = facts.hash.filter(|_| !facts.content_digest.is_empty()) else { return };
    writer.element("vr:SignersDocument", &[], |writer| {
        digest(writer, "vr:DigestAlgAndValue", hash, &facts.content_digest);
        writer.empty("vr:SignersDocumentRepresentation", &[("VOReference", &data_id(n))]);
    });
}

fn attributes(writer: &mut Writer, n: usize, signature: &SignatureReport, objects: &Objects<'_>) {
    let is_told = |stamp: &&objects::Stamp<'_>| stamp.over.contains(&n) && stamp.report.time.is_some();
    let over: Vec<_> = objects.stamps.iter().filter(is_told).collect();
    let claimed = signature.time.and_then(words::date_time);
    let byte_range = signature.facts.as_ref().and_then(|facts| facts.byte_range);
    let sub_filter = signature.facts.as_ref().and_then(|facts| facts.sub_filter.as_deref());
    if claimed.is_none() && signature.certificate.is_none() && byte_range.is_none() && over.is_empty() {
        return;
    }
    writer.element("vr:SignatureAttributes", &[], |writer| {
        let signed: writer::Attributes<'_> = &[("Signed", "true")];
        if let Some(claimed) = claimed {
            writer.element("vr:SigningTime", signed, |writer| writer.leaf("vr:Time", &[], &claimed));
        }
        if let Some(certificate) = &signature.certificate {
            writer.element("vr:SigningCertificate", signed, |writer| {
                digest(writer, "vr:CertID", Hash::Sha256, certificate.fingerprint().as_bytes());
            });
        }
        for stamp in over {
            let Some(at) = stamp.report.time.and_then(words::date_time) else { continue };
            let name = match stamp.report.kind {
                super::TimestampKind::Signature => "vr:SignatureTimeStamp",
                super::TimestampKind::Document => "vr:DocTimeStamp",
            };
            writer.element(name, &[("Signed", "false")], |writer| {
                writer.empty("vr:AttributeObject", &[("VOReference", &stamp.id)]);
                writer.leaf("vr:TimeStampValue", &[], &at);
            });
        }
        if let Some(sub_filter) = sub_filter {
            writer.element("vr:SubFilter", signed, |writer| {
                writer.leaf("vr:SubFilterElement", &[], sub_filter);
            });
        }
        if let Some(range) = byte_range {
            writer.leaf("vr:ByteRange", &[], &range.map(|number| number.to_string()).join(" "));
        }
    });
}

/// What the verdict on a signature rests on.
fn signature_data(
    writer: &mut Writer,
    n: usize,
    signature: &SignatureReport,
    objects: &Objects<'_>,
    common: &Common<'_>,
) {
    writer.element("vr:AssociatedValidationReportData", &[], |writer| {
        chain(writer, &signature.path, signature.certificate.as_ref());
        for stamp in objects.stamps.iter().filter(|stamp| stamp.over.contains(&n)) {
            writer.empty("vr:RelatedValidationObject", &[("VOReference", &stamp.id)]);
        }
        if let Some(revoked) = signature.revoked {
            revocation(writer, &revoked);
        }
        if let Some(suite) = signature.suite {
            crypto(writer, &data_id(n), &suite, Use::Signature, common);
        }
        writer.element("vr:AdditionalValidationReportData", &[], |writer| {
            told(writer, "coverage", coverage(signature.coverage));
            told(writer, "covered-bytes", &signature.covered_bytes.to_string());
            changes(writer, &signature.changes);
            if let Some(level) = signature.level {
                told(writer, "level", level);
            }
            if let Some(known) = signature.revocation {
                told(writer, "revocation", revocation_word(known));
            }
            if !signature.reason.is_empty() {
                told(writer, "reason", &signature.reason);
            }
        });
    });
}

/// What the verdict on a time-stamp rests on.
fn timestamp_data(writer: &mut Writer, stamp: &TimestampReport, common: &Common<'_>) {
    writer.element("vr:AssociatedValidationReportData", &[], |writer| {
        chain(writer, &stamp.path, stamp.certificate.as_ref());
        if let (Some(suite), Some(certificate)) = (stamp.suite, &stamp.certificate) {
            crypto(writer, &certificate_id(&certificate.fingerprint()), &suite, Use::TimeStamp, common);
        }
        writer.element("vr:AdditionalValidationReportData", &[], |writer| {
            let kind = match stamp.kind {
                super::TimestampKind::Signature => "signature",
                super::TimestampKind::Document => "document",
            };
            told(writer, "time-stamp", kind);
            if let Some(authority) = &stamp.authority {
                told(writer, "authority", authority);
            }
            if let Some(covers) = stamp.coverage {
                told(writer, "coverage", coverage(covers));
            }
            changes(writer, &stamp.changes);
            if let Some(known) = stamp.revocation {
                told(writer, "revocation", revocation_word(known));
            }
            if !stamp.reason.is_empty() {
                told(writer, "reason", &stamp.reason);
            }
        });
    });
}

/// The path from the certificate to the anchor; that certificate alone if there is no path.
fn chain(writer: &mut Writer, path: &[Certificate], alone: Option<&Certificate>) {
    if let Some(anchor) = path.last() {
        refer(writer, "vr:TrustAnchor", anchor);
    }
    let Some(first) = path.first().or(alone) else { return };
    writer.element("vr:CertificateChain", &[], |writer| {
        refer(writer, "vr:SigningCertificate", first);
        let Some((anchor, below)) = path.split_last() else { return };
        for between in below.iter().skip(1) {
            refer(writer, "vr:IntermediateCertificate", between);
        }
        refer(writer, "vr:TrustAnchor", anchor);
    });
}

fn revocation(writer: &mut Writer, revoked: &Revoked) {
    let Some(at) = words::date_time(revoked.at) else { return };
    writer.element("vr:RevocationStatusInformation", &[], |writer| {
        writer.empty("vr:ValidationObjectId", &[("VOReference", &certificate_id(&revoked.certificate))]);
        writer.leaf("vr:RevocationTime", &[], &at);
        if let Some(reason) = revoked.reason {
            writer.leaf("vr:RevocationReason", &[], words::revocation_reason(reason));
        }
    });
}

fn crypto(writer: &mut Writer, object: &str, suite: &Suite, usage: Use, common: &Common<'_>) {
    let Some(policy) = common.context.algorithms else { return };
    writer.element("vr:CryptoInformation", &[], |writer| {
        writer.empty("vr:ValidationObjectId", &[("VOReference", object)]);
        writer.leaf("vr:Algorithm", &[], &words::signature_method(suite));
        let is_secure = policy.accepts(usage, suite, common.context.at).is_ok();
        writer.leaf("vr:SecureAlgorithm", &[], if is_secure { "true" } else { "false" });
        if let Some(end) = policy.expiry(usage, suite).ok().flatten().and_then(words::date_time) {
            writer.leaf("vr:NotAfter", &[], &end);
        }
    });
}

fn changes(writer: &mut Writer, changes: &[Change]) {
    for change in changes {
        let lawful = if change.lawful { "lawful" } else { "unlawful" };
        told(writer, "change", &format!("{} {lawful}", change.kind.name()));
    }
}

fn told(writer: &mut Writer, what: &str, value: &str) {
    writer.element("vr:ReportData", &[], |writer| {
        writer.leaf("vr:Type", &[], &format!("urn:ecabinet:report:{what}"));
        writer.leaf("vr:Value", &[], value);
    });
}

fn refer(writer: &mut Writer, name: &'static str, certificate: &Certificate) {
    writer.empty(name, &[("VOReference", &certificate_id(&certificate.fingerprint()))]);
}

/// A proof of existence that the validation found.
fn poe(writer: &mut Writer, name: &'static str, at: &str, by: Option<&str>) {
    writer.element(name, &[], |writer| {
        writer.leaf("vr:POETime", &[], at);
        writer.leaf("vr:TypeOfProof", &[], words::PROVEN_BY_VALIDATION);
        if let Some(by) = by {
            writer.empty("vr:POEObject", &[("VOReference", by)]);
        }
    });
}

fn digest(writer: &mut Writer, name: &'static str, hash: Hash, value: &[u8]) {
    writer.element(name, &[], |writer| {
        writer.empty("ds:DigestMethod", &[("Algorithm", words::digest_method(hash))]);
        writer.leaf("ds:DigestValue", &[], &Base64::encode_string(value));
    });
}

fn status_of_step(writer: &mut Writer, indication: Indication, sub_indication: Option<&str>) {
    writer.leaf("vr:MainIndication", &[], words::of_step(indication));
    if let Some(sub) = sub_indication {
        writer.leaf("vr:SubIndication", &[], &words::sub_indication(sub));
    }
}

const fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Whole => "whole",
        Coverage::Revision => "revision",
    }
}

const fn revocation_word(known: Revocation) -> &'static str {
    match known {
        Revocation::NotRevoked => "not-revoked",
        Revocation::NotChecked => "not-checked",
    }
}
