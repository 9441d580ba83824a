//! Pages become pixels.

use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::{TRANSPARENT, WHITE};
use hayro::vello_cpu::peniko::ImageAlphaType;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use hayro_interpret::InterpreterSettings;
use hayro_interpret::hayro_syntax::page::Page;
use png::{BitDepth, ColorType, Compression, Encoder, PixelDimensions, Unit};

use super::{MAX_PIXELS, MAX_SIDE_PX};

/// More than single precision loses on [`MAX_SIDE_PX`], and nothing that is seen.
const ROUNDING: f32 = 0.01;

/// What lies under the page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ground {
    Transparent,
    White,
}

/// Draws a page at `scale` pixels a point, or smaller if it would be too large.
pub(crate) fn raster(page: &Page<'_>, scale: f32, ground: Ground) -> Pixmap {
    let (width, height) = page.render_dimensions();
    let longest = f32::from(MAX_SIDE_PX) / width.max(height).max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "a limit, not a measure")]
    let largest = (MAX_PIXELS as f32 / (width * height).max(1.0)).sqrt();
    let scale = scale.min(longest).min(largest);
    // Whole pixels, at least one: a sheet may be thousands of times longer than wide. The renderer rounds down.
    let whole = |side: f32| ((side * scale).round().max(1.0) + ROUNDING) / side;
    let settings = PixmapSettings {
        x_scale: whole(width),
        y_scale: whole(height),
        bg_color: match ground {
            Ground::Transparent => TRANSPARENT,
            Ground::White => WHITE,
        },
    };
    let cache = RenderCache::new();
    hayro::render(page, &cache, &InterpreterSettings::default(), &RenderSettings::default(), &settings)
}

/// PNG of an opaque page: grey if nothing on it has a colour, which most papers have not.
pub(super) fn encode_page(pixmap: &Pixmap) -> Option<Vec<u8>> {
    let (width, height) = (pixmap.width().into(), pixmap.height().into());
    let pixels = pixmap.data_as_u8_slice().as_chunks::<4>().0;
    let (color, bytes): (ColorType, Vec<u8>) = if pixels.iter().all(|[r, g, b, _]| r == g && g == b) {
        (ColorType::Grayscale, pixels.iter().map(|[r, ..]| *r).collect())
    } else {
        (ColorType::Rgb, pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect())
    };
    encode(color, width, height, None, &bytes).ok()
}

/// PNG with transparency and its real size: `per_metre` pixels a metre.
pub(crate) fn encode_rgba(pixmap: Pixmap, per_metre: u32) -> Result<Vec<u8>, png::EncodingError> {
    let (width, height) = (pixmap.width().into(), pixmap.height().into());
    let bytes = pixmap.take_rgba8(ImageAlphaType::Alpha);
    encode(ColorType::Rgba, width, height, Some(per_metre), &bytes)
}

fn encode(
    color: ColorType,
    width: u32,
    height: u32,
    per_metre: Option<u32>,
    bytes: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_pixel_dims(per_metre.map(|n| PixelDimensions { xppu: n, yppu: n, unit: Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(file)
}
