//! Documents that somebody brings to have them judged, over HTTP: by whom, how, and what stays of them.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use bytes::Bytes;
use cabinet::Digest;
use hyper::Method;
use serde_json::{Value, json};
use tests::{House, User, house, tools};

use crate::log;

async fn validate(user: &mut User, body: &[u8], accept: &str) -> anyhow::Result<tests::Answer> {
    let fields = [("accept", accept)];
    let body = Bytes::copy_from_slice(body);
    user.send(Method::POST, "/api/validate", "application/pdf", body, &fields).await
}

/// A paper of the outside world, signed by the appliance's own key for lists.
fn signed(house: &House) -> anyhow::Result<Vec<u8>> {
    let accounts = house.json("accounts.json")?;
    let operator = accounts.as_array().context("accounts")?.iter().find(|one| one["username"] == "vanhanh");
    let pin = operator.context("vanhanh")?["pin"].as_str().context("pin")?.to_owned();
    let folder = tempfile::tempdir()?;
    let (out, pin_file) = (folder.path().join("signed"), folder.path().join("pin"));
    fs::write(&pin_file, pin)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 3<\"$0\"; exec \"$@\""])
        .arg(&pin_file)
        .arg(house::program("ecabinet")?)
        .args(["sign", "--user", "vanhanh", "--pin-fd", "3", "--key", "batch", "--level", "B", "--config"])
        .arg(house.dir().join("ecabinet.toml"))
        .arg("--out")
        .arg(&out)
        .arg(tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf"));
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{}", tools::said(&output));
    Ok(fs::read(out.join("an_le_so_432021AL.pdf"))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_judged_for_whoever_brings_it_and_only_its_digest_stays() -> anyhow::Result<()> {
    let house = House::start()?;
    let pdf = signed(&house)?;
    let mut member = house.user("bt01").await?;
    let report = validate(&mut member, &pdf, "application/json").await?.expect(200)?;
    let signature = &report["signatures"][0];
    assert_eq!(
        (&signature["indication"], &signature["integrity"], &report["digest"]),
        (&json!("TOTAL_PASSED"), &json!("intact"), &json!(Digest::of(&pdf).to_string())),
        "{report}"
    );
    assert!(report["text"].as_str().is_some_and(|text| text.starts_with("Chữ ký 1/1: HỢP LỆ")), "{report}");
    let xml = validate(&mut member, &pdf, "application/xml").await?;
    let kind = xml.headers.get("content-type").context("content-type")?.to_str()?;
    assert_eq!((xml.status.as_u16(), kind), (200, "application/xml"));
    assert!(String::from_utf8_lossy(&xml.body).contains("urn:etsi:019102:mainindication:total-passed"));

    let mut changed = pdf.clone();
    let middle = changed.len() / 3;
    *changed.get_mut(middle).context("a byte")? ^= 1;
    let report = validate(&mut member, &changed, "").await?.expect(200)?;
    assert_eq!(report["signatures"][0]["indication"], "TOTAL_FAILED", "{report}");
    let refused = validate(&mut member, b"%PDF-1.7 and nothing else", "").await?;
    assert_eq!(refused.problem(), (422, "pdf-unreadable".to_owned()));
    let container = b"PK\x03\x04mimetypeapplication/vnd.etsi.asic-e+zip %PDF-1.7";
    let refused = validate(&mut member, container, "application/json").await?;
    assert_eq!(refused.problem(), (422, "format-not-judged".to_owned()));
    let large = vec![b' '; (64 << 20) + 1];
    let refused = validate(&mut member, &large, "").await?;
    assert_eq!(refused.problem(), (413, "too-large".to_owned()));

    for (username, status) in [("vanthu", 200), ("vanhanh", 200), ("khach", 403)] {
        let mut user = house.user(username).await?;
        assert_eq!(validate(&mut user, &pdf, "").await?.status.as_u16(), status, "{username}");
    }
    let mut stranger = house.visitor("bt02")?;
    assert_eq!(validate(&mut stranger, &pdf, "").await?.status.as_u16(), 401);

    let mut auditor = house.user("kiemtoan").await?;
    assert_eq!(validate(&mut auditor, &pdf, "").await?.status.as_u16(), 200);
    let is_logged = |entries: &Value| log::of_kind(entries, "document-validated").len() == 6;
    let entries = log::until(&mut auditor, is_logged).await.context("one for each answer")?;
    assert!(entries.to_string().contains(&Digest::of(&changed).to_string()));
    Ok(())
}
