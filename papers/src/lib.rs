//! The content of papers: written by typst templates, read as pages and positioned words.
//!
//! * [`write`] typesets Resolutions, invitations and dossier papers in the form of Decree 30/2020 and says where their
//!   blanks (number, date, signature, seal) came to lie.
//! * [`images`] draws TEST handwriting and TEST seals.
//! * [`read`] opens a PDF from outside: pages drawn, words with their places, metadata.
//! * [`marking`] finds a secrecy stamp in what was read.
//!
//! Everything is synchronous and computes from bytes; only [`write::Typesetter::open`] touches the disk, to load fonts.
//! Reading and typesetting block for milliseconds to seconds: call them from a worker with a deadline.

pub mod images;
pub mod marking;
pub mod read;
pub mod write;
