//! The inside of the parser process: one question at a time, from standard input to standard output.

use std::collections::VecDeque;
use std::io;

use papers::marking;
use papers::read::{Paper, ReadError};

use super::wire::{self, Answer, Inspected, Question};
use super::{MAX_MEMORY_BYTES, N_PAPERS_KEPT};

/// Limits this process, then answers until the pipe closes.
///
/// # Errors
///
/// The limits cannot be set, or the pipe breaks: the process ends and a fresh one takes its place.
pub fn run() -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::AS, MAX_MEMORY_BYTES, MAX_MEMORY_BYTES)?;
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)?;
    // No file can be created or grown, whatever a paper makes the readers do.
    rlimit::setrlimit(rlimit::Resource::FSIZE, 0, 0)?;
    let (mut source, mut sink) = (io::stdin().lock(), io::stdout().lock());
    let mut kept = VecDeque::new();
    while let Some((question, body)) = wire::read::<Question>(&mut source)? {
        let (answer, image) = answer(question, body, &mut kept);
        wire::write(&mut sink, &answer, &image)?;
    }
    Ok(())
}

fn answer(question: Question, body: Vec<u8>, kept: &mut VecDeque<(String, Paper)>) -> (Answer, Vec<u8>) {
    match question {
        Question::Inspect => (inspect(body).unwrap_or_else(|err| Answer::Refused(err.into())), Vec::new()),
        Question::Keep { name } => match Paper::open(body) {
            Ok(paper) => {
                kept.retain(|(other, _)| *other != name);
                kept.truncate(N_PAPERS_KEPT.saturating_sub(1));
                kept.push_front((name, paper));
                (Answer::Kept, Vec::new())
            }
            Err(err) => (Answer::Refused(err.into()), Vec::new()),
        },
        Question::Draw { name, page, width_px } => {
            let Some((_, paper)) = kept.iter().find(|(other, _)| *other == name) else {
                return (Answer::NotKept, Vec::new());
            };
            match paper.page_png(page, width_px) {
                Ok(image) => (Answer::Drawn, image),
                Err(err) => (Answer::Refused(err.into()), Vec::new()),
            }
        }
    }
}

fn inspect(body: Vec<u8>) -> Result<Answer, ReadError> {
    let paper = Paper::open_large(body)?;
    let pages = (0..paper.n_pages()).map(|n| paper.page_words(n)).collect::<Result<Vec<_>, _>>()?;
    let marking = marking::find(&pages, paper.metadata());
    Ok(Answer::Inspected(Box::new(Inspected { pages, marking })))
}
