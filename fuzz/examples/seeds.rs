//! Writes the TEST world (`seeds world`, then build again) and the seeds of every target (`seeds`); with a folder,
//! also the files that are made to cost much, to be measured.
//!
//! Seeds are written anew each time; what a target once found, `corpus/*/find-*`, stays.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs)]

#[path = "../src/appearance.rs"]
mod appearance;
#[path = "seeds/certificates.rs"]
mod certificates;
#[path = "../src/cms.rs"]
mod cms;
#[path = "../src/hostile.rs"]
mod hostile;
#[path = "../../audit/tests/it/world.rs"]
mod log;
#[path = "../src/ocsp.rs"]
mod ocsp;
#[path = "../../signing/tests/it/world.rs"]
mod papers;
#[path = "../src/pdf.rs"]
mod pdf;
#[path = "seeds/pdfs.rs"]
mod pdfs;
#[path = "../src/sealed.rs"]
mod sealed;
#[path = "../src/timestamp.rs"]
mod timestamp;
#[path = "../src/trust.rs"]
mod trust;
#[path = "../src/world.rs"]
mod world;

use std::path::Path;

use cabinet::Digest;
use cabinet::vote::Choice;
use signing::authority::{Authority, Subject};
use signing::ocsp::{IdHash, Nonce, Reply};
use signing::register::{Reason, Register};
use signing::timestamp::{Answer, Token, respond, verify_response};
use signing::trust::{Anchor, Bundle, Purpose};
use signing::{cades, csr};

use crate::world::{NOW, sign_raw, world};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    if std::env::args().nth(1).as_deref() == Some("world") {
        certificates::write_world(&folder.join("world"));
        std::fs::write(folder.join("world/paper.pdf"), pdfs::reserved()).unwrap();
        return;
    }
    for (target, seeds) in [
        ("appearance", vec![papers::disc([200, 0, 0]), papers::paper("TEST"), pdfs::packed()]),
        ("bundle", bundle()),
        ("certificate", certificates::seeds()),
        ("cms", signatures()),
        ("crl", certificates::lists()),
        ("csr", requests()),
        ("ocsp", statuses()),
        ("pdf", pdfs::seeds()),
        ("sealed", blobs()),
        ("statement", statements()),
        ("timestamp", stamps()),
        ("trust", anchors()),
    ] {
        write(&folder.join("corpus").join(target), "seed", &seeds);
    }
    let Some(costly) = std::env::args().nth(1) else { return };
    for (name, bytes) in hostile::pdfs().into_iter().chain([("large-image", hostile::large_image())]) {
        std::fs::write(Path::new(&costly).join(name), bytes).unwrap();
    }
}

fn write(folder: &Path, kind: &str, seeds: &[Vec<u8>]) {
    std::fs::create_dir_all(folder).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(kind) {
            std::fs::remove_file(path).unwrap();
        }
    }
    for (n, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("{kind}-{n:02}")), seed).unwrap();
    }
}

fn bundle() -> Vec<Vec<u8>> {
    let (voted, small) = (log::World::voted(), log::World::small());
    let export = cabinet::canonical::to_bytes(&small.export());
    let checkpoint = small.checkpoint(&log::PKI.log);
    vec![small.bundle(), voted.bundle(), export, checkpoint.to_string().into_bytes()]
}

fn statements() -> Vec<Vec<u8>> {
    let world = log::World::opened(3);
    vec![world.frozen.encode(), world.statement(0, Choice::Agree).encode()]
}

fn signatures() -> Vec<Vec<u8>> {
    let (signer, chain) = (&world().signer, [world().sub.clone()]);
    let by = |prepared: cades::Prepared| {
        let raw = sign_raw(prepared.signed_attributes());
        prepared.embed(&raw).unwrap()
    };
    let detached = by(cades::prepare(&Digest::of(cms::CONTENT), signer, &chain, NOW).unwrap());
    let attached = by(cades::prepare_attached(cms::CONTENT, signer, &chain, NOW).unwrap());
    let stamped =
        |cms: &[u8]| cades::add_timestamp(cms, &stamp(cades::signature_value(cms).unwrap())).unwrap();
    let twice = stamped(&stamped(&detached));
    vec![stamped(&detached), stamped(&attached), twice, detached, attached]
}

