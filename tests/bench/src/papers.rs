//! Papers of any size, written piece by piece.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use signing::pades::{self, Field, FieldKind, Rect};

/// The field that is signed.
pub(crate) const FIELD: &str = "nguoi-ky";
/// What one page of the padded papers is given as its image, in bytes.
const IMAGE_ROW_BYTES: usize = 1000;

/// Text pages, an image on each or padding behind them all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paper {
    n_pages: usize,
    /// Bytes of the whole file, but for some hundreds.
    len_bytes: usize,
    has_images: bool,
}

impl Paper {
    /// A text of a few pages with one stream of padding, as an embedded font would be.
    pub(crate) const fn text(n_pages: usize, len_bytes: usize) -> Self {
        Self { n_pages, len_bytes, has_images: false }
    }

    /// Scanned pages that share the length.
    pub(crate) const fn scan(n_pages: usize, len_bytes: usize) -> Self {
        Self { n_pages, len_bytes, has_images: true }
    }

    /// The paper with its signature field, in memory.
    pub(crate) fn reserved(self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.len_bytes);
        self.write(&mut bytes)?;
        Ok(pades::add_fields(&bytes, &fields())?)
    }

    /// The paper with its signature field, in a file.
    pub(crate) fn reserved_file(self, place: &Path) -> anyhow::Result<()> {
        let bare = place.with_extension("bare");
        let mut file = BufWriter::new(File::create(&bare)?);
        self.write(&mut file)?;
        file.flush()?;
        pades::add_fields_file(&bare, place, &fields())?.publish()?;
        Ok(std::fs::remove_file(bare)?)
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let mut paper = Objects { out, at: 0, offsets: Vec::new() };
        paper.raw(b"%PDF-1.7\n")?;
        let kids: String = (0..self.n_pages).map(|page| format!("{} 0 R ", 4 + page * 3)).collect();
        paper.object("<</Type/Catalog/Pages 2 0 R>>")?;
        paper.object(&format!("<</Type/Pages/Count {}/Kids[{kids}]>>", self.n_pages))?;
        paper.object("<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>")?;
        for page in 0..self.n_pages {
            let (text, image) = (5 + page * 3, 6 + page * 3);
            paper.object(&format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {text} 0 R\
                 /Resources<</Font<</F1 3 0 R>>/XObject<</X {image} 0 R>>>>>>"
            ))?;
            let words = format!("BT /F1 13 Tf 100 600 Td (TEST, trang {}) Tj ET", page + 1);
            paper.stream("", words.len(), words.as_bytes())?;
            if self.has_images {
                let height = self.len_bytes / self.n_pages / IMAGE_ROW_BYTES;
                let image = format!(
                    "/Type/XObject/Subtype/Image/Width {IMAGE_ROW_BYTES}/Height {height}\
                     /ColorSpace/DeviceGray/BitsPerComponent 8"
                );
                paper.stream(&image, height * IMAGE_ROW_BYTES, &noise())?;
            } else {
                paper.object("null")?;
            }
        }
        if !self.has_images {
            let left = self.len_bytes.saturating_sub(paper.at + 300 + 20 * paper.offsets.len());
            paper.stream("", left, &noise())?;
        }
        paper.finish()
    }
}

struct Objects<'a> {
    out: &'a mut dyn Write,
    at: usize,
    offsets: Vec<usize>,
}

impl Objects<'_> {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len();
        self.out.write_all(bytes)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.offsets.push(self.at);
        self.raw(format!("{} 0 obj\n", self.offsets.len()).as_bytes())
    }

    fn object(&mut self, value: &str) -> io::Result<()> {
        self.begin()?;
        self.raw(format!("{value}\nendobj\n").as_bytes())
    }

    /// A stream of `len_bytes`, made of the piece as often as needed.
    fn stream(&mut self, keys: &str, len_bytes: usize, piece: &[u8]) -> io::Result<()> {
        self.begin()?;
        self.raw(format!("<<{keys}/Length {len_bytes}>>\nstream\n").as_bytes())?;
        let mut left = len_bytes;
        while left > 0 {
            let n = left.min(piece.len());
            self.raw(piece.split_at(n).0)?;
            left -= n;
        }
        self.raw(b"\nendstream\nendobj\n")
    }

    fn finish(mut self) -> io::Result<()> {
        let (start, size) = (self.at, self.offsets.len() + 1);
        let table: String = self.offsets.iter().map(|offset| format!("{offset:010} 00000 n \n")).collect();
        let trailer = format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
        self.raw(format!("xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}").as_bytes())
    }
}

/// Bytes that do not repeat soon.
fn noise() -> Vec<u8> {
    (0..100_003_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()).map(|[first, ..]| first).collect()
}

fn fields() -> Vec<Field> {
    let rect = Rect::from_points(350, 100, 500, 160);
    vec![Field { name: FIELD.to_owned(), page: 0, rect, kind: FieldKind::Signature }]
}
