//! Trust services: our time-stamps and answers judged by OpenSSL, and signatures raised to every level.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Output;

use anyhow::Context as _;
use bytes::Bytes;
use cabinet::Digest;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tests::{House, house, tools};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::log;

/// Asks one of the demonstration's services.
async fn ask(
    house: &House,
    path: &str,
    body: Option<(&str, Vec<u8>)>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let base = house.json("addresses.json")?["services"].as_str().context("services")?.to_owned();
    let port: u16 = base.rsplit(':').next().context("port")?.parse()?;
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::builder().uri(path).header("host", "pki.ecabinet.test");
    let request = match body {
        Some((kind, body)) => {
            request.method(Method::POST).header("content-type", kind).body(Full::new(Bytes::from(body)))?
        }
        None => request.body(Full::new(Bytes::new()))?,
    };
    let answer = sender.send_request(request).await?;
    Ok((answer.status(), answer.into_body().collect().await?.to_bytes()))
}

fn openssl(arguments: &[&OsStr]) -> anyhow::Result<Output> {
    tools::run("openssl", arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_accepts_our_time_stamps_lists_and_answers() -> anyhow::Result<()> {
    let house = House::start()?;
    let folder = tempfile::tempdir()?;
    check_time_stamps(&house, folder.path()).await?;
    check_the_list(&house, folder.path()).await?;
    check_answers(&house, folder.path()).await
}

async fn check_time_stamps(house: &House, folder: &Path) -> anyhow::Result<()> {
    const QUERY: &str = "application/timestamp-query";
    let (root, chain) = (house.dir().join("trust/root.pem"), house.dir().join("data/chain.pem"));
    let (words, answer) = (folder.join("words"), folder.join("answer.tsr"));
    std::fs::write(&words, "Nghị quyết (THỬ NGHIỆM)")?;
    let query = |name: &str| -> anyhow::Result<std::path::PathBuf> {
        let query = folder.join(name);
        let fixed = ["ts", "-query", "-sha256", "-cert", "-data"].map(OsStr::new);
        let files = [words.as_os_str(), "-out".as_ref(), query.as_os_str()];
        openssl(&[fixed.as_slice(), &files].concat())?;
        Ok(query)
    };
    let verify = |query: &Path| {
        let fixed = ["ts", "-verify", "-in"].map(OsStr::new);
        let files = [
            answer.as_os_str(),
            "-queryfile".as_ref(),
            query.as_os_str(),
            "-CAfile".as_ref(),
            root.as_os_str(),
            "-untrusted".as_ref(),
            chain.as_os_str(),
        ];
        openssl(&[fixed.as_slice(), &files].concat())
    };
    let (ours, other) = (query("ours.tsq")?, query("other.tsq")?);
    let asked = std::fs::read(&ours)?;
    let (status, token) = ask(house, "/tsa", Some((QUERY, asked.clone()))).await?;
    assert_eq!(status, StatusCode::OK);
    std::fs::write(&answer, &token)?;
    let judged = verify(&ours)?;
    assert!(judged.status.success(), "{}", tools::said(&judged));
    assert!(!verify(&other)?.status.success(), "another query has another nonce");
    let (status, _) = ask(house, "/tsa", Some(("text/plain", asked))).await?;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _) = ask(house, "/tsa", Some((QUERY, vec![0; 100_000]))).await?;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}

async fn check_the_list(house: &House, folder: &Path) -> anyhow::Result<()> {
    let (status, der) = ask(house, "/signing.crl", None).await?;
    assert_eq!(status, StatusCode::OK);
    let (list, chain) = (folder.join("signing.crl"), house.dir().join("data/chain.pem"));
    std::fs::write(&list, &der)?;
    let fixed = ["crl", "-inform", "der", "-noout", "-CAfile"].map(OsStr::new);
    let files = [chain.as_os_str(), "-in".as_ref(), list.as_os_str()];
    let said = tools::said(&openssl(&[fixed.as_slice(), &files].concat())?);
    assert!(said.contains("verify OK"), "{said}");
    for nothing in ["/../ecabinet.toml", "/signing.pem", "/.crl", "/secrets.crl"] {
        assert_eq!(ask(house, nothing, None).await?.0, StatusCode::NOT_FOUND, "{nothing}");
    }
    Ok(())
}

async fn check_answers(house: &House, folder: &Path) -> anyhow::Result<()> {
    let (request, answer) = (folder.join("request.ocsp"), folder.join("answer.ocsp"));
    let (root, chain) = (house.dir().join("trust/root.pem"), house.dir().join("data/chain.pem"));
    let batch = house.dir().join("data/batch.pem");
    let about = ["ocsp".as_ref(), "-issuer".as_ref(), chain.as_os_str(), "-cert".as_ref(), batch.as_os_str()];
    openssl(&[about.as_slice(), &["-reqout".as_ref(), request.as_os_str()]].concat())?;
    let asked = ("application/ocsp-request", std::fs::read(&request)?);
    let (_, der) = ask(house, "/ocsp", Some(asked)).await?;
    std::fs::write(&answer, &der)?;
    let files =
        ["-no_nonce".as_ref(), "-respin".as_ref(), answer.as_os_str(), "-CAfile".as_ref(), root.as_os_str()];
    let said = tools::said(&openssl(&[about.as_slice(), &files].concat())?);
    assert!(said.contains("Response verify OK") && said.contains(": good"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_reaches_the_level_that_is_asked_for_and_every_time_stamp_is_logged() -> anyhow::Result<()>
{
    let house = House::start()?;
    let mut operator = house.user("vanhanh").await?;
    let pdf = std::fs::read(tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf"))?;
    let folder = tempfile::tempdir()?;
    for level in ["B", "T", "LT", "LTA"] {
        let list = json!({
            "key": "batch", "level": level, "activation": operator.activation(),
            "documents": [{"name": "án lệ.pdf", "digest": Digest::of(&pdf).to_string()}],
        });
        let batch = operator.act("/api/batches", &list, &Uuid::new_v4().to_string()).await?.expect(201)?;
        let path = format!("/api/batches/{}/documents/1", batch["id"].as_str().context("batch")?);
        let signed =
            operator.send(Method::PUT, &path, "application/pdf", Bytes::from(pdf.clone()), &[]).await?;
        assert_eq!(signed.status, StatusCode::OK, "{level}: {}", String::from_utf8_lossy(&signed.body));
        let file = folder.path().join(format!("{level}.pdf"));
        std::fs::write(&file, &signed.body)?;
        let trust = house.dir().join("trust");
        let verified = tools::run(
            house::program("ecabinet-audit")?,
            &["verify".as_ref(), "--json".as_ref(), "--trust".as_ref(), trust.as_os_str(), file.as_os_str()],
        )?;
        let report: Value = serde_json::from_slice(&verified.stdout)?;
        assert_eq!(verified.status.code(), Some(0), "{report}");
        assert_eq!(report["signatures"][0]["level"], format!("B-{level}"), "{report}");
    }
    // Issued time-stamps are logged within a second or two, in one entry each second.
    let mut auditor = house.user("kiemtoan").await?;
    log::until(&mut auditor, |entries| !log::of_kind(entries, "timestamps-issued").is_empty()).await?;
    Ok(())
}
