//! Test pictures have the decree's colours, are transparent, and differ by name.

use papers::images::{seal_png, signature_png};

use crate::samples::TYPESETTER;

struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<[u8; 4]>,
}

fn picture(file: &[u8]) -> Picture {
    let mut png = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let dims = png.info().pixel_dims.unwrap();
    assert_eq!((dims.xppu, dims.yppu), (20_000, 20_000));
    let mut bytes = vec![0; png.output_buffer_size().unwrap()];
    let info = png.next_frame(&mut bytes).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgba);
    Picture { width: info.width, height: info.height, pixels: bytes.as_chunks::<4>().0.to_vec() }
}

#[test]
fn a_handwriting_is_blue_on_nothing_and_its_own() {
    let file = signature_png("Nguyễn Văn Thử Nghiệm").unwrap();
    let drawn = picture(&file);
    assert_eq!((drawn.width, drawn.height), (1200, 500));
    let inked = drawn.pixels.iter().filter(|p| p[3] > 128).count();
    assert!((8_000..120_000).contains(&inked), "{inked}");
    assert!(drawn.pixels.iter().filter(|p| p[3] > 200).all(|[r, g, b, _]| b > g && b > r));
    // Nothing is cut off at the edges.
    let edge = |n: usize| drawn.pixels[n][3] == 0;
    assert!(
        (0..1200).all(|x| edge(x) && edge(499 * 1200 + x))
            && (0..500).all(|y| edge(y * 1200) && edge(y * 1200 + 1199))
    );
    assert!(file == signature_png("Nguyễn Văn Thử Nghiệm").unwrap());
    assert!(file != signature_png("Trần Văn Thử").unwrap());
}

#[test]
fn a_seal_is_red_round_and_of_real_size() {
    let drawn = picture(&seal_png(&TYPESETTER, "Chính phủ", 36.0).unwrap());
    assert_eq!((drawn.width, drawn.height), (720, 720));
    assert!(drawn.pixels.iter().filter(|p| p[3] > 200).all(|[r, g, b, _]| *r > 150 && *g < 60 && *b < 60));
    let corner = drawn.pixels[(drawn.width * 40 + 40) as usize];
    let middle = drawn.pixels[(drawn.width * (drawn.height / 2) + drawn.width / 2) as usize];
    assert_eq!((corner[3], middle[3]), (0, 255));
    assert!(seal_png(&TYPESETTER, "Chính phủ", 500.0).is_err());
}
