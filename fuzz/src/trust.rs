//! Trust bundles: the file as found, and the text of one signed anew by its configured publisher.

use cabinet::Digest;
use signing::cades;
use signing::trust::Bundle;

use super::world::{self, NOW, world};

pub(crate) fn run(bytes: &[u8]) {
    drop(open(bytes));
    let Ok(file) = std::str::from_utf8(bytes) else { return };
    let text = file.split("-----BEGIN CMS-----\n").next().unwrap_or_default();
    let Ok(bundle) = open(sealed(text).as_bytes()) else { return };
    let written = bundle.to_text().expect("what was read can be written");
    assert_eq!(open(sealed(&written).as_bytes()), Ok(bundle));
    drop(Bundle::into_store(open(sealed(text).as_bytes()).expect("it opened before")));
}

pub(crate) fn sealed(text: &str) -> String {
    let chain = [world().sub.clone()];
    let prepared =
        cades::prepare(&Digest::of(text.as_bytes()), &world().signer, &chain, NOW).expect("a signature");
    let raw = world::sign_raw(prepared.signed_attributes());
    Bundle::seal(text, &prepared.embed(&raw).expect("a signature"))
}

fn open(file: &[u8]) -> Result<Bundle, String> {
    let signers = [world().signer.clone(), world().root.clone()];
    Bundle::open(file, &signers, Some(1), NOW).map_err(|refused| refused.to_string())
}
