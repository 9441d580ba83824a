//! A document as it comes in: in memory, or a large one in a file of the work folder. Its digest is made meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::StatusCode;
use cabinet::Digest;
use cabinet::digest::Digesting;
use futures_util::{StreamExt as _, stream};
use signing::pades::NewFile;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{MAX_DOCUMENT_BYTES, MAX_IN_MEMORY_BYTES};
use crate::error::Problem;

/// Large documents that are signed at once; each needs a few times its size on the disk.
const N_LARGE: usize = 2;
/// How much is written or sent at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// How long a document that is not wanted may still come in.
const PASS_OVER_WITHIN: Duration = Duration::from_secs(10);
/// How the names of files end that mean nothing any more once nobody works on them.
const UNFINISHED: &str = ".part";

/// The folder in which large documents lie while they are signed. What is in it means nothing after a crash.
#[derive(Clone, Debug)]
pub struct Work {
    folder: Arc<Path>,
    slots: Arc<Semaphore>,
}

impl Work {
    /// Makes the folder, for this account alone, and removes what a crash left unfinished in it.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.to_str().is_some_and(|path| path.ends_with(UNFINISHED)) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.into(), slots: Arc::new(Semaphore::new(N_LARGE)) })
    }
}

/// A document that has come in whole.
#[derive(Debug)]
pub(super) enum Received {
    /// At most [`MAX_IN_MEMORY_BYTES`].
    Memory(Zeroizing<Vec<u8>>),
    /// More.
    File(WorkFile),
}

/// A file of the work folder; gone when this is dropped.
#[derive(Debug)]
pub(super) struct WorkFile {
    path: PathBuf,
    /// As long as the file is there, it counts as one of those that are signed at once.
    _slot: OwnedSemaphorePermit,
}

impl WorkFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFile {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Takes the body in.
///
/// # Errors
///
/// 413 over 1 GiB, 400 when it breaks off, 503 while other large documents are signed or the disk fails.
pub(super) async fn receive(work: &Work, pieces: &mut BodyDataStream) -> Result<(Received, Digest), Problem> {
    let (mut bytes, mut digest) = (Zeroizing::new(Vec::new()), Digesting::default());
    while let Some(piece) = next(pieces).await? {
        digest.take(&piece);
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_IN_MEMORY_BYTES {
            let file = spill(work, &bytes, pieces, &mut digest).await?;
            return Ok((Received::File(file), digest.finish()));
        }
    }
    Ok((Received::Memory(bytes), digest.finish()))
}

/// Reads what still comes and throws it away, within limits: a client that is still sending hears no answer.
pub(super) async fn pass_over(pieces: &mut BodyDataStream) {
    let mut n = 0_usize;
    let passed = async {
        while let Some(Ok(piece)) = pieces.next().await {
            n = n.saturating_add(piece.len());
            if n > MAX_IN_MEMORY_BYTES {
                return;
            }
        }
    };
    // Beyond these limits the connection is cut.
    drop(tokio::time::timeout(PASS_OVER_WITHIN, passed).await);
}

async fn next(pieces: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    pieces
        .next()
        .await
        .transpose()
        .map_err(|err| Problem::malformed(format!("the document broke off: {err}")))
}

/// Writes what has come and what still comes into a file.
async fn spill(
    work: &Work,
    begun: &[u8],
    rest: &mut BodyDataStream,
    digest: &mut Digesting,
) -> Result<WorkFile, Problem> {
    let slot = Arc::clone(&work.slots).try_acquire_owned().map_err(|_full| {
        Problem::unavailable("busy", "other large documents are being signed: try again soon", 10)
    })?;
    let path = work.folder.join(format!(".{}{UNFINISHED}", Uuid::new_v4().simple()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
    let file = file.map_err(|err| disk(&err))?;
    let kept = WorkFile { path, _slot: slot };
    let mut sink = BufWriter::with_capacity(PIECE_BYTES, file);
    sink.write_all(begun).await.map_err(|err| disk(&err))?;
    let mut n = begun.len();
    while let Some(piece) = next(rest).await? {
        n = n.saturating_add(piece.len());
        if n > MAX_DOCUMENT_BYTES {
            let says = "the file is over the limit of 1 GiB";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", says));
        }
        digest.take(&piece);
        sink.write_all(&piece).await.map_err(|err| disk(&err))?;
    }
    sink.flush().await.map_err(|err| disk(&err))?;
    Ok(kept)
}

fn disk(err: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%err, "the work folder cannot be used");
    Problem::unavailable("work-unavailable", "nothing was signed; try again", 30)
}

/// The signed file as the body of an answer. The file is gone from the folder already; its bytes go with the answer.
pub(super) async fn send(signed: NewFile) -> Result<(u64, Body), Problem> {
    let file = File::open(signed.path()).await.map_err(|err| disk(&err))?;
    let len = file.metadata().await.map_err(|err| disk(&err))?.len();
    drop(signed);
    let pieces = stream::unfold(file, |mut file| async {
        let mut piece = vec![0; PIECE_BYTES];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(n) => {
                piece.truncate(n);
                Some((Ok(Bytes::from(piece)), file))
            }
            Err(err) => Some((Err(err), file)),
        }
    });
    Ok((len, Body::from_stream(pieces)))
}
