//! Sole control, played over the whole appliance: the attacker holds its disk, its database, every token of it and every
//! PIN, and everybody's password and code. What holds is a claim of `SECURITY.md`; what falls is named there as falling.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::{House, User, tools};

use crate::card::{CardInHand, MODULE, base64, house_with_cards, key, to_sign, went};
use crate::session;
use crate::stage::Stage;

/// A copy of the appliance's disk, and the means to use its tokens past any program of ours.
struct Loot {
    folder: tempfile::TempDir,
}

/// A token of the appliance and its PIN.
struct Opened {
    token: String,
    pin: String,
}

impl Loot {
    fn of(house: &House) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let copied =
            Command::new("cp").arg("-r").arg(house.dir()).arg(folder.path().join("disk")).output()?;
        ensure!(copied.status.success(), "{}", tools::said(&copied));
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            folder.path().join("disk/tokens").display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), conf)?;
        Ok(Self { folder })
    }

    fn disk(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("disk").join(name)
    }

    /// Every token of the appliance: members' with the PINs of their accounts, the house's own with those of its files.
    fn tokens(&self) -> anyhow::Result<Vec<Opened>> {
        let accounts: Value = serde_json::from_slice(&std::fs::read(self.disk("accounts.json"))?)?;
        let mut found = Vec::new();
        for account in accounts.as_array().context("accounts")? {
            let text = |name: &str| account[name].as_str().map(str::to_owned).context("account");
            found.push(Opened { token: text("username")?, pin: text("pin")? });
        }
        for name in ["organisation", "batch", "log", "timestamping", "responder", "encryption"] {
            let pin = std::fs::read_to_string(self.disk(&format!("secrets/{name}.pin")))?;
            found.push(Opened { token: name.to_owned(), pin });
        }
        Ok(found)
    }

    /// What the one private key of a token makes of a digest; none where it has no such key.
    fn sign(&self, with: &Opened, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        let (input, output) = (self.folder.path().join("digest"), self.folder.path().join("value"));
        std::fs::write(&input, cabinet::Digest::of(bytes).as_bytes())?;
        drop(std::fs::remove_file(&output));
        let signed = Command::new("pkcs11-tool")
            .args(["--module", MODULE, "--token-label", &with.token, "--login", "--pin", &with.pin])
            .args(["--sign", "--mechanism", "ECDSA", "--input-file"])
            .arg(input)
            .arg("--output-file")
            .arg(&output)
            .env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf"))
            .output()?;
        Ok(if signed.status.success() { Some(std::fs::read(output)?) } else { None })
    }
}

