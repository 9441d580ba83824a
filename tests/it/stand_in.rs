//! Tokens that stand in for each other: the first ones are lost, and the house goes on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use signing::authority::Profile;
use tests::{House, house, tools};
use uuid::Uuid;

use crate::installation::{Installation, went};
use crate::log;
use crate::stage::Stage;

/// Lets the session adopt a Resolution that the Prime Minister signs; gives its path.
async fn signed(stage: &mut Stage) -> anyhow::Result<String> {
    let vote = stage.open_vote().await?;
    for mut voter in stage.voters().await? {
        voter.cast(&vote, "agree").await?.expect(201)?;
    }
    stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let draft =
        stage.secretary.post(&format!("/api/votes/{vote}/resolution"), &json!({})).await?.expect(201)?;
    let path = format!("/api/resolutions/{}", draft["id"].as_str().context("resolution")?);
    let sign = json!({"digest": draft["digest"], "activation": stage.chair.activation()});
    stage.chair.act(&format!("{path}/signature"), &sign, &Uuid::new_v4().to_string()).await?.expect(200)?;
    Ok(path)
}

/// The folder of the SoftHSM2 token with this label.
fn folder_of(house: &House, label: &str) -> anyhow::Result<PathBuf> {
    let wanted = format!("{label:<32}");
    for entry in fs::read_dir(house.dir().join("tokens"))? {
        let folder = entry?.path();
        let about = fs::read(folder.join("token.object"))?;
        if about.windows(32).any(|found| found == wanted.as_bytes()) {
            return Ok(folder);
        }
    }
    anyhow::bail!("no token {label}")
}

fn add_stand_ins(keys: &mut toml::Table, dir: &str) -> anyhow::Result<()> {
    let organisation = format!(
        "token = \"TEST organisation 2\"\nkey = \"organisation-2\"\n\
         pin_file = \"{dir}/secrets/organisation-2.pin\"\ncertificate = \"{dir}/data/organisation-2.pem\"\n"
    );
    let encryption = format!(
        "token = \"TEST encryption 2\"\nkey = \"kek-2\"\npin_file = \"{dir}/secrets/encryption-2.pin\"\n"
    );
    for (part, token) in [("organisation_stand_ins", organisation), ("encryption_stand_ins", encryption)] {
        let token: toml::Value = token.parse::<toml::Table>()?.into();
        keys.insert(part.to_owned(), vec![token].into());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_goes_on_when_its_first_tokens_are_lost() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let path = signed(&mut stage).await?;
    let mut house = Installation::new(stage.house, add_stand_ins)?;
    for (token, key, kind) in
        [("TEST organisation 2", "organisation-2", "p256"), ("TEST encryption 2", "kek-2", "aes256")]
    {
        let sheets = house.ceremony(token, key, kind)?;
        went(&house.activate(key, &[&sheets[0], &sheets[2]])?, 0, "holds the PIN");
    }
    let name = "CHÍNH PHỦ, dự phòng (THỬ NGHIỆM)";
    let (requested, authority) = house.request("organisation-2", name)?;
    let certificate = house.issue(&authority, &requested.spki_der, name, 910, Profile::Organisation)?;
    went(&house.import("organisation-2", &certificate, &authority)?, 0, "in use from the next start");

    // What was wrapped before there was a second token is wrapped by it too.
    house.serve()?;
    let mut auditor = house.house.user("kiemtoan").await?;
    log::until(&mut auditor, |entries| !log::of_kind(entries, "data-keys-wrapped").is_empty()).await?;
    house.stop()?;

    for label in ["organisation", "encryption"] {
        fs::remove_dir_all(folder_of(&house.house, label)?)?;
    }
    house.serve()?;
    let mut clerk = house.house.user("vanthu").await?;
    let seal = json!({"activation": clerk.activation()});
    let sealed = clerk.act(&format!("{path}/seal"), &seal, &Uuid::new_v4().to_string()).await?.expect(200)?;
    let document = sealed["document"].as_str().context("document")?;
    let pdf = house.path("sealed.pdf");
    fs::write(&pdf, &clerk.get(&format!("/api/documents/{document}/content")).await?.body)?;
    let trust = house.house.dir().join("trust");
    let verified = tools::run(
        house::program("ecabinet-audit")?,
        &["verify".as_ref(), pdf.as_ref(), "--trust".as_ref(), trust.as_ref()],
    )?;
    went(&verified, 0, "dự phòng");
    let judged = tools::run("pdfsig", &["-nocert".as_ref(), AsRef::<Path>::as_ref(&pdf).as_ref()])?;
    went(&judged, 0, "Signature is Valid");

    // Operators see it, and nobody has to guess which token it is.
    let mut operator = house.house.user("vanhanh").await?;
    let keys = operator.get("/api/keys").await?.expect(200)?;
    let says = |key: &&Value| key["warnings"].to_string().contains("does not answer");
    let lost: Vec<_> = keys["keys"].as_array().context("keys")?.iter().filter(says).collect();
    assert_eq!(lost.len(), 2, "{keys}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_that_has_no_wrap_yet_opens_nothing_and_says_so() -> anyhow::Result<()> {
    let house = House::start()?;
    let mut house = Installation::new(house, add_stand_ins)?;
    for (token, key, kind) in
        [("TEST organisation 2", "organisation-2", "p256"), ("TEST encryption 2", "kek-2", "aes256")]
    {
        let sheets = house.ceremony(token, key, kind)?;
        went(&house.activate(key, &[&sheets[1], &sheets[2]])?, 0, "holds the PIN");
    }
    let (requested, authority) = house.request("organisation-2", "TEST stand-in")?;
    let certificate =
        house.issue(&authority, &requested.spki_der, "TEST stand-in", 911, Profile::Organisation)?;
    went(&house.import("organisation-2", &certificate, &authority)?, 0, "in use from the next start");
    fs::remove_dir_all(folder_of(&house.house, "encryption")?)?;
    let refused = house.serve().expect_err("the column key is wrapped by the lost token alone");
    assert!(format!("{refused:#}").contains("token"), "{refused:#}");
    Ok(())
}
