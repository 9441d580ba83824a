//! The card in a member's own hand: a token in a folder that the appliance never sees, and the small program beside it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};
use cabinet::Timestamp;
use serde_json::{Value, json};
use signing::Certificate;
use signing::authority::{Authority, Profile, Services, Subject, Validity};
use signing::register::{Reason, Register};
use tests::{House, house, tools};
use uuid::Uuid;

use crate::session;
use crate::stage::Stage;

pub(crate) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "card-2468";
const TOKEN: &str = "TEST card";
const KEY: &str = "signature";

/// A card, its certificate, and its holder's machine.
pub(crate) struct CardInHand {
    folder: tempfile::TempDir,
    pub(crate) certificate: Certificate,
    username: String,
}

impl CardInHand {
    /// Makes a card whose certificate names the account's holder.
    pub(crate) fn make(house: &House, username: &str, serial: u64) -> anyhow::Result<Self> {
        let account = account(house, username)?;
        let name = format!("{} (THỬ NGHIỆM)", account["name"].as_str().context("name")?);
        Self::make_for(house, username, &name, serial)
    }

    /// Makes a card whose certificate bears that name.
    pub(crate) fn make_for(house: &House, username: &str, name: &str, serial: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens)?;
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), conf)?;
        let public = folder.path().join("public.der");
        let on_card = |program: &str, arguments: &[&str]| -> anyhow::Result<()> {
            let mut command = Command::new(program);
            let output =
                command.args(arguments).env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf")).output()?;
            ensure!(output.status.success(), "{program}: {}", tools::said(&output));
            Ok(())
        };
        let init = ["--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "so-13579"];
        on_card("softhsm2-util", &init)?;
        let at = ["--module", MODULE, "--token-label", TOKEN, "--login", "--pin", PIN];
        let make = ["--keypairgen", "--key-type", "EC:prime256v1", "--label", KEY, "--id", "01"];
        on_card("pkcs11-tool", &[at.as_slice(), &make].concat())?;
        let place = public.to_str().context("path")?;
        let read = ["--read-object", "--type", "pubkey", "--label", KEY, "--output-file", place];
        on_card("pkcs11-tool", &[at.as_slice(), &read].concat())?;
        let authority = Authority::from_pem(&std::fs::read(house.dir().join("secrets/signing.pem"))?)?
            .with_services(Services {
                ocsp_url: "http://pki.ecabinet.test/ocsp".to_owned(),
                crl_url: "http://pki.ecabinet.test/signing.crl".to_owned(),
                issuer_url: "http://pki.ecabinet.test/signing.crt".to_owned(),
            });
        let validity = Validity::days(now()?.plus_seconds(-60), 365);
        let spki = std::fs::read(&public)?;
        let certificate =
            authority.issue_signer(&spki, &Subject::named(name), serial, validity, Profile::Person)?;
        let chain = format!("{}{}", certificate.to_pem(), authority.certificate().to_pem());
        std::fs::write(folder.path().join("card.pem"), chain)?;
        std::fs::write(folder.path().join("pin"), PIN)?;
        Ok(Self { folder, certificate, username: username.to_owned() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Enrols it; the appliance is stopped.
    pub(crate) fn enrol(&self, house: &House, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut program = Command::new(house::program("ecabinet")?);
        program.args(["card", "enrol", "--user", &self.username, "--config"]);
        program.arg(house.dir().join("ecabinet.toml")).args(arguments).arg(self.path("card.pem"));
        program.stdin(Stdio::null()).output().context("ecabinet")
    }

    /// Runs `ecabinet card …` on its holder's machine, through the card door.
    pub(crate) fn run(&self, house: &House, arguments: &[&str]) -> anyhow::Result<Output> {
        let account = account(house, &self.username)?;
        let identity = self.path("identity.pem");
        let password = format!("pass:{}", account["card_p12_password"].as_str().context("password")?);
        let p12 = account["card_p12"].as_str().context("p12")?;
        let place = identity.to_str().context("path")?;
        let arguments_p12 = ["pkcs12", "-in", p12, "-nodes", "-passin", &password, "-out", place];
        let opened = tools::run("openssl", &arguments_p12.map(OsStr::new))?;
        ensure!(opened.status.success(), "{}", tools::said(&opened));
        let addresses = house.json("addresses.json")?;
        let door = addresses["card"].as_str().context("card door")?.to_owned();
        self.run_as(house, arguments, &["--server", &door, "--tls-identity", place])
    }

    /// The same, with words of its own on how to sign in; what is on descriptors 4 and 5 lies beside the PIN.
    pub(crate) fn run_as(
        &self,
        house: &House,
        arguments: &[&str],
        sign_in: &[&str],
    ) -> anyhow::Result<Output> {
        let addresses = house.json("addresses.json")?;
        let mut program = Command::new("sh");
        program
            .args(["-c", "cd \"$0\"; exec 3<pin; [ -e code ] && exec 4<password 5<code; exec \"$@\""])
            .arg(self.folder.path())
            .arg(house::program("ecabinet")?)
            .args(arguments)
            .args(sign_in)
            .args(["--module", MODULE, "--token", TOKEN, "--key", KEY, "--pin-fd", "3", "--yes"])
            .args(["--certificate", "card.pem", "--tls-ca", addresses["tls_ca"].as_str().context("CA")?])
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .stdin(Stdio::null());
        program.output().context("ecabinet")
    }

    /// Signs bytes with the card past any program of ours: r‖s in base64.
    pub(crate) fn sign(&self, bytes: &[u8]) -> anyhow::Result<String> {
        let (input, output) = (self.path("digest"), self.path("value"));
        std::fs::write(&input, cabinet::Digest::of(bytes).as_bytes())?;
        let signed = Command::new("pkcs11-tool")
            .args(["--module", MODULE, "--token-label", TOKEN, "--login", "--pin", PIN, "--sign"])
            .args(["--mechanism", "ECDSA", "--label", KEY, "--input-file"])
            .arg(input)
            .arg("--output-file")
            .arg(&output)
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()?;
        ensure!(signed.status.success(), "{}", tools::said(&signed));
        Ok(base64(&std::fs::read(output)?))
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}

/// The bytes that an answer wants signed.
pub(crate) fn to_sign(prepared: &Value) -> anyhow::Result<Vec<u8>> {
    use base64ct::Encoding as _;
    let text = prepared["to_sign"]["signed_attributes"].as_str().context("signed attributes")?;
    Ok(base64ct::Base64::decode_vec(text)?)
}

pub(crate) fn account(house: &House, username: &str) -> anyhow::Result<Value> {
    let accounts = house.json("accounts.json")?;
    let account = accounts.as_array().context("accounts")?.iter().find(|one| one["username"] == username);
    account.cloned().context("account")
}

pub(crate) fn now() -> anyhow::Result<Timestamp> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
    Ok(Timestamp::from_micros(i64::try_from(now)?))
}

#[track_caller]
pub(crate) fn went(output: &Output, code: i32, says: &str) {
    let said = tools::said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "expected {says:?} in: {said}");
}

/// Whose certificate its authority has suspended.
pub(crate) struct HeldBack<'a>(pub(crate) &'a str);