/// Writes to the appliance's database past any program of ours; gives how many rows it changed.
fn write(house: &House, statement: &str) -> anyhow::Result<i64> {
    let database = house.dir().join("data/ecabinet.sqlite");
    let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\nprint(db.execute(sys.argv[2]).rowcount)\ndb.commit()";
    let output = Command::new("python3").args(["-c", script]).arg(database).arg(statement).output()?;
    ensure!(output.status.success(), "{}", tools::said(&output));
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_disk_database_and_every_pin_signs_as_members_by_pin_and_never_as_one_by_card()
-> anyhow::Result<()> {
    let (house, cards) = house_with_cards(&[("thutuong", true), ("bt01", true)])?;
    let [leader, card] = cards.as_slice() else { anyhow::bail!("two cards") };
    let mut stage = Stage::in_session_at(house).await?;
    let vote = stage.open_vote().await?;
    for (card, choice) in [(leader, "agree"), (card, "disagree")] {
        let cast = ["card", "ballot", "--vote", &vote, "--choice", choice];
        went(&card.run(&stage.house, &cast)?, 0, "cast: ballot 1");
    }
    let loot = Loot::of(&stage.house)?;

    // Falls, and is not claimed: a member who signs by PIN is at the mercy of who knows it.
    let mut victim = stage.house.user("bt03").await?;
    victim.cast(&vote, "disagree").await?.expect(201)?;

    every_key_of_the_appliance_is_tried(&stage, &loot, &vote, card).await?;
    for mut voter in stage.voters().await? {
        let name = voter.account["username"].as_str().unwrap_or_default().to_owned();
        if !["thutuong", "bt01", "bt03"].contains(&name.as_str()) {
            voter.cast(&vote, "agree").await?.expect(201)?;
        }
    }
    exchanged_cards_keep_it_from_starting(&mut stage)?;
    a_card_ballot_that_is_taken_away_or_exchanged_is_missed(stage, &vote).await
}

/// Holds: with the session of the member whose card it is, and every private key of the house, nothing is cast.
async fn every_key_of_the_appliance_is_tried(
    stage: &Stage,
    loot: &Loot,
    vote: &str,
    card: &CardInHand,
) -> anyhow::Result<()> {
    let path = format!("/api/votes/{vote}/ballots/card");
    let mut posing = stage.house.user("bt01").await?;
    let (mut n_keys, mut bytes) = (0, Vec::new());
    for token in loot.tokens()? {
        let prepared = posing.post(&path, &json!({"choice": "agree"})).await?.expect(201)?;
        bytes = to_sign(&prepared)?;
        let Some(value) = loot.sign(&token, &bytes)? else { continue };
        n_keys += 1;
        let id = prepared["to_sign"]["id"].as_str().context("id")?;
        let body = json!({"signature": base64(&value)});
        let answer = posing.act(&format!("{path}/{id}"), &body, &key()).await?;
        assert_eq!(answer.problem(), (422, "signature-invalid".to_owned()), "{}", token.token);
    }
    assert_eq!(
        n_keys,
        35 + 4,
        "everybody's key and the house's own, but for the log's Ed25519 and the AES key"
    );
    let by_pin = posing.cast(vote, "agree").await?;
    assert_eq!(by_pin.problem(), (409, "signs-by-card".to_owned()), "his old PIN and token open nothing");
    let view = posing.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    assert_eq!(view["mine"]["ballot"]["version"], 1, "what he cast stands");
    // And the card itself is nowhere in what was taken.
    assert!(
        loot.sign(&Opened { token: "TEST card".to_owned(), pin: "card-2468".to_owned() }, &bytes)?.is_none()
    );
    drop(card.sign(&bytes)?);
    Ok(())
}

/// Another card's certificate in the place of a member's, as bytes out of the same database: it does not open there.
fn exchanged_cards_keep_it_from_starting(stage: &mut Stage) -> anyhow::Result<()> {
    stage.house.stop()?;
    let exchange = "update people set signing_card_sealed = (select signing_card_sealed from people where username = 'thutuong') where username = 'bt01'";
    write(&stage.house, "create table kept as select id, signing_card_sealed as card from people")?;
    assert_eq!(write(&stage.house, exchange)?, 1);
    assert!(stage.house.run().is_err(), "it starts with an exchanged card");
    let back = "update people set signing_card_sealed = (select card from kept where kept.id = people.id) where username = 'bt01'";
    assert_eq!(write(&stage.house, back)?, 1);
    write(&stage.house, "drop table kept")?;
    stage.house.run()
}

/// A ballot by card that somebody removes from the database is missed by whoever verifies the evidence.
async fn a_card_ballot_that_is_taken_away_or_exchanged_is_missed(
    mut stage: Stage,
    vote: &str,
) -> anyhow::Result<()> {
    stage.chair.move_to(&stage.house.json("addresses.json")?)?;
    stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let trust = stage.house.dir().join("trust");
    let verify = |bundle: &Path| session::verify(bundle, Some(&trust));
    let bundle = session::evidence(&stage.house, vote).await?;
    let (code, said) = verify(&bundle)?;
    assert_eq!(code, 0, "{said}");
    let his = "member = (select id from people where username = 'bt01')";
    let anothers = "(select signature_sealed from ballots where member = (select id from people where username = 'bt03'))";
    let exchange = format!("update ballots set signature_sealed = {anothers} where {his}");
    assert_eq!(write(&stage.house, &exchange)?, 1);
    let mut auditor = stage.house.user("kiemtoan").await?;
    let answer = auditor.get(&format!("/api/votes/{vote}/evidence")).await?;
    assert_eq!(
        answer.problem(),
        (500, "internal".to_owned()),
        "one sealed value does not open in another's place"
    );
    assert_eq!(write(&stage.house, &format!("delete from ballots where {his}"))?, 1);
    auditor_takes(&mut auditor, vote, &bundle).await?;
    let (code, said) = verify(&bundle)?;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("ballots are here, but the vote was closed with"), "{said}");
    Ok(())
}

async fn auditor_takes(auditor: &mut User, vote: &str, place: &Path) -> anyhow::Result<()> {
    let bundle = auditor.get(&format!("/api/votes/{vote}/evidence")).await?;
    bundle.expect(200)?;
    Ok(std::fs::write(place, &bundle.body)?)
}
