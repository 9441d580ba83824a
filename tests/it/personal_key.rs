//! A new key for a member who lost what opened his own: request, certificate, ballot; the old one signs nothing more.

use anyhow::Context as _;
use serde_json::{Value, json};
use signing::authority::Profile;
use tests::{House, tools};
use uuid::Uuid;

use crate::installation::{Installation, went};
use crate::session::verify;
use crate::stage::Stage;

const MEMBER: &str = "bt04";
const NEW_PIN: &str = "90817263";

#[tokio::test(flavor = "multi_thread")]
async fn a_member_gets_a_new_key_and_the_old_one_signs_nothing_more() -> anyhow::Result<()> {
    let stage = Stage::in_session().await?;
    let (item, old) = (stage.item.clone(), stage.house.user(MEMBER).await?.activation());
    let mut house = Installation::new(stage.house, |_, _| Ok(()))?;
    let config = ["--user", MEMBER];
    let early = house.run(&["keys", "person-certificate"], &["--user", MEMBER, "absent.pem"])?;
    assert_eq!(early.status.code(), Some(2), "{}", tools::said(&early));

    let out = house.path("bt04.csr");
    let out = out.to_str().context("path")?;
    let arguments = [config[0], config[1], "--token", "TEST bt04 2", "--out", out, "--pin-fd", "3"];
    went(&house.run_with_pin(NEW_PIN, &["keys", "person-request"], &arguments)?, 0, "by the new key");
    went(&house.run_with_pin(NEW_PIN, &["keys", "person-request"], &arguments)?, 2, "is there already");
    let (requested, authority) = house.requested("bt04.csr")?;
    let name = requested.subject.common_name.clone();
    let issue =
        |spki: &[u8], name: &str, serial| house.issue(&authority, spki, name, serial, Profile::Person);
    let import = |certificate: &signing::Certificate| {
        let chain = house.path("chain.pem");
        std::fs::write(&chain, format!("{}{}", certificate.to_pem(), authority.certificate().to_pem()))?;
        house.run(&["keys", "person-certificate"], &["--user", MEMBER, chain.to_str().context("path")?])
    };
    let anothers_key = issue(&authority.certificate().spki_der(), &name, 920)?;
    went(&import(&anothers_key)?, 1, "does not belong to the key");
    went(&import(&issue(&requested.spki_der, "Lê Khác (THỬ NGHIỆM)", 921)?)?, 1, "the account is that of");
    let organisations = house.issue(&authority, &requested.spki_der, &name, 922, Profile::TimeStamping)?;
    assert_eq!(import(&organisations)?.status.code(), Some(1), "no certificate for a person's signatures");
    let certificate = issue(&requested.spki_der, &format!("{name} (THỬ NGHIỆM)"), 923)?;
    went(&import(&certificate)?, 0, "from the next start");
    went(&import(&certificate)?, 2, "no new key");

    house.serve()?;
    let mut chair = house.house.user("thutuong").await?;
    let vote = chair.post(&format!("/api/items/{item}/votes"), &json!({})).await?.expect(201)?;
    let vote = vote["id"].as_str().context("vote")?.to_owned();
    let mut member = house.house.user(MEMBER).await?;
    let path = format!("/api/votes/{vote}/ballots");
    let ballot = |activation: &Value| json!({"choice": "agree", "activation": activation});
    let key = || Uuid::new_v4().to_string();
    let refused = member.act(&path, &ballot(&old), &key()).await?;
    assert_eq!(refused.problem(), (422, "pin-incorrect".to_owned()));
    member.act(&path, &ballot(&json!({"pin": NEW_PIN})), &key()).await?.expect(201)?;
    chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let evidence = evidence(&house.house, &vote).await?;
    let bundle = house.path("bundle.json");
    std::fs::write(&bundle, &evidence)?;
    let (code, said) = verify(&bundle, Some(&house.house.dir().join("trust")))?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

async fn evidence(house: &House, vote: &str) -> anyhow::Result<Vec<u8>> {
    let mut auditor = house.user("kiemtoan").await?;
    let bundle = auditor.get(&format!("/api/votes/{vote}/evidence")).await?;
    bundle.expect(200)?;
    Ok(bundle.body.to_vec())
}