/// A house in which these members sign by card: `only` by it, or beside their key on the appliance.
pub(crate) fn house_with_cards(members: &[(&str, bool)]) -> anyhow::Result<(House, Vec<CardInHand>)> {
    house_with(members, &[])
}

/// The same, with some of the cards held back.
pub(crate) fn house_with(
    members: &[(&str, bool)],
    held_back: &[HeldBack<'_>],
) -> anyhow::Result<(House, Vec<CardInHand>)> {
    let mut house = House::start()?;
    house.stop()?;
    let place = house.dir().join("data/signing.register.json");
    let mut register: Register = serde_json::from_slice(&std::fs::read(&place)?)?;
    let mut cards = Vec::new();
    for ((username, is_only), serial) in members.iter().zip(700..) {
        let card = CardInHand::make(&house, username, serial)?;
        register.issued(&card.certificate);
        if held_back.iter().any(|HeldBack(name)| name == username) {
            register.revoke(&card.certificate.serial(), now()?.plus_seconds(-1), Reason::CertificateHold)?;
        }
        let arguments: &[&str] = if *is_only { &["--only"] } else { &[] };
        went(&card.enrol(&house, arguments)?, 0, "enrolled");
        cards.push(card);
    }
    std::fs::write(place, serde_json::to_vec_pretty(&register)?)?;
    house.run()?;
    Ok((house, cards))
}

#[tokio::test(flavor = "multi_thread")]
async fn members_vote_and_the_prime_minister_signs_with_cards_that_the_appliance_never_sees()
-> anyhow::Result<()> {
    let (house, cards) = house_with_cards(&[("thutuong", true), ("bt01", true), ("bt02", false)])?;
    let [leader, only, beside] = cards.as_slice() else { anyhow::bail!("three cards") };
    let mut stage = Stage::in_session_at(house).await?;
    let vote = stage.open_vote().await?;

    let view = stage.chair.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    assert_eq!(view["mine"]["by_card_only"], true, "no screen asks him for a PIN");
    let view = stage.secretary.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    assert_eq!(view["mine"]["by_card_only"], false);
    let mut voters = stage.voters().await?;
    for voter in &mut voters {
        let cast = voter.cast(&vote, "agree").await?;
        let name = voter.account["username"].as_str().unwrap_or_default();
        if ["thutuong", "bt01"].contains(&name) {
            assert_eq!(cast.problem(), (409, "signs-by-card".to_owned()), "{name}: no key of his is here");
        } else {
            cast.expect(201)?;
        }
    }
    let ballot = |choice: &'static str| {
        ["card", "ballot", "--vote", &vote, "--out", "kept", "--choice", choice].map(str::to_owned)
    };
    let run = |card: &CardInHand, choice: &'static str| {
        let arguments = ballot(choice);
        card.run(&stage.house, &arguments.each_ref().map(String::as_str))
    };
    went(&run(leader, "agree")?, 0, "cast: ballot 1");
    went(&run(only, "agree")?, 0, "cast: ballot 1");
    let changed = run(only, "disagree")?;
    went(&changed, 0, "cast: ballot 2");
    assert!(tools::said(&changed).contains("Lựa chọn: Không đồng ý"), "{}", tools::said(&changed));
    went(&run(beside, "disagree")?, 0, "cast: ballot 2");
    kept_ballot_verifies(&stage.house, only)?;
    by_password(&stage, only, &vote).await?;

    let closed = stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    assert_eq!(
        (closed["outcome"]["n_agree"].as_u64(), closed["outcome"]["n_disagree"].as_u64()),
        (Some(23), Some(2)),
        "{closed}"
    );
    went(&run(only, "agree")?, 2, "vote-closed");
    let pdf = resolve(&mut stage, &vote, leader).await?;
    session::judge_the_resolution(&stage.house, &pdf)?;
    let bundle = session::evidence(&stage.house, &vote).await?;
    session::openssl_accepts_every_ballot(&stage.house, &bundle)?;
    let trust = stage.house.dir().join("trust");
    let (code, said) = session::verify(&bundle, Some(&trust))?;
    assert_eq!(code, 0, "{said}");
    nothing_of_the_cards_is_here(&stage.house, &cards)
}

