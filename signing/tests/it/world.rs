//! A small TEST world: authority, signers with software keys, a paper like a typeset Resolution.

use std::path::PathBuf;
use std::process::{Command, Output};

use cabinet::Timestamp;
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::pades::{self, Appearance, DocMdp, Field, FieldKind, Fill, Lock, Rect, SignRequest};
use signing::{Certificate, Hash, SignatureAlgorithm, TrustStore};

/// 2026-06-07T16:05:31+07:00.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

pub(crate) struct Person {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: Certificate,
}

pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) sub: Authority,
    pub(crate) leader: Person,
    pub(crate) organisation: Person,
}

impl World {
    /// Certificates are valid around the machine's own clock too, because the judges use that.
    pub(crate) fn new() -> Self {
        let root = Authority::create_root("TEST e-Cabinet root", NOW).unwrap();
        let sub = root.create_sub("TEST e-Cabinet signing CA", NOW).unwrap();
        let leader = person(&sub, ec_key(), "Thủ tướng (THỬ NGHIỆM)", Profile::Person);
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let organisation = person(&sub, rsa, "Chính phủ (THỬ NGHIỆM)", Profile::Organisation);
        Self { root, sub, leader, organisation }
    }

    pub(crate) fn trust(&self) -> TrustStore {
        TrustStore::new(vec![self.root.certificate().clone()])
    }

    pub(crate) fn chain(&self) -> Vec<Certificate> {
        vec![self.sub.certificate().clone()]
    }

    /// The authorised person's signature: certification, blue image.
    pub(crate) fn leader_signs(&self, pdf: &[u8]) -> Vec<u8> {
        let mut request = SignRequest::new("nguoi-ky", self.leader.certificate.clone(), self.chain(), NOW);
        request.appearance = Some(Appearance::image_png(&disc([0, 0, 200])).unwrap());
        request.certify = Some(DocMdp::FillAndSign);
        request.reason = Some("Ký ban hành".to_owned());
        sign(pdf, &request, &self.leader)
    }

    /// The clerk's revision: number, date and the organisation's signature with the red seal.
    pub(crate) fn organisation_seals(&self, pdf: &[u8]) -> Vec<u8> {
        let mut request =
            SignRequest::new("co-quan", self.organisation.certificate.clone(), self.chain(), NOW);
        request.appearance = Some(Appearance::image_png(&disc([220, 0, 0])).unwrap());
        request.lock = Lock::AllFields;
        request.fills = vec![
            Fill { field: "so".to_owned(), value: "12/NQ-CP".to_owned(), appearance: None },
            Fill {
                field: "ngay".to_owned(),
                value: "ngày 07 tháng 6 năm 2026".to_owned(),
                appearance: Some(Appearance::pdf_page(&paper("ngay 07 thang 6")).unwrap()),
            },
        ];
        sign(pdf, &request, &self.organisation)
    }
}

fn person(authority: &Authority, key: PKey<Private>, name: &str, profile: Profile) -> Person {
    let spki = key.public_key_to_der().unwrap();
    let validity = Validity::days(NOW, 3 * 365);
    let certificate = authority.issue_signer(&spki, &Subject::named(name), 42, validity, profile).unwrap();
    Person { key, certificate }
}

pub(crate) fn ec_key() -> PKey<Private> {
    key_on(Nid::X9_62_PRIME256V1)
}

pub(crate) fn key_on(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(crate) fn sign(pdf: &[u8], request: &SignRequest, person: &Person) -> Vec<u8> {
    let prepared = pades::prepare(pdf, request).unwrap();
    let raw = sign_raw(&person.key, prepared.algorithm(), prepared.signed_attributes());
    prepared.embed(&raw).unwrap()
}

/// The token's part: r‖s for ECDSA.
pub(crate) fn sign_raw(key: &PKey<Private>, algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => MessageDigest::sha256(),
        Hash::Sha384 => MessageDigest::sha384(),
        Hash::Sha512 => MessageDigest::sha512(),
    };
    let mut signer = if algorithm == SignatureAlgorithm::Ed25519 {
        Signer::new_without_digest(key).unwrap()
    } else {
        Signer::new(hash, key).unwrap()
    };
    if algorithm == SignatureAlgorithm::RsaPssSha256 {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    let value = signer.sign_oneshot_to_vec(message).unwrap();
    let scalar_len = match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => 32,
        SignatureAlgorithm::EcdsaP384Sha384 => 48,
        SignatureAlgorithm::RsaPkcs1Sha256
        | SignatureAlgorithm::RsaPssSha256
        | SignatureAlgorithm::Ed25519 => return value,
    };
    let signature = EcdsaSig::from_der(&value).unwrap();
    [signature.r().to_vec_padded(scalar_len).unwrap(), signature.s().to_vec_padded(scalar_len).unwrap()]
        .concat()
}

/// The fields that a Resolution reserves; the seal lies over a third of the signature, on its left.
pub(crate) fn fields() -> Vec<Field> {
    let text = FieldKind::Text { font_points: 13 };
    [
        ("so", Rect::from_points(80, 760, 200, 780), text),
        ("ngay", Rect::from_points(300, 740, 520, 760), text),
        ("nguoi-ky", Rect::from_points(350, 100, 500, 160), FieldKind::Signature),
        ("co-quan", Rect::from_points(300, 85, 400, 185), FieldKind::Signature),
    ]
    .map(|(name, rect, kind)| Field { name: name.to_owned(), page: 0, rect, kind })
    .to_vec()
}

/// A one-page paper, as a PDF with a cross-reference table.
pub(crate) fn paper(text: &str) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let pages = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Times-Roman",
    });
    let content = format!("BT /F1 13 Tf 100 600 Td ({text}) Tj ET");
    let content = document.add_object(Stream::new(Dictionary::new(), content.into_bytes()));
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    });
    document.objects.insert(
        pages,
        Object::Dictionary(dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 }),
    );
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    document.reference_table.cross_reference_type = lopdf::xref::XrefType::CrossReferenceTable;
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// A transparent PNG with an opaque disc.
pub(crate) fn disc(colour: [u8; 3]) -> Vec<u8> {
    const SIDE: u32 = 60;
    let mut pixels = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let inside = x.abs_diff(SIDE / 2).pow(2) + y.abs_diff(SIDE / 2).pow(2) < (SIDE / 2).pow(2);
            pixels.extend([colour[0], colour[1], colour[2], if inside { 255 } else { 0 }]);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// The PDFs of a folder of the outside data and of the folders below it, by name.
pub(crate) fn outside(folder: &str) -> Vec<(String, Vec<u8>)> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("ECABINET_DATA").map_or(default, PathBuf::from);
    let mut waiting = vec![data.join(folder)];
    let mut papers = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).expect("set ECABINET_DATA to the folder of outside data") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pdf") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                papers.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    papers.sort();
    assert!(!papers.is_empty());
    papers
}

/// Runs a judge and returns what it says.
pub(crate) fn judge(command: &mut Command) -> (String, Output) {
    let output = command.output().expect("the judge must be installed");
    let says = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (String::from_utf8_lossy(&says).into_owned(), output)
}