/// The world's authority stamps `bytes`.
fn stamp(bytes: &[u8]) -> Token {
    let imprint = signing::Imprint::of(signing::Hash::Sha256, bytes).unwrap();
    let request = signing::timestamp::Request::new(imprint, [7; 16]);
    verify_response(&request, &answer(&request.to_der()), &[]).unwrap()
}

fn answer(request: &[u8]) -> Vec<u8> {
    match respond(request, &timestamp::settings(), 0x8000_0001, NOW) {
        Answer::ToSign(prepared) => {
            let raw = sign_raw(prepared.to_sign());
            prepared.embed(&raw).unwrap()
        }
        Answer::Rejected(rejection) => rejection.to_der(),
    }
}

fn stamps() -> Vec<Vec<u8>> {
    let request = timestamp::request().to_der();
    let sha512 = signing::Imprint::of(signing::Hash::Sha512, timestamp::STAMPED).unwrap();
    let other = signing::timestamp::Request::new(sha512, [200; 16]).to_der();
    let (granted, rejected) = (answer(&request), answer(b"no request"));
    let token = stamp(timestamp::STAMPED).to_der().to_vec();
    vec![request, other, granted, rejected, token]
}

fn statuses() -> Vec<Vec<u8>> {
    let (leaf, issuer) = (&world().signer, &world().sub);
    let nonce = Nonce::fresh().unwrap();
    let mut seeds = Vec::new();
    for (hash, nonce, reason) in [
        (IdHash::Sha1, None, None),
        (IdHash::Sha256, Some(&nonce), Some(Reason::KeyCompromise)),
        (IdHash::Sha256, None, Some(Reason::CertificateHold)),
    ] {
        let mut register = Register::default();
        register.issued(leaf);
        if let Some(reason) = reason {
            register.revoke(&leaf.serial(), NOW.plus_seconds(-60), reason).unwrap();
        }
        let request = signing::ocsp::request(leaf, issuer, hash, nonce).unwrap();
        let reply = signing::ocsp::respond(&request, &ocsp::responder(), |serial| register.status(serial));
        let Ok(Reply::ToSign(prepared)) = reply else { panic!("an error") };
        let raw = ocsp::sign(prepared.to_sign());
        let response = prepared.embed(&raw).unwrap();
        seeds.push(signing::ocsp::basic_of(&response).unwrap().to_vec());
        seeds.extend([request, response]);
    }
    seeds.push(signing::ocsp::error_response(signing::ocsp::ErrorStatus::TryLater));
    seeds
}

fn requests() -> Vec<Vec<u8>> {
    let spki = world().key.public_key_to_der().unwrap();
    let subject = Subject::named("Người ký (THỬ NGHIỆM)").of("TEST e-Cabinet");
    let prepared = csr::prepare(&spki, &subject).unwrap();
    let raw = sign_raw(prepared.to_sign());
    vec![prepared.embed(&raw).unwrap()]
}

fn blobs() -> Vec<Vec<u8>> {
    let blob = |plain: &[u8]| {
        let mut blob = Vec::new();
        archive::seal(&sealed::key(), sealed::BLOB, sealed::KEY_ID, &mut &*plain, &mut blob).unwrap();
        blob
    };
    let value = sealed::column_key().seal(sealed::place(), "ý kiến (THỬ NGHIỆM)".as_bytes()).unwrap();
    vec![blob(b""), blob("tài liệu (THỬ NGHIỆM)".as_bytes()), blob(&[7; 70_000]), value]
}

fn anchors() -> Vec<Vec<u8>> {
    let anchor = |certificate: &signing::Certificate, uses| Anchor {
        certificate: certificate.clone(),
        uses,
        from: Some(NOW.plus_seconds(-86_400)),
        until: None,
        remark: "TEST".to_owned(),
    };
    let anchors = vec![
        anchor(&world().root, vec![Purpose::Signing]),
        anchor(&world().sub, vec![Purpose::Signing, Purpose::TimeStamping]),
    ];
    let text = Bundle { sequence: 2, issued: NOW, anchors }.to_text().unwrap();
    vec![trust::sealed(&text).into_bytes(), text.into_bytes()]
}