/// What the member keeps verifies without the appliance.
fn kept_ballot_verifies(house: &House, card: &CardInHand) -> anyhow::Result<()> {
    let root = house.dir().join("trust/root.pem");
    let (cms, words) = (card.path("kept/ballot.p7s"), card.path("kept/ballot.json"));
    let arguments = ["cms", "-verify", "-cades", "-binary", "-inform", "DER", "-out", "/dev/null", "-in"];
    let arguments = arguments.iter().map(OsStr::new).chain([
        cms.as_os_str(),
        "-content".as_ref(),
        words.as_os_str(),
        "-CAfile".as_ref(),
        root.as_os_str(),
    ]);
    let judged = tools::run("openssl", &arguments.collect::<Vec<_>>())?;
    assert!(judged.status.success(), "{}", tools::said(&judged));
    let receipt: Value = serde_json::from_slice(&std::fs::read(card.path("kept/receipt.json"))?)?;
    assert_eq!(receipt["version"], 2, "{receipt}");
    Ok(())
}

/// Signing in with password and code, from files; and a paper that is none of the vote's.
async fn by_password(stage: &Stage, card: &CardInHand, vote: &str) -> anyhow::Result<()> {
    let account = account(&stage.house, "bt01")?;
    let mut person = stage.house.user("bt01").await?;
    std::fs::write(card.path("password"), account["password"].as_str().context("password")?)?;
    std::fs::write(card.path("foreign.pdf"), b"%PDF of somewhere else")?;
    let addresses = stage.house.json("addresses.json")?;
    let door = addresses["public"].as_str().context("public")?.to_owned();
    let sign_in = ["--server", &door, "--user", "bt01", "--password-fd", "4", "--code-fd", "5"];
    let arguments = ["card", "ballot", "--vote", vote, "--choice", "agree", "--paper", "foreign.pdf"];
    // A code works once; the one of this half minute is used up.
    let used = person.code()?;
    while person.code()? == used {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    std::fs::write(card.path("code"), person.code()?)?;
    went(&card.run_as(&stage.house, &arguments, &sign_in)?, 2, "none of the papers that are voted on");
    std::fs::remove_file(card.path("code"))?;
    let mine = person.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    assert_eq!(mine["mine"]["ballot"]["version"], 2, "nothing was signed");
    Ok(())
}

/// Drafts the Resolution, has the card sign it and the clerk seal it; gives the file.
async fn resolve(stage: &mut Stage, vote: &str, leader: &CardInHand) -> anyhow::Result<PathBuf> {
    let draft =
        stage.secretary.post(&format!("/api/votes/{vote}/resolution"), &json!({})).await?.expect(201)?;
    let id = draft["id"].as_str().context("resolution")?.to_owned();
    let path = format!("/api/resolutions/{id}");
    let by_pin = json!({"digest": draft["digest"], "activation": stage.chair.activation()});
    let refused = stage.chair.act(&format!("{path}/signature"), &by_pin, &key()).await?;
    assert_eq!(refused.problem(), (409, "signs-by-card".to_owned()));
    let arguments = ["card", "resolution", "--resolution", &id, "--out", "resolution"];
    let signed = leader.run(&stage.house, &arguments)?;
    went(&signed, 0, "signed: resolution/signed.pdf");
    went(&leader.run(&stage.house, &arguments)?, 2, "resolution-already-signed");
    let judged = tools::run("pdfsig", &["-nocert".as_ref(), leader.path("resolution/signed.pdf").as_ref()])?;
    went(&judged, 0, "Signature is Valid");
    let mut clerk = stage.house.user("vanthu").await?;
    let seal = json!({"activation": clerk.activation()});
    let sealed = clerk.act(&format!("{path}/seal"), &seal, &key()).await?.expect(200)?;
    assert_eq!((sealed["state"].as_str(), sealed["number"].as_str()), (Some("sealed"), Some("01/NQ-CP")));
    let document = sealed["document"].as_str().context("document")?;
    let pdf = stage.chair.get(&format!("/api/documents/{document}/content")).await?;
    assert!(pdf.body.starts_with(&std::fs::read(leader.path("resolution/signed.pdf"))?), "and grew from it");
    let file = stage.house.dir().join("../resolution.pdf");
    std::fs::write(&file, &pdf.body)?;
    Ok(file)
}

pub(crate) fn key() -> String {
    Uuid::new_v4().to_string()
}

/// No PIN of a card, and no token of one, came into the appliance's folder.
fn nothing_of_the_cards_is_here(house: &House, cards: &[CardInHand]) -> anyhow::Result<()> {
    let mut needles = vec![PIN.as_bytes().to_vec()];
    needles.extend(cards.iter().map(|card| card.folder.path().as_os_str().as_encoded_bytes().to_vec()));
    let mut folders = vec![house.dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path)?;
                let holds = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!needles.iter().any(holds), "{}", path.display());
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_somebody_else_or_unfit_is_not_enrolled() -> anyhow::Result<()> {
    let mut house = House::start()?;
    let card = CardInHand::make(&house, "bt01", 700)?;
    went(&card.enrol(&house, &[])?, 2, "stop it first");
    house.stop()?;
    let other_name = CardInHand::make_for(&house, "bt01", "Người Khác (THỬ NGHIỆM)", 701)?;
    went(&other_name.enrol(&house, &[])?, 1, "error   name");
    went(&card.enrol(&house, &["--only"])?, 0, "card:bt01:");
    let stolen = CardInHand::make_for(&house, "bt02", "TEST", 702)?;
    std::fs::copy(card.path("card.pem"), stolen.path("card.pem"))?;
    went(&stolen.enrol(&house, &[])?, 1, "error   holder");
    let stranger = Authority::create_root("TEST stranger", now()?)?;
    let validity = Validity::days(now()?.plus_seconds(-60), 30);
    let name = card.certificate.common_name();
    let spki = card.certificate.spki_der().to_vec();
    for (certificate, finding) in [
        (stranger.issue_signer(&spki, &Subject::named(&name), 1, validity, Profile::Person)?, "error   path"),
        (stranger.issue_signer(&spki, &Subject::named(&name), 2, validity, Profile::TimeStamping)?, "error"),
    ] {
        std::fs::write(card.path("card.pem"), certificate.to_pem())?;
        went(&card.enrol(&house, &[])?, 1, finding);
    }
    Ok(())
}
