//! A file that is written beside its place and shows there only when it is whole.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cabinet::Timestamp;

use crate::validation::{Report, validate_file};
use crate::{PdfError, TrustStore};

/// Who may read and write a new file: its owner.
const MODE: u32 = 0o600;

/// A finished PDF that nobody sees yet: [`NewFile::publish`] puts it in its place, dropping it removes it.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    draft: PathBuf,
    place: PathBuf,
    is_published: bool,
}

impl NewFile {
    /// Begins an empty file in the folder of `place`, under a name of its own.
    pub(super) fn create(place: &Path) -> Result<Self, PdfError> {
        let name = place.file_name().ok_or_else(|| PdfError::Disk("the place is no file".to_owned()))?;
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random).map_err(|error| PdfError::Disk(error.to_string()))?;
        let mut own = std::ffi::OsString::from(".");
        own.push(name);
        own.push(format!(".{}.part", hex::encode(random)));
        let draft = place.with_file_name(own);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&draft)?;
        Ok(Self { file, draft, place: place.to_owned(), is_published: false })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), PdfError> {
        Ok(self.file.write_all(bytes)?)
    }

    pub(super) fn put(&self, at: usize, bytes: &[u8]) -> Result<(), PdfError> {
        let at = u64::try_from(at).ok().ok_or(PdfError::TooLarge)?;
        Ok(self.file.write_all_at(bytes, at)?)
    }

    pub(super) fn reading(&self) -> Result<File, PdfError> {
        Ok(self.file.try_clone()?)
    }

    /// Where it is until it is published; a further revision may be appended to it from there.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.draft
    }

    /// Validates it as [`validate_file`] does. Costs one hashing of the file.
    ///
    /// # Errors
    ///
    /// As [`validate_file`].
    pub fn validate(&self, trust: Option<&TrustStore>, at: Timestamp) -> Result<Report, PdfError> {
        validate_file(&self.draft, trust, at)
    }

    /// Puts it in its place, also over an older file there, once it is safely on the disk.
    ///
    /// # Errors
    ///
    /// [`PdfError::Disk`]: its place is as it was before, unless only its folder could not be made safe.
    pub fn publish(mut self) -> Result<(), PdfError> {
        self.file.sync_all()?;
        std::fs::rename(&self.draft, &self.place)?;
        self.is_published = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_published {
            // A file that stays is only a draft: nobody looks for it.
            drop(std::fs::remove_file(&self.draft));
        }
    }
}
