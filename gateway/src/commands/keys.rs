//! `ecabinet keys`: the life of a key, from ceremony to destruction.

mod ceremony;
mod person;
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
    /// Makes a new key for a person, with a PIN of his, and a request for its certificate. The appliance is stopped.
    #[command(after_help = person::REQUEST_EXAMPLE)]
    PersonRequest(person::RequestOptions),
    /// Takes a person's new key into use with its certificate. The appliance is stopped.
    #[command(after_help = person::CERTIFICATE_EXAMPLE)]
    PersonCertificate(person::CertificateOptions),
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
        Command::PersonRequest(options) => person::request(options),
        Command::PersonCertificate(options) => return person::certificate(options),
        Command::List(options) => remote::list(options),
        Command::Suspend(options) => remote::suspend(options),
        Command::Resume(options) => remote::resume(options),
        Command::Destroy(options) => remote::destroy(options),
    }?;
    Ok(ExitCode::SUCCESS)
}
