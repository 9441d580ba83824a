//! The card itself: its module, its key, its PIN, and the question that comes before.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use cabinet::Timestamp;
use hsm::{KeyLabel, Module, ModuleConfig, PersonalConfig, Pin, RawSignature, ToSign, TokenName};
use office::clock::Clock;
use office::keys::scheme_of;
use serde_json::Value;
use signing::{Certificate, Imprint, SignatureAlgorithm, cades};
use zeroize::Zeroizing;

use crate::commands::{read_pin, say};

/// How far the time in a signature may stand from this machine's clock, in seconds: as long as something prepared
/// waits, and as much again for a clock that is a little off.
const MAX_CLOCK_DIFFERENCE_S: i64 = 600;

/// Which card, and how it is unlocked.
#[derive(Debug, clap::Args)]
pub(super) struct Card {
    /// The card's PKCS#11 library.
    #[arg(long)]
    module: PathBuf,
    /// A file of the library's quirks, where it needs one.
    #[arg(long)]
    quirks: Option<PathBuf>,
    /// Label of the card's token, or `serial:` and its serial number.
    #[arg(long)]
    token: TokenName,
    /// Label of the key on it.
    #[arg(long)]
    key: KeyLabel,
    /// PEM file with the certificate of that key, then perhaps those of its issuers.
    #[arg(long)]
    certificate: PathBuf,
    /// Number of an open file that holds the card's PIN; without it, the PIN is asked at the terminal.
    #[arg(long)]
    pin_fd: Option<u32>,
    /// Does not ask before signing: for scripts that have looked themselves.
    #[arg(long)]
    yes: bool,
}

impl Card {
    /// The certificate of its key, and those of its issuers that the file holds.
    pub(super) fn certificates(&self) -> anyhow::Result<(Certificate, Vec<Certificate>)> {
        let place = || format!("{} holds no certificate in PEM", self.certificate.display());
        let pem = std::fs::read(&self.certificate).with_context(place)?;
        let mut certificates = Certificate::all_from_pem(&pem).with_context(place)?.into_iter();
        Ok((certificates.next().with_context(place)?, certificates.collect()))
    }

    /// Asks for the PIN and signs. Whether the value is the certificate's, the caller finds by embedding it.
    pub(super) fn sign(&self, bytes: &[u8], certificate: &Certificate) -> anyhow::Result<RawSignature> {
        let config = ModuleConfig {
            path: self.module.clone(),
            quirks: self.quirks.clone(),
            ..ModuleConfig::default()
        };
        let card = Module::load_with(&config)?
            .personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() })?;
        let pin = secret(self.pin_fd, "PIN of the card")?;
        let scheme = scheme_of(SignatureAlgorithm::of(certificate)?);
        Ok(card.sign(&self.token, &Pin::parse(&pin)?, &self.key, ToSign::Message(bytes), scheme)?)
    }

    /// Shows what will be signed; a person at a terminal is asked.
    pub(super) fn agree(&self, lines: &[(String, String)], question: &str) -> anyhow::Result<()> {
        for (label, value) in lines {
            say(&format!("{}: {}", legible(label), legible(value)))?;
        }
        if self.yes {
            return Ok(());
        }
        ensure!(
            std::io::stdin().is_terminal(),
            "nobody can be asked here, so nothing was signed: use a terminal, or --yes"
        );
        let mut out = std::io::stdout().lock();
        write!(out, "{question} [y/N] ")?;
        out.flush()?;
        drop(out);
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "c" | "C") {
            Ok(())
        } else {
            bail!("nothing was signed, as you answered")
        }
    }
}

/// What the appliance wants signed.
#[derive(Debug)]
pub(super) struct ToBeSigned {
    /// Names what was prepared.
    pub(super) id: String,
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// The time in them.
    pub(super) at: Option<Timestamp>,
}

impl ToBeSigned {
    /// Reads the answer, and checks that the bytes are what `certificate`'s key signs over `content` and nothing else.
    pub(super) fn check(
        answer: &Value,
        content: impl Into<Imprint>,
        certificate: &Certificate,
        has_time: bool,
    ) -> anyhow::Result<Self> {
        let told = &answer["to_sign"];
        let bytes: audit::bundle::Blob = serde_json::from_value(told["signed_attributes"].clone())
            .context("the appliance's answer holds no bytes to sign")?;
        let at = told["signing_time"].as_str().map(read_time).transpose()?;
        ensure!(at.is_some() == has_time, "the appliance's answer has no time of signing where one belongs");
        if let Some(at) = at {
            let apart_s = at.as_seconds().saturating_sub(Clock.now().as_seconds()).saturating_abs();
            ensure!(
                apart_s <= MAX_CLOCK_DIFFERENCE_S,
                "the signature would bear a time that is {apart_s} seconds from this machine's: nothing was signed; set the clock that is wrong"
            );
        }
        let expected = cades::signed_attributes(content, certificate, at)?;
        ensure!(
            expected == bytes.0,
            "the appliance asks for a signature over something else than it shows, or by another certificate: nothing was signed; tell a security officer"
        );
        let id = told["id"].as_str().context("the appliance's answer names nothing prepared")?.to_owned();
        Ok(Self { id, bytes: bytes.0, at })
    }
}

