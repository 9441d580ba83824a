//! The log's tiles as files: written, synced, and only then covered by a head.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use audit::Tree;
use audit::tiles::{Content, Tile, entry_bundle};
use sqlx::Row as _;

use super::LogError;
use crate::store::{Db, StoreError};

/// Writes the tiles that a tree of `new` leaves has beyond one of `old`.
pub(super) async fn write(db: &Db, folder: &Path, tree: &Tree, old: u64, new: u64) -> Result<(), LogError> {
    let mut files = Vec::new();
    for tile in Tile::new_between(old, new) {
        let bytes = match tile.content() {
            Content::Hashes { .. } => tile.hashes(tree),
            Content::Entries => Some(entries(db, tile).await?),
        };
        let bytes = bytes.ok_or_else(|| LogError::Contradicted(format!("no tile {tile}")))?;
        files.push((folder.join(tile.to_string()), bytes));
    }
    tokio::task::spawn_blocking(move || files.iter().try_for_each(|(path, bytes)| write_file(path, bytes)))
        .await
        .map_err(io::Error::other)??;
    Ok(())
}

async fn entries(db: &Db, tile: Tile) -> Result<Vec<u8>, LogError> {
    let (start, end) = tile.range().ok_or(LogError::Lagging)?;
    let rows = sqlx::query("select bytes from entries where idx >= $1 and idx < $2 order by idx")
        .bind(i64::try_from(start).unwrap_or(i64::MAX))
        .bind(i64::try_from(end).unwrap_or(i64::MAX))
        .fetch_all(db.readers())
        .await
        .map_err(StoreError::from)?;
    let entries = rows
        .iter()
        .map(|row| row.try_get::<Vec<u8>, _>("bytes"))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::from)?;
    entry_bundle(entries).map_err(|err| LogError::Contradicted(err.to_string()))
}

/// Writes a file so that after a crash there is the whole of it or none.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let staged = path.with_extension("staged");
    let mut file = File::create(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&staged, path)?;
    File::open(folder)?.sync_all()
}
