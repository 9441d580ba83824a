//! `ecabinet card`: signing with the card in one's own hand, on one's own machine.
//!
//! Nothing that the appliance says is believed where it can be checked: what is shown comes out of the very bytes that
//! are signed, and these are written anew here and compared before the card is asked.

mod ballot;
mod enrol;
mod hand;
mod remote;
mod resolution;

use std::process::ExitCode;

pub(super) use enrol::examine;

/// What is done with cards.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Casts a ballot that your card signs.
    #[command(after_help = ballot::EXAMPLE)]
    Ballot(ballot::Options),
    /// Signs a Resolution, as the authorised person, with your card.
    #[command(after_help = resolution::EXAMPLE)]
    Resolution(resolution::Options),
    /// Enrols a person's card by its certificate. On the appliance, while it is stopped.
    #[command(after_help = enrol::EXAMPLE)]
    Enrol(enrol::Options),
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ballot(options) => ballot::run(options),
        Command::Resolution(options) => resolution::run(options),
        Command::Enrol(options) => enrol::run(options),
    }
}
