//! Lists of documents: `ecabinet sign` over the appliance's own socket, and what the list does not allow.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::Context as _;
use bytes::Bytes;
use cabinet::Digest;
use hyper::Method;
use serde_json::{Value, json};
use tests::{House, User, house, tools};
use uuid::Uuid;

/// Runs `ecabinet sign --json` with the operator's PIN, or another one.
fn sign(house: &House, key: &str, pin: &str, out: &Path, paths: &[&Path]) -> anyhow::Result<Output> {
    let pin_file = out.with_extension("pin");
    fs::write(&pin_file, pin)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 3<\"$0\"; exec \"$@\""])
        .arg(&pin_file)
        .arg(house::program("ecabinet")?)
        .args(["sign", "--json", "--user", "vanhanh", "--pin-fd", "3", "--key", key, "--config"])
        .arg(house.dir().join("ecabinet.toml"))
        .arg("--out")
        .arg(out)
        .args(paths);
    command.output().context("ecabinet sign")
}

fn states(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| Some(serde_json::from_str::<Value>(line).ok()?["state"].as_str()?.to_owned()))
        .collect()
}

async fn authorise(user: &mut User, key: &str, documents: &[(&str, &[u8])]) -> anyhow::Result<tests::Answer> {
    let list: Vec<_> = documents
        .iter()
        .map(|(name, bytes)| json!({"name": name, "digest": Digest::of(bytes).to_string()}))
        .collect();
    let body = json!({"key": key, "level": "B", "documents": list, "activation": user.activation()});
    user.act("/api/batches", &body, &Uuid::new_v4().to_string()).await
}

