//! Reading anywhere in a blob, without a cursor.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Something whose bytes can be read at any offset: a file, memory, an object in a store.
pub trait ReadAt {
    /// Reads `len` bytes from `offset`.
    ///
    /// Blocks. `len` is at most 64 KiB and a tag.
    ///
    /// # Errors
    ///
    /// The source failed, or it ends before: [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(len)?))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.as_slice().read_at(offset, len)
    }
}

impl ReadAt for File {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}
