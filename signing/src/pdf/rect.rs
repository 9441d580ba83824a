//! Rectangles on a page, in thousandths of a point, so that no rounding decides a verdict.

use super::{Document, Object, PdfError};

/// A rectangle in PDF coordinates: origin at the page's lower left, in thousandths of a point (1/72 inch).
///
/// Invariant: `left <= right` and `bottom <= top`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rect {
    left: i64,
    bottom: i64,
    right: i64,
    top: i64,
}

impl Rect {
    /// The rectangle between two opposite corners, in thousandths of a point.
    #[must_use]
    pub fn from_thousandths(x0: i64, y0: i64, x1: i64, y1: i64) -> Self {
        Self { left: x0.min(x1), bottom: y0.min(y1), right: x0.max(x1), top: y0.max(y1) }
    }

    /// The rectangle between two opposite corners, in points.
    #[must_use]
    pub fn from_points(x0: i32, y0: i32, x1: i32, y1: i32) -> Self {
        let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|point| i64::from(point).saturating_mul(1000));
        Self::from_thousandths(x0, y0, x1, y1)
    }

    /// Width in thousandths of a point.
    #[must_use]
    pub const fn width(&self) -> i64 {
        self.right.saturating_sub(self.left)
    }

    /// Height in thousandths of a point.
    #[must_use]
    pub const fn height(&self) -> i64 {
        self.top.saturating_sub(self.bottom)
    }

    /// Left edge in thousandths of a point.
    #[must_use]
    pub const fn left(&self) -> i64 {
        self.left
    }

    /// Bottom edge in thousandths of a point.
    #[must_use]
    pub const fn bottom(&self) -> i64 {
        self.bottom
    }

    pub(crate) fn area(&self) -> i128 {
        i128::from(self.width()).saturating_mul(i128::from(self.height()))
    }

    /// The common part of both; without area if they do not meet.
    pub(crate) fn common(&self, other: &Self) -> Self {
        let (left, bottom) = (self.left.max(other.left), self.bottom.max(other.bottom));
        let (right, top) = (self.right.min(other.right).max(left), self.top.min(other.top).max(bottom));
        Self { left, bottom, right, top }
    }

    pub(crate) fn to_object(self) -> Object {
        Object::Array([self.left, self.bottom, self.right, self.top].map(Object::thousandths).to_vec())
    }

    /// Reads an array of four numbers.
    pub(crate) fn read(document: &Document<'_>, value: &Object) -> Result<Option<Self>, PdfError> {
        let resolved = document.resolve(value)?;
        let Some([x0, y0, x1, y1]) = resolved.as_array() else { return Ok(None) };
        let number = |value: &Object| document.resolve(value).map(|value| value.as_thousandths());
        let corners = [number(x0)?, number(y0)?, number(x1)?, number(y1)?];
        let [Some(x0), Some(y0), Some(x1), Some(y1)] = corners else { return Ok(None) };
        Ok(Some(Self::from_thousandths(x0, y0, x1, y1)))
    }
}
