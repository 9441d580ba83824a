//! Real papers, read as well as another program reads them.

use std::collections::BTreeMap;

use papers::read::{Paper, ReadError};

use crate::samples::real_papers;

fn counted<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

fn all_text(paper: &Paper) -> String {
    let pages: Vec<String> = (0..paper.n_pages()).map(|n| paper.page_text(n).unwrap()).collect();
    pages.join("\n")
}

#[test]
fn words_agree_with_poppler() {
    for (name, bytes, expected) in real_papers() {
        let text = all_text(&Paper::open(bytes).unwrap());
        let (ours, theirs) = (counted(text.split_whitespace()), counted(expected.split_whitespace()));
        let shared: usize = theirs.iter().map(|(word, n)| n.min(ours.get(word).unwrap_or(&0))).sum();
        let recall = shared as f64 / theirs.values().sum::<usize>() as f64;
        let precision = shared as f64 / ours.values().sum::<usize>() as f64;
        println!("{name}: recall {recall:.4}, precision {precision:.4}");
        assert!(recall >= 0.98 && precision >= 0.97, "{name}: recall {recall:.4}, precision {precision:.4}");
    }
}

#[test]
fn words_lie_on_their_page_and_lines_go_down() {
    for (name, bytes, _) in real_papers() {
        let paper = Paper::open(bytes).unwrap();
        for n in 0..paper.n_pages() {
            let page = paper.page_words(n).unwrap();
            assert!(
                (page.width - 595.0).abs() < 18.0 && (page.height - 842.0).abs() < 51.0,
                "{name}: {} × {}",
                page.width,
                page.height
            );
            assert!(page.words.len() > 20, "{name} page {n}");
            for word in &page.words {
                assert!(word.x >= 0.0 && word.x + word.w <= page.width + 1.0, "{name} page {n}: {word:?}");
                assert!(
                    word.y >= -1.0 && word.y + word.h <= page.height + 8.0 && word.h > 4.0,
                    "{name} page {n}: {word:?}"
                );
            }
            let tops: Vec<f64> =
                page.words.chunk_by(|a, b| a.line == b.line).map(|line| line[0].y + line[0].h).collect();
            assert!(tops.windows(2).all(|pair| pair[0] < pair[1] + 8.0), "{name} page {n}");
        }
    }
}

#[test]
fn every_page_is_drawn_with_ink_on_it() {
    for (name, bytes, _) in real_papers() {
        let paper = Paper::open(bytes).unwrap();
        for n in 0..paper.n_pages() {
            let file = paper.page_png(n, 600).unwrap();
            let mut png = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; png.output_buffer_size().unwrap()];
            let info = png.next_frame(&mut pixels).unwrap();
            assert!(info.width == 600 && info.height > 700, "{name} page {n}: {info:?}");
            let dark = pixels.iter().filter(|&&value| value < 100).count();
            assert!(dark > 800, "{name} page {n} is empty");
        }
    }
}

#[test]
fn a_page_image_has_a_largest_size() {
    let (_, bytes, _) = real_papers().remove(0);
    let paper = Paper::open(bytes).unwrap();
    let png =
        png::Decoder::new(std::io::Cursor::new(paper.page_png(0, u16::MAX).unwrap())).read_info().unwrap();
    assert!(png.info().width * png.info().height <= papers::read::MAX_PIXELS);
    assert!(matches!(paper.page_png(paper.n_pages(), 600), Err(ReadError::NoSuchPage(_))));
    assert!(paper.page_png(0, 0).is_ok());
}
