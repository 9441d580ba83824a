//! Where the index lives: the one place that chooses.

use tantivy::directory::{Directory, RamDirectory};

/// Memory only: the index is rebuilt from the archive at start, and no word of it reaches a disk.
pub(crate) fn open() -> Box<dyn Directory> {
    Box::new(RamDirectory::create())
}
