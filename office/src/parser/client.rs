//! The outside of the parser process: starts it, asks it, replaces it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::DEADLINE_S;
use super::wire::{self, Answer, Inspected, Question, Refused};

/// A paper was not read.
#[derive(Debug, thiserror::Error)]
pub enum ParserError {
    /// The file is not taken; the person should send another.
    #[error("the file is refused: {0:?}")]
    Refused(Refused),
    /// The process hung or died over this file; it was replaced. Do not send the file again.
    #[error("the file could not be read within its limits")]
    GaveUp,
    /// The process cannot be started.
    #[error("the parser process cannot be started: {0}")]
    Unavailable(#[from] std::io::Error),
}

/// A paper that the process does not keep.
struct NotKept;

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;

/// What follows a question.
enum Sent<'a> {
    Bytes(&'a [u8]),
    /// A file of so many bytes.
    File(File, u64),
}

impl Sent<'_> {
    fn len(&self) -> std::io::Result<u64> {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).map_err(std::io::Error::other),
            Self::File(_, len) => Ok(*len),
        }
    }
}

/// The parser process. One question at a time; clones share it.
#[derive(Clone, Debug)]
pub struct Parser(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    argument: &'static str,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Parser {
    /// A parser that runs `program argument` when first asked.
    #[must_use]
    pub fn new(program: PathBuf, argument: &'static str) -> Self {
        Self(Arc::new(Inner { program, argument, process: Mutex::new(None) }))
    }

    /// Takes a paper apart.
    ///
    /// # Errors
    ///
    /// * [`ParserError`].
    pub async fn inspect(&self, paper: &[u8]) -> Result<Inspected, ParserError> {
        self.take_apart(Sent::Bytes(paper)).await
    }

    /// Like [`Parser::inspect`], of a file. The process holds it while it reads, this one does not.
    ///
    /// # Errors
    ///
    /// * [`ParserError`].
    pub async fn inspect_file(&self, paper: &Path) -> Result<Inspected, ParserError> {
        let file = File::open(paper).await?;
        let len = file.metadata().await?.len();
        self.take_apart(Sent::File(file, len)).await
    }

    async fn take_apart(&self, paper: Sent<'_>) -> Result<Inspected, ParserError> {
        match self.ask(&Question::Inspect, paper).await? {
            (Answer::Inspected(inspected), _) => Ok(*inspected),
            (Answer::Refused(refused), _) => Err(ParserError::Refused(refused)),
            _ => Err(ParserError::GaveUp),
        }
    }

    /// Draws page `page` (from 0) of the paper called `name`; `paper` fetches it if the process does not keep it.
    ///
    /// # Errors
    ///
    /// * [`ParserError`], or what `paper` fails with.
    pub async fn draw<E: From<ParserError>, F: Future<Output = Result<impl AsRef<[u8]>, E>>>(
        &self,
        name: &str,
        page: usize,
        width_px: u16,
        paper: impl FnOnce() -> F,
    ) -> Result<Vec<u8>, E> {
        if let Ok(image) = self.draw_kept(name, page, width_px).await? {
            return Ok(image);
        }
        let bytes = paper().await?;
        match self.ask(&Question::Keep { name: name.to_owned() }, Sent::Bytes(bytes.as_ref())).await? {
            (Answer::Kept, _) => {}
            (Answer::Refused(refused), _) => return Err(ParserError::Refused(refused).into()),
            _ => return Err(ParserError::GaveUp.into()),
        }
        self.draw_kept(name, page, width_px).await?.map_err(|NotKept| ParserError::GaveUp.into())
    }

    async fn draw_kept(
        &self,
        name: &str,
        page: usize,
        width_px: u16,
    ) -> Result<Result<Vec<u8>, NotKept>, ParserError> {
        match self.ask(&Question::Draw { name: name.to_owned(), page, width_px }, Sent::Bytes(&[])).await? {
            (Answer::Drawn, image) => Ok(Ok(image)),
            (Answer::NotKept, _) => Ok(Err(NotKept)),
            (Answer::Refused(refused), _) => Err(ParserError::Refused(refused)),
            _ => Err(ParserError::GaveUp),
        }
    }

    async fn ask(&self, question: &Question, body: Sent<'_>) -> Result<(Answer, Vec<u8>), ParserError> {
        let head = wire::encode(question, body.len()?)?;
        let mut slot = self.0.process.lock().await;
        // Taken out while asked: if this request is dropped half-way, the process goes with it.
        let mut process = match slot.take() {
            Some(process) => process,
            None => self.start()?,
        };
        match timeout(Duration::from_secs(DEADLINE_S), process.exchange(&head, body)).await {
            Ok(Ok(answer)) => {
                *slot = Some(process);
                Ok(answer)
            }
            Ok(Err(err)) => {
                tracing::warn!(%err, "the parser process died over a file and was replaced");
                Err(ParserError::GaveUp)
            }
            Err(_) => {
                tracing::warn!("the parser process hung over a file and was replaced");
                Err(ParserError::GaveUp)
            }
        }
    }

    fn start(&self) -> std::io::Result<Process> {
        let mut child = Command::new(&self.0.program)
            .arg(self.0.argument)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| std::io::Error::other("no pipes"))?;
        Ok(Process { _child: child, stdin, stdout })
    }
}

impl Process {
    async fn exchange(&mut self, head: &[u8], body: Sent<'_>) -> std::io::Result<(Answer, Vec<u8>)> {
        self.stdin.write_all(head).await?;
        match body {
            Sent::Bytes(bytes) => self.stdin.write_all(bytes).await?,
            Sent::File(file, len) => {
                let mut source = BufReader::with_capacity(PIECE_BYTES, file.take(len));
                if tokio::io::copy_buf(&mut source, &mut self.stdin).await? != len {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        self.stdin.flush().await?;
        let mut prefix = [0; 16];
        self.stdout.read_exact(&mut prefix).await?;
        let (head_len, body_len) = wire::lengths(prefix)?;
        let mut head = vec![0; head_len];
        self.stdout.read_exact(&mut head).await?;
        let mut body = vec![0; body_len];
        self.stdout.read_exact(&mut body).await?;
        Ok((serde_json::from_slice(&head)?, body))
    }
}
