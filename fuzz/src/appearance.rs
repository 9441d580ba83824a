//! Images and pages that a signature shows: PNG and PDF from outside, put into a paper of ours.

use signing::pades::{Appearance, SignRequest};

use super::world::{NOW, world};

/// A paper with the empty, visible field `nguoi-ky`.
pub(crate) const PAPER: &[u8] = include_bytes!("../world/paper.pdf");

pub(crate) fn run(bytes: &[u8]) {
    let appearances = [Appearance::image_png(bytes), Appearance::pdf_page(bytes)];
    for appearance in appearances.into_iter().flatten() {
        let chain = vec![world().sub.clone()];
        let mut request = SignRequest::new("nguoi-ky", world().signer.clone(), chain, NOW);
        request.appearance = Some(appearance);
        super::pdf::complete(PAPER, &request, None);
    }
}