fn read_time(text: &str) -> anyhow::Result<Timestamp> {
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .context("the appliance's answer has an unreadable time")?;
    Ok(Timestamp::from_micros(time.unix_timestamp().saturating_mul(1_000_000)))
}

/// A secret from an open file, or typed at the terminal without being shown.
pub(super) fn secret(fd: Option<u32>, what: &str) -> anyhow::Result<Zeroizing<String>> {
    match fd {
        Some(fd) => read_pin(fd),
        None => {
            let typed = rpassword::prompt_password(format!("{what}: "));
            Ok(Zeroizing::new(typed.with_context(|| format!("the {what} cannot be asked here"))?))
        }
    }
}

/// Text that cannot steer the terminal.
pub(super) fn legible(text: &str) -> String {
    signing::validation::text::printable(text)
}

/// Writes a file that the person keeps.
pub(super) fn keep(folder: &Path, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, content))
        .with_context(|| format!("{} cannot be written: choose another --out", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use audit::bundle::Blob;
    use cabinet::Digest;
    use serde_json::json;
    use signing::authority::{Authority, Profile, Subject, Validity};

    use super::*;

    /// Certificates of one public key, which two authorities issued.
    fn certificates() -> [Certificate; 2] {
        [1, 2].map(|serial| {
            let authority = Authority::create_root("TEST root", Clock.now()).unwrap();
            let validity = Validity::days(Clock.now().plus_seconds(-60), 30);
            let (spki, subject) = (authority.certificate().spki_der().to_vec(), Subject::named("TEST"));
            authority.issue_signer(&spki, &subject, serial, validity, Profile::Person).unwrap()
        })
    }

    fn answer(bytes: Vec<u8>, at: Option<Timestamp>) -> Value {
        let time = at.map(Timestamp::iso_vietnam);
        json!({"to_sign": {"id": "1", "signed_attributes": Blob(bytes), "signing_time": time}})
    }

    #[test]
    fn a_lying_appliance_gets_no_signature_over_what_was_not_shown() {
        let [certificate, anothers] = certificates();
        let (shown, other) = (Digest::of(b"shown"), Digest::of(b"other"));
        let now = Timestamp::from_micros(Clock.now().as_seconds() * 1_000_000);
        let written =
            |content: &Digest, by: &Certificate, at| cades::signed_attributes(content, by, at).unwrap();
        let check = |answer: &Value, has_time| ToBeSigned::check(answer, &shown, &certificate, has_time);

        let honest = answer(written(&shown, &certificate, Some(now)), Some(now));
        assert_eq!(check(&honest, true).unwrap().at, Some(now));
        check(&answer(written(&shown, &certificate, None), None), false).unwrap();

        let late = now.plus_seconds(3_600);
        for lie in [
            answer(written(&other, &certificate, Some(now)), Some(now)),
            answer(written(&shown, &anothers, Some(now)), Some(now)),
            answer(written(&shown, &certificate, Some(now.plus_seconds(5))), Some(now)),
            answer(written(&shown, &certificate, None), Some(now)),
            answer(b"shown".to_vec(), Some(now)),
            answer(Vec::new(), Some(now)),
        ] {
            let says = check(&lie, true).unwrap_err().to_string();
            assert!(says.contains("something else than it shows"), "{says}");
        }
        let dated = answer(written(&shown, &certificate, Some(late)), Some(late));
        assert!(check(&dated, true).unwrap_err().to_string().contains("seconds from this machine's"));
        let timeless = answer(written(&shown, &certificate, None), None);
        assert!(check(&timeless, true).unwrap_err().to_string().contains("no time of signing"));
        assert!(check(&honest, false).unwrap_err().to_string().contains("no time of signing"));
    }

    #[test]
    fn what_the_appliance_says_cannot_steer_the_terminal() {
        assert_eq!(legible("a\u{1b}[2Jb\u{202e}c\r\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}");
    }
}
