//! Pictures for test installations: a handwriting in blue, a round seal in red.
//!
//! Both are drawn by us and imitate nobody: the handwriting follows from the digest of the name, the seal bears a plain
//! star and the words THỬ NGHIỆM (test). An agency in earnest supplies its own files.
//! Source: `docs/sources.md`, entry `decree-30-2020`, Appendix I (blue, red, PNG, transparent).

#![expect(clippy::float_arithmetic, reason = "strokes are measured in fractions of pixels")]

mod handwriting;

use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources};
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::page::Page;

use crate::read::{Ground, encode_rgba, raster};
use crate::write::{Typesetter, WriteError};

pub use handwriting::{SIGNATURE_HEIGHT_MM, SIGNATURE_WIDTH_MM};

/// Pixels a millimetre, about 508 dpi: sharp in print.
const PX_PER_MM: u16 = 20;
/// The same, as PNG wants it.
const PX_PER_METRE: u32 = 20_000;
/// Points a millimetre.
const PT_PER_MM: f32 = 72.0 / 25.4;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The picture could not be written as PNG; the fault is ours.
    #[error("the picture could not be encoded: {0}; report this")]
    Encode(#[from] png::EncodingError),
    /// The drawing could not be turned into pixels; the fault is ours.
    #[error("the seal's drawing could not be read back; report this")]
    Raster,
    /// The seal's words could not be set.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Draws a TEST handwriting: PNG, blue on nothing, 60 × 25 mm. The same name gives the same strokes, another name others.
///
/// # Errors
///
/// [`ImageError::Encode`]: our fault.
pub fn signature_png(name: &str) -> Result<Vec<u8>, ImageError> {
    let (width, height) = (SIGNATURE_WIDTH_MM * PX_PER_MM, SIGNATURE_HEIGHT_MM * PX_PER_MM);
    let mut context = RenderContext::new(width, height);
    context.set_paint(handwriting::INK);
    for stroke in handwriting::strokes(name, f64::from(width), f64::from(height)) {
        context.fill_path(&stroke);
    }
    context.flush();
    let mut pixmap = Pixmap::new(width, height);
    context.render_with(&mut pixmap, &mut Resources::default(), RasterizerSettings::default());
    Ok(encode_rgba(pixmap, PX_PER_METRE)?)
}

/// Draws a TEST seal of `organisation`: PNG, red on nothing, `diameter_mm` across.
///
/// # Errors
///
/// [`ImageError::Write`]: correct the diameter or the name; otherwise our fault.
pub fn seal_png(
    typesetter: &Typesetter,
    organisation: &str,
    diameter_mm: f64,
) -> Result<Vec<u8>, ImageError> {
    let drawing = typesetter.seal(organisation, diameter_mm)?;
    let Ok(pdf) = Pdf::new(drawing.pdf) else { return Err(ImageError::Raster) };
    let page: &Page<'_> = pdf.pages().first().ok_or(ImageError::Raster)?;
    let pixmap = raster(page, f32::from(PX_PER_MM) / PT_PER_MM, Ground::Transparent);
    Ok(encode_rgba(pixmap, PX_PER_METRE)?)
}
