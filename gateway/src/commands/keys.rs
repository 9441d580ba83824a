//! `ecabinet keys`: the life of a key, from ceremony to destruction.

mod ceremony;
mod remote;

use std::process::ExitCode;

/// What is done with keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a token and a key in it; its PINs are drawn at random and split among custodians. The appliance is stopped.
    #[command(after_help = ceremony::EXAMPLE)]
    Ceremony(ceremony::Options),
    /// Restores a token's PIN from a quorum of shares, for the service to read at its start. The appliance is stopped.
    #[command(after_help = ceremony::ACTIVATE_EXAMPLE)]
    Activate(ceremony::ActivateOptions),
    /// Lists the appliance's keys: certificates, uses, quotas, states, warnings.
    #[command(after_help = remote::LIST_EXAMPLE)]
    List(remote::ListOptions),
    /// Lets a key sign nothing until it is resumed.
    #[command(after_help = remote::SUSPEND_EXAMPLE)]
    Suspend(remote::SuspendOptions),
    /// Lets a suspended key sign again.
    #[command(after_help = remote::RESUME_EXAMPLE)]
    Resume(remote::KeyOptions),
    /// Destroys a suspended key for good; takes a quorum of its custodians and its label twice.
    #[command(after_help = remote::DESTROY_EXAMPLE)]
    Destroy(remote::DestroyOptions),
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ceremony(options) => ceremony::run(options),
        Command::Activate(options) => ceremony::activate(options),
        Command::List(options) => remote::list(options),
        Command::Suspend(options) => remote::suspend(options),
        Command::Resume(options) => remote::resume(options),
        Command::Destroy(options) => remote::destroy(options),
    }?;
    Ok(ExitCode::SUCCESS)
}
