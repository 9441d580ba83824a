//! Strokes that look like a hurried name: a tall first letter, a run of waves, a flourish back under the line.

use cabinet::Digest;
use hayro::kurbo::{BezPath, Circle, CubicBez, ParamCurve as _, Point, Shape as _, Vec2};
use hayro::vello_cpu::color::{AlphaColor, Srgb};

/// The picture's width in millimetres.
pub const SIGNATURE_WIDTH_MM: u16 = 60;
/// The picture's height in millimetres.
pub const SIGNATURE_HEIGHT_MM: u16 = 25;

/// Blue, as the decree wants it.
pub(super) const INK: AlphaColor<Srgb> = AlphaColor::from_rgb8(0x14, 0x38, 0xA8);

/// Dabs of the pen on each piece of a stroke: close enough to run together.
const DABS: u32 = 160;
/// The pen's thickest line, as a share of the height.
const PEN: f64 = 0.021;

/// Numbers from 0 to 1 that follow from a name.
struct Chance {
    name: String,
    n: u32,
}

impl Chance {
    fn next(&mut self) -> f64 {
        self.n = self.n.saturating_add(1);
        let digest = Digest::of(format!("{}\n{}", self.name, self.n).as_bytes());
        let [a, b, ..] = *digest.as_bytes();
        f64::from(u16::from_be_bytes([a, b])) / f64::from(u16::MAX)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

/// The strokes of `name` as filled outlines on a sheet of `width` × `height`.
pub(super) fn strokes(name: &str, width: f64, height: f64) -> Vec<BezPath> {
    let mut chance = Chance { name: name.to_owned(), n: 0 };
    let slant = chance.between(0.10, 0.26);
    let tilt = chance.between(0.02, 0.12);
    let place = |(x, y): (f64, f64)| {
        let y = y - tilt * (x - 0.5);
        Point::new((x + slant * (0.55 - y) * height / width) * width, y * height)
    };
    let lines = [letter_and_waves(&mut chance), flourish(&mut chance), accent(&mut chance)];
    lines
        .into_iter()
        .map(|points| inked(&points.into_iter().map(place).collect::<Vec<_>>(), height))
        .collect()
}

/// The first letter and the rest of the name, in one go. Shares of the sheet.
fn letter_and_waves(chance: &mut Chance) -> Vec<(f64, f64)> {
    let top = chance.between(0.07, 0.16);
    let belly = chance.between(0.16, 0.22);
    let mut points = vec![
        (0.11, chance.between(0.40, 0.52)),
        (belly, top + 0.10),
        (0.255, top),
        (0.225, 0.40),
        (0.165, chance.between(0.74, 0.86)),
        (0.115, 0.74),
        (0.165, 0.56),
        (0.27, chance.between(0.42, 0.50)),
    ];
    let n_waves = 4 + usize::from(chance.next() > 0.35) + usize::from(chance.next() > 0.6);
    let mut x = 0.285;
    let mut tall = chance.between(0.15, 0.22);
    let tallest = chance.next();
    for n in 0..n_waves {
        let step = chance.between(0.042, 0.078);
        // One letter in the middle of a name stands out above the others.
        #[expect(clippy::cast_precision_loss, reason = "a handful of waves")]
        let lift = if (n as f64 / n_waves as f64 - tallest).abs() < 0.13 { 0.22 } else { 0.0 };
        points.push((x + 0.010, 0.60 + chance.between(-0.02, 0.05)));
        points.push((x + step * 0.62, 0.60 - tall - lift));
        points.push((x + step * 0.74, 0.57 - tall * 0.3));
        x += step;
        tall *= chance.between(0.78, 0.98);
    }
    points.push((x + 0.02, 0.61));
    points.push((x + 0.11, chance.between(0.46, 0.54)));
    points.push((x + 0.19, chance.between(0.38, 0.46)));
    points
}

/// Back under the name and out to the right.
fn flourish(chance: &mut Chance) -> Vec<(f64, f64)> {
    let low = chance.between(0.80, 0.88);
    let left = chance.between(0.20, 0.34);
    vec![
        (chance.between(0.66, 0.78), 0.70),
        (0.52, low - 0.04),
        (left, low),
        (left - 0.035, low + 0.04),
        (left + 0.06, low + 0.045),
        (0.58, low - 0.03),
        (chance.between(0.86, 0.94), chance.between(0.60, 0.72)),
    ]
}

/// The quick mark above the line that most Vietnamese names have.
fn accent(chance: &mut Chance) -> Vec<(f64, f64)> {
    let x = chance.between(0.42, 0.60);
    let y = chance.between(0.16, 0.26);
    vec![(x, y + 0.07), (x + 0.025, y + 0.015), (x + 0.06, y - chance.between(0.02, 0.07))]
}

/// Draws a smooth line through the points with a pen that is thick downwards and thin upwards and at the ends.
fn inked(points: &[Point], height: f64) -> BezPath {
    let mut path = BezPath::new();
    let pieces = points.len().saturating_sub(1);
    let at = |n: usize| points.get(n.min(pieces)).copied().unwrap_or_default();
    let mut thickness = PEN * 0.35;
    for n in 0..pieces {
        let (before, from, to, after) = (at(n.saturating_sub(1)), at(n), at(n + 1), at(n + 2));
        let curve = CubicBez::new(from, from + (to - before) / 6.0, to - (after - from) / 6.0, to);
        let mut last = from;
        for dab in 0..DABS {
            let here = curve.eval(f64::from(dab) / f64::from(DABS));
            let way: Vec2 = here - last;
            let down = if way.hypot() > 0.0 { way.y / way.hypot() } else { 0.0 };
            let end = n + 1 == pieces && dab > DABS / 2;
            let wanted = if end { PEN * 0.16 } else { PEN * (0.62 + 0.38 * down) };
            thickness += (wanted - thickness) * 0.025;
            path.extend(Circle::new(here, thickness * height / 2.0).path_elements(0.05));
            last = here;
        }
    }
    path
}