async fn put(user: &mut User, batch: &str, number: u32, pdf: &[u8]) -> anyhow::Result<tests::Answer> {
    let path = format!("/api/batches/{batch}/documents/{number}");
    user.send(Method::PUT, &path, "application/pdf", Bytes::copy_from_slice(pdf), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_signed_one_by_one_and_goes_on_where_it_was_stopped() -> anyhow::Result<()> {
    let house = House::start()?;
    let accounts = house.json("accounts.json")?;
    let operator = accounts.as_array().context("accounts")?.iter().find(|one| one["username"] == "vanhanh");
    let pin = operator.context("vanhanh")?["pin"].as_str().context("pin")?.to_owned();
    let folder = tempfile::tempdir()?;
    let data = tools::data()?.join("vn-pdf");
    let good = [data.join("an_le_so_432021AL.pdf"), data.join("an_le_so_552022AL.pdf")];
    let broken = folder.path().join("broken.pdf");
    fs::write(&broken, b"%PDF-1.7 and nothing else")?;
    let out = folder.path().join("signed");

    let output = sign(&house, "batch", &pin, &out, &[&good[0], &broken, &good[1]])?;
    assert_eq!(output.status.code(), Some(1), "{}", tools::said(&output));
    let [first, second, third] = <[String; 3]>::try_from(states(&output)).ok().context("three states")?;
    assert_eq!((first.as_str(), third.as_str()), ("signed", "signed"), "the rest of the list goes on");
    assert!(second.starts_with("not signed: "), "{second}");
    assert!(!out.join("broken.pdf").exists(), "nothing is left of what was not signed");
    for path in &good {
        let signed = out.join(path.file_name().context("name")?);
        assert!(fs::read(&signed)?.starts_with(&fs::read(path)?), "the document itself is not changed");
        let judged = tools::run("pdfsig", &["-nocert".as_ref(), signed.as_ref()])?;
        assert!(tools::said(&judged).contains("Signature is Valid"), "{}", tools::said(&judged));
    }

    let again = sign(&house, "batch", &pin, &out, &[&good[0], &good[1]])?;
    assert_eq!((again.status.code(), states(&again)), (Some(0), vec!["already signed".to_owned(); 2]));
    fs::write(out.join("an_le_so_432021AL.pdf"), b"something else")?;
    assert_eq!(sign(&house, "batch", &pin, &out, &[&good[0]])?.status.code(), Some(2), "not overwritten");

    let elsewhere = folder.path().join("elsewhere");
    for (key, pin, says) in [
        ("organisation", pin.as_str(), "not-permitted"),
        ("none", &pin, "not-found"),
        ("batch", "00000000", "pin-incorrect"),
    ] {
        let refused = sign(&house, key, pin, &elsewhere, &[&good[0]])?;
        assert_eq!(refused.status.code(), Some(2));
        assert!(tools::said(&refused).contains(says), "{}", tools::said(&refused));
    }
    assert_eq!(fs::read_dir(&elsewhere)?.count(), 0);

    let config = fs::read_to_string(house.dir().join("ecabinet.toml"))?;
    let socket = config.lines().find_map(|line| line.strip_prefix("local = ")).context("socket")?;
    let socket = Path::new(socket.trim_matches('"'));
    assert_eq!(fs::metadata(socket)?.permissions().mode() & 0o777, 0o600);
    let mut auditor = house.user("kiemtoan").await?;
    let entries = auditor.get("/api/log/entries?limit=200").await?.expect(200)?.to_string();
    for act in ["batch-authorised", "batch-signature-intended", "batch-signed", "batch-refused"] {
        assert!(entries.contains(act), "{act} is in the log");
    }
    assert!(!entries.contains("broken"), "names of documents are not");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorisation_is_for_one_person_and_exactly_these_documents_each_once() -> anyhow::Result<()> {
    let house = House::start()?;
    let data = tools::data()?.join("vn-pdf");
    let (one, other) =
        (fs::read(data.join("an_le_so_432021AL.pdf"))?, fs::read(data.join("an_le_so_552022AL.pdf"))?);
    let mut operator = house.user("vanhanh").await?;
    let offer = operator.get("/api/batches").await?.expect(200)?;
    assert_eq!(offer["keys"][0]["label"], "batch");
    assert_eq!((&offer["keys"][1], &offer["levels"][3]), (&Value::Null, &"LTA".into()), "{offer}");
    let none = house.user("bt07").await?.get("/api/batches").await?.expect(200)?;
    assert_eq!(none["keys"], json!([]), "members sign no lists");
    let batch =
        authorise(&mut operator, "batch", &[("một.pdf", &one), ("hai.pdf", &other)]).await?.expect(201)?;
    let batch = batch["id"].as_str().context("batch")?.to_owned();

    let mut clerk = house.user("vanthu").await?;
    assert_eq!(put(&mut clerk, &batch, 1, &one).await?.problem().0, 404, "somebody else's list");
    assert_eq!(put(&mut operator, &batch, 3, &one).await?.problem().0, 404);
    let swapped = put(&mut operator, &batch, 1, &other).await?;
    assert_eq!(swapped.problem(), (422, "not-the-authorised-document".to_owned()));
    let settled = put(&mut operator, &batch, 1, &one).await?;
    assert_eq!(settled.problem(), (409, "document-settled".to_owned()), "a refusal is for good");
    assert_eq!(put(&mut operator, &batch, 2, &other).await?.status.as_u16(), 200);
    assert_eq!(put(&mut operator, &batch, 2, &other).await?.problem().0, 409, "signed once");

    let withdrawn = authorise(&mut operator, "batch", &[("một.pdf", &one)]).await?.expect(201)?;
    let withdrawn = format!("/api/batches/{}", withdrawn["id"].as_str().context("batch")?);
    operator.send(Method::DELETE, &withdrawn, "application/json", Bytes::new(), &[]).await?.expect(200)?;
    assert_eq!(operator.get(&withdrawn).await?.expect(200)?["documents"][0]["state"], "withdrawn");

    for (username, key, status, code) in [
        ("bt01", "batch", 403, "not-permitted"),
        ("vanhanh", "organisation", 403, "not-permitted"),
        ("vanhanh", "log", 404, "not-found"),
    ] {
        let mut user = house.user(username).await?;
        let refused = authorise(&mut user, key, &[("một.pdf", &one)]).await?;
        assert_eq!(refused.problem(), (status, code.to_owned()), "{username} {key}");
    }
    // The clerk may ask for the organisation's key, which signs nothing but what the authorised person signed.
    let list = authorise(&mut clerk, "organisation", &[("một.pdf", &one)]).await?.expect(201)?;
    let refused = put(&mut clerk, list["id"].as_str().context("batch")?, 1, &one).await?;
    assert_eq!(refused.problem(), (409, "not-properly-signed".to_owned()));
    let way_in = clerk.post("/api/session/local", &json!({"username": "vanthu", "pin": "0000"})).await?;
    assert_eq!(way_in.problem(), (403, "local-only".to_owned()));
    Ok(())
}
