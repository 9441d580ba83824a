//! Setting up a TEST installation: images of signatures and seal, and papers for a demonstration.

use std::path::{Path, PathBuf};

use cabinet::Timestamp;
use papers::images;
use papers::write::{Letterhead, Paper, Section, SignatureBlock, Typesetter};

/// A part of the set-up failed.
#[derive(Debug, thiserror::Error)]
#[error("setting up {what}: {cause}")]
pub struct SetupError {
    what: &'static str,
    cause: String,
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> SetupError {
    move |cause| SetupError { what, cause: cause.to_string() }
}

/// Draws the TEST seal and a TEST signature image for each name.
///
/// # Errors
///
/// * [`SetupError`].
pub fn draw_images(
    fonts: &[PathBuf],
    organisation: &str,
    seal: (&Path, f64),
    signatures: &Path,
    names: &[(String, String)],
) -> Result<(), SetupError> {
    let typesetter = Typesetter::open(fonts).map_err(failed("fonts"))?;
    let (path, diameter_mm) = seal;
    let image =
        images::seal_png(&typesetter, organisation, diameter_mm).map_err(failed("the seal's image"))?;
    std::fs::write(path, image).map_err(failed("the seal's image"))?;
    std::fs::create_dir_all(signatures).map_err(failed("signature images"))?;
    for (username, name) in names {
        let image = images::signature_png(name).map_err(failed("signature images"))?;
        std::fs::write(signatures.join(format!("{username}.png")), image)
            .map_err(failed("signature images"))?;
    }
    Ok(())
}

/// A dossier paper to be typeset.
#[derive(Clone, Debug)]
pub struct DemoPaper<'a> {
    /// Kind: `Tờ trình`.
    pub kind: &'a str,
    /// Symbol after the number: `TTr-BM01`.
    pub symbol: &'a str,
    /// Issuing agency.
    pub agency: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// To whom.
    pub addressee: Option<&'a str>,
    /// Sections: heading and paragraphs.
    pub sections: &'a [(&'a str, &'a [&'a str])],
    /// Who would sign it; a draft has nobody.
    pub signer: Option<(&'a str, &'a str)>,
}

/// Typesets a dossier paper.
///
/// # Errors
///
/// * [`SetupError`].
pub fn typeset(
    typesetter: &Typesetter,
    place: &str,
    paper: &DemoPaper<'_>,
    now: Timestamp,
) -> Result<Vec<u8>, SetupError> {
    let text = |text: &&str| (*text).to_owned();
    let content = Paper {
        head: Letterhead {
            parent: None,
            agency: paper.agency.to_owned(),
            symbol: paper.symbol.to_owned(),
            place: place.to_owned(),
            issue: None,
            stamps: Vec::new(),
        },
        kind: paper.kind.to_owned(),
        subject: paper.subject.to_owned(),
        addressee: paper.addressee.map(str::to_owned),
        bases: Vec::new(),
        sections: paper
            .sections
            .iter()
            .map(|(heading, paragraphs)| Section {
                heading: (!heading.is_empty()).then(|| (*heading).to_owned()),
                paragraphs: paragraphs.iter().map(text).collect(),
            })
            .collect(),
        signature: paper.signer.map(|(position, name)| SignatureBlock {
            authority: None,
            positions: vec![position.to_owned()],
            name: name.to_owned(),
        }),
        recipients: vec!["Như trên".to_owned()],
        filing: "VT".to_owned(),
        seal_mm: 36.0,
    };
    typesetter.paper(&content, now).map(|typeset| typeset.pdf).map_err(failed("papers"))
}
