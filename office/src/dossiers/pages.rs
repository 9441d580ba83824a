//! Page images in memory: everybody in the room turns to the same page at the same time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use zeroize::Zeroizing;

use super::store::Document;
use crate::app::App;
use crate::error::Problem;
use crate::parser::{ParserError, Refused};

/// Images kept at most, in bytes.
const MAX_KEPT_BYTES: usize = 64 << 20;
/// Widths that are drawn: what is asked for is rounded up to the next, so that screens share images.
const WIDTHS_PX: [u16; 6] = [400, 800, 1_200, 1_600, 2_000, 2_400];

type Key = (String, usize, u16);

/// The images kept. Never written to disk.
#[derive(Clone, Debug, Default)]
pub struct Pages(Arc<std::sync::Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    images: HashMap<Key, Bytes>,
    oldest_first: VecDeque<Key>,
    n_bytes: usize,
}

impl Pages {
    fn get(&self, key: &Key) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).images.get(key).cloned()
    }

    fn put(&self, key: Key, image: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.n_bytes = kept.n_bytes.saturating_add(image.len());
        if let Some(earlier) = kept.images.insert(key.clone(), image) {
            kept.n_bytes = kept.n_bytes.saturating_sub(earlier.len());
        } else {
            kept.oldest_first.push_back(key);
        }
        while kept.n_bytes > MAX_KEPT_BYTES {
            let Some(oldest) = kept.oldest_first.pop_front() else { break };
            if let Some(image) = kept.images.remove(&oldest) {
                kept.n_bytes = kept.n_bytes.saturating_sub(image.len());
            }
        }
    }
}

/// The image of page `page` (from 0) of a document, at least `width_px` wide where such images are drawn.
///
/// # Errors
///
/// 404, 503.
pub async fn image(app: &App, document: &Document, page: usize, width_px: u16) -> Result<Bytes, Problem> {
    let width_px = WIDTHS_PX.into_iter().find(|width| *width >= width_px).unwrap_or(WIDTHS_PX[5]);
    let key = (document.id.to_string(), page, width_px);
    if let Some(image) = app.pages.get(&key) {
        return Ok(image);
    }
    let fetch = || paper(app, document);
    let image =
        app.parser.draw(&key.0, page, width_px, fetch).await.map_err(|DrawError(problem)| *problem)?;
    let image = Bytes::from(image);
    app.pages.put(key, image.clone());
    Ok(image)
}

struct DrawError(Box<Problem>);

impl From<ParserError> for DrawError {
    fn from(err: ParserError) -> Self {
        Self(Box::new(match err {
            ParserError::Refused(Refused::Unreadable) => {
                Problem::unusable("pdf-unreadable", "this page cannot be drawn; download the paper instead")
            }
            other @ (ParserError::Refused(_) | ParserError::GaveUp | ParserError::Unavailable(_)) => {
                tracing::error!(%other, "page not drawn");
                Problem::unavailable("parser-unavailable", "the page could not be drawn; try again", 2)
            }
        }))
    }
}

async fn paper(app: &App, document: &Document) -> Result<Zeroizing<Vec<u8>>, DrawError> {
    app.blobs
        .read(&app.db, &app.keys, document.paper_blob)
        .await
        .map_err(|err| DrawError(Box::new(Problem::from(err))))
}
