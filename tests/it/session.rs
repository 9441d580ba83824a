//! One Government session, end to end, on real documents: the first e-Cabinet session, played again.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;
use base64ct::Encoding as _;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{House, tools};
use uuid::Uuid;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_prepared_voted_resolved_sealed_found_and_verified_by_an_outsider() -> anyhow::Result<()>
{
    let mut stage = Stage::in_session().await?;
    let papers = upload_real_papers(&mut stage).await?;
    let vote = stage.open_vote().await?;
    let mut voters = stage.voters().await?;
    check_nothing_is_known_before_the_close(&mut stage, &mut voters[3], &vote).await?;

    let casts = try_join_all(voters.iter_mut().map(|voter| voter.cast(&vote, "agree"))).await?;
    for cast in &casts {
        let receipt = cast.expect(201)?;
        assert!(receipt["leaf_hash"].as_str().is_some_and(|leaf| leaf.len() == 64), "{receipt}");
    }
    let view = stage.secretary.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    assert_eq!((view["n_cast"].as_u64(), view["outcome"].is_null()), (Some(25), true));

    let closed = stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let outcome = &closed["outcome"];
    assert_eq!(outcome["adopted"], true, "{outcome}");
    assert_eq!((outcome["n_agree"].as_u64(), outcome["n_silent"].as_u64()), (Some(25), Some(2)));
    assert_eq!(outcome["majority_needed"], 14);
    assert!(outcome["source"].as_str().is_some_and(|source| source.contains("191/2026")), "{outcome}");

    let bundle = evidence(&stage.house, &vote).await?;
    let trust = stage.house.dir().join("trust");
    assert_eq!(verify(&bundle, Some(&trust))?.0, 0, "{}", verify(&bundle, Some(&trust))?.1);
    assert_eq!(verify(&bundle, None)?.0, 2);

    let n_ballots = openssl_accepts_every_ballot(&stage.house, &bundle)?;
    assert_eq!(n_ballots, 26, "25 members, one of them twice");
    let pdf = resolve(&mut stage, &vote).await?;
    judge_the_resolution(&stage.house, &pdf)?;
    check_search(&mut stage, &mut voters[0], papers).await?;
    let bundle = evidence(&stage.house, &vote).await?;
    let (code, said) = verify(&bundle, Some(&trust))?;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("25 đồng ý"), "{said}");
    check_nothing_is_readable_at_rest(&stage.house)?;
    Ok(())
}

/// Ballots, the Resolution's two signatures with their proofs, and a list by `ecabinet sign`, all by keys of another
/// kind, before the same judges.
async fn a_session_on(keys: &'static str) -> anyhow::Result<()> {
    let mut stage = Stage::in_session_at(House::start_on(keys)?).await?;
    let vote = stage.open_vote().await?;
    let mut voters = stage.voters().await?;
    for cast in try_join_all(voters.iter_mut().map(|voter| voter.cast(&vote, "agree"))).await? {
        cast.expect(201)?;
    }
    stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let bundle = evidence(&stage.house, &vote).await?;
    let (code, said) = verify(&bundle, Some(&stage.house.dir().join("trust")))?;
    assert_eq!(code, 0, "{said}");
    assert_eq!(openssl_accepts_every_ballot(&stage.house, &bundle)?, 25);
    let pdf = resolve(&mut stage, &vote).await?;
    judge_the_resolution(&stage.house, &pdf)?;
    let paper = tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf");
    let out = stage.house.dir().join("../signed");
    let output = crate::batch::sign_as_operator(&stage.house, "LTA", &out, &paper)?;
    assert!(output.status.success(), "{}", tools::said(&output));
    let (code, said) = verify(&out.join("an_le_so_432021AL.pdf"), Some(&stage.house.dir().join("trust")))?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_signed_on_p384_by_everybody() -> anyhow::Result<()> {
    a_session_on("p384").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_sealed_by_rsa_of_3072_bits() -> anyhow::Result<()> {
    a_session_on("rsa3072").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_sealed_by_rsa_with_pss() -> anyhow::Result<()> {
    a_session_on("rsa-pss").await
}

/// Uploads the real PDFs as further papers of the item; gives how many.
async fn upload_real_papers(stage: &mut Stage) -> anyhow::Result<usize> {
    let mut n: usize = 0;
    for entry in std::fs::read_dir(tools::data()?.join("vn-pdf"))? {
        let path = entry?.path();
        if path.extension() != Some(OsStr::new("pdf")) {
            continue;
        }
        let pdf = std::fs::read(&path)?;
        let document = stage.secretary.upload(&stage.item, "An le", pdf.clone()).await?.expect(201)?;
        let id = document["id"].as_str().context("document")?;
        let page = stage.chair.get(&format!("/api/documents/{id}/pages/1?width=800")).await?;
        assert_eq!((page.status.as_u16(), page.body.get(1..4)), (200, Some(b"PNG".as_slice())));
        let words = stage.chair.get(&format!("/api/documents/{id}/pages/1/words")).await?.expect(200)?;
        assert!(words["words"].as_array().is_some_and(|words| words.len() > 100), "{}", path.display());
        let content = stage.chair.get(&format!("/api/documents/{id}/content")).await?;
        assert_eq!(content.body, pdf, "{}", path.display());
        n += 1;
    }
    anyhow::ensure!(n == 5, "expected five real papers, found {n}");
    Ok(n)
}

/// Before the close nobody learns a choice: not from the vote, the events, the log or another member's view.
async fn check_nothing_is_known_before_the_close(
    stage: &mut Stage,
    voter: &mut tests::User,
    vote: &str,
) -> anyhow::Result<()> {
    let choice = json!({"choice": "disagree"});
    let prepared = voter.post(&format!("/api/votes/{vote}/ballots/prepare"), &choice).await?.expect(200)?;
    let statement = prepared["statement"].as_str().context("statement")?;
    assert!(
        statement.contains("\"choice\":\"disagree\"") && statement.contains("\"nonce\":\""),
        "{statement}"
    );
    let body = json!({"choice": "disagree", "statement": statement, "activation": voter.activation()});
    let key = Uuid::new_v4().to_string();
    let path = format!("/api/votes/{vote}/ballots");
    let receipt = voter.act(&path, &body, &key).await?.expect(201)?;
    assert_eq!(receipt["statement_digest"], prepared["digest"]);
    assert_eq!(voter.act(&path, &body, &key).await?.expect(201)?, receipt, "same key, same answer");
    for user in [&mut stage.chair, &mut stage.secretary] {
        let view = user.get(&format!("/api/votes/{vote}")).await?;
        assert!(view.json()["ballots"].is_null() && view.json()["outcome"].is_null(), "{}", view.json());
        assert!(!String::from_utf8_lossy(&view.body).contains("disagree"));
        assert_eq!(user.get(&format!("/api/votes/{vote}/evidence")).await?.status.as_u16(), 409);
    }
    let mut auditor = stage.house.user("kiemtoan").await?;
    let entries = auditor.get("/api/log/entries?limit=1000").await?;
    assert!(
        !String::from_utf8_lossy(&entries.expect(200).map(|_| entries.body.clone())?).contains("disagree")
    );
    Ok(())
}

/// Downloads the evidence as the auditor.
pub(crate) async fn evidence(house: &House, vote: &str) -> anyhow::Result<std::path::PathBuf> {
    let mut auditor = house.user("kiemtoan").await?;
    let bundle = auditor.get(&format!("/api/votes/{vote}/evidence")).await?;
    bundle.expect(200)?;
    let path = house.dir().join("../bundle.json");
    std::fs::write(&path, &bundle.body)?;
    Ok(path)
}

/// What `ecabinet-audit verify` says of a file.
pub(crate) fn verify(path: &Path, trust: Option<&Path>) -> anyhow::Result<(i32, String)> {
    let mut arguments = vec![OsStr::new("verify"), path.as_os_str()];
    if let Some(trust) = trust {
        arguments.extend([OsStr::new("--trust"), trust.as_os_str()]);
    }
    let output = tools::run(tests::house::program("ecabinet-audit")?, &arguments)?;
    Ok((output.status.code().unwrap_or(-1), tools::said(&output)))
}

/// Each ballot of the bundle is a detached CAdES signature that `openssl cms -verify -cades` accepts, and refuses over
/// other words.
pub(crate) fn openssl_accepts_every_ballot(house: &House, bundle: &Path) -> anyhow::Result<usize> {
    let bundle: Value = serde_json::from_slice(&std::fs::read(bundle)?)?;
    let ballots = bundle["body"]["ballots"].as_array().context("ballots")?;
    let (cms, words) = (house.dir().join("../ballot.p7s"), house.dir().join("../ballot.json"));
    let root = house.dir().join("trust/root.pem");
    let verify = || {
        let arguments = ["cms", "-verify", "-cades", "-binary", "-inform", "DER", "-out", "/dev/null", "-in"];
        let arguments = arguments.iter().map(OsStr::new).chain([
            cms.as_os_str(),
            "-content".as_ref(),
            words.as_os_str(),
            "-CAfile".as_ref(),
            root.as_os_str(),
        ]);
        tools::run("openssl", &arguments.collect::<Vec<_>>())
    };
    for ballot in ballots {
        let signature = ballot["cms"].as_str().context("cms")?;
        std::fs::write(&cms, base64ct::Base64::decode_vec(signature)?)?;
        let statement = ballot["statement"].as_str().context("statement")?;
        std::fs::write(&words, statement)?;
        let judged = verify()?;
        assert!(judged.status.success(), "{}", tools::said(&judged));
        std::fs::write(&words, statement.replace("agree", "agre3"))?;
        assert!(!verify()?.status.success(), "other words under the same signature");
    }
    Ok(ballots.len())
}

/// Drafts, signs and seals the Resolution; gives its file.
async fn resolve(stage: &mut Stage, vote: &str) -> anyhow::Result<std::path::PathBuf> {
    let draft =
        stage.secretary.post(&format!("/api/votes/{vote}/resolution"), &json!({})).await?.expect(201)?;
    let id = draft["id"].as_str().context("resolution")?.to_owned();
    let path = format!("/api/resolutions/{id}");
    let mut clerk = stage.house.user("vanthu").await?;
    let key = || Uuid::new_v4().to_string();
    let early =
        clerk.act(&format!("{path}/seal"), &json!({"activation": clerk.activation()}), &key()).await?;
    assert_eq!(early.problem(), (409, "resolution-not-signed".to_owned()));
    let other = json!({"digest": "0".repeat(64), "activation": stage.chair.activation()});
    let stale = stage.chair.act(&format!("{path}/signature"), &other, &key()).await?;
    assert_eq!(stale.problem(), (409, "statement-stale".to_owned()));
    let sign = json!({"digest": draft["digest"], "activation": stage.chair.activation()});
    let signed = stage.chair.act(&format!("{path}/signature"), &sign, &key()).await?.expect(200)?;
    assert_eq!((signed["state"].as_str(), signed["number"].is_null()), (Some("signed"), true));
    let seal = json!({"activation": clerk.activation()});
    let sealed = clerk.act(&format!("{path}/seal"), &seal, &key()).await?.expect(200)?;
    assert_eq!((sealed["state"].as_str(), sealed["number"].as_str()), (Some("sealed"), Some("01/NQ-CP")));
    let document = sealed["document"].as_str().context("document")?;
    let pdf = stage.chair.get(&format!("/api/documents/{document}/content")).await?;
    let file = stage.house.dir().join("../resolution.pdf");
    std::fs::write(&file, &pdf.body)?;
    if let Some(keep) = std::env::var_os("ECABINET_KEEP") {
        std::fs::copy(&file, Path::new(&keep).join("resolution.pdf"))?;
    }
    Ok(file)
}

/// pdfsig, qpdf, pyHanko and our own verifier on the sealed Resolution.
pub(crate) fn judge_the_resolution(house: &House, pdf: &Path) -> anyhow::Result<()> {
    let pdfsig = tools::said(&tools::run("pdfsig", &["-nocert".as_ref(), pdf.as_os_str()])?);
    assert_eq!(pdfsig.matches("Signature is Valid").count(), 2, "{pdfsig}");
    let qpdf = tools::run("qpdf", &["--check".as_ref(), pdf.as_os_str()])?;
    assert!(qpdf.status.success(), "{}", tools::said(&qpdf));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/judge.py");
    let root = house.dir().join("trust/root.pem");
    let judged =
        tools::run(tools::pyhanko_python()?, &[script.as_os_str(), root.as_os_str(), pdf.as_os_str()])?;
    assert!(judged.status.success(), "{}", tools::said(&judged));
    let verdicts: Value = serde_json::from_slice(&judged.stdout)?;
    assert_eq!(verdicts.as_array().map(Vec::len), Some(2), "{verdicts}");
    for verdict in verdicts.as_array().into_iter().flatten() {
        assert_eq!(
            (&verdict["bottom_line"], &verdict["trusted"]),
            (&json!(true), &json!(true)),
            "{verdicts}"
        );
        let archived = [&verdict["archived"], &verdict["later"]];
        assert_eq!(archived, [&json!("AdESPassed.OK"); 2], "now, and ten months later: {verdicts}");
    }
    let (code, said) = verify(pdf, Some(&house.dir().join("trust")))?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

/// Words are found with and without diacritics, and only by those who may read them.
async fn check_search(stage: &mut Stage, member: &mut tests::User, n_real: usize) -> anyhow::Result<()> {
    for query in ["%C4%91%E1%BB%8Bnh%20danh", "dinh%20danh"] {
        let found = member.get(&format!("/api/search?q={query}&limit=50")).await?.expect(200)?;
        assert!(found["total"].as_u64().is_some_and(|n| n >= 4), "{query}: {found}");
        let hits = found["hits"].as_array().context("hits")?;
        assert!(hits.iter().any(|hit| hit["kind"] == "resolution"), "{found}");
        let marked = |hit: &Value| {
            hit["snippet"].as_array().is_some_and(|all| all.iter().any(|one| one["hit"] == true))
        };
        // A paper that matches by its title alone has nothing to mark on the page.
        assert!(hits.iter().filter(|hit| marked(hit)).count() >= 3, "{found}");
    }
    let precedents = member.get("/api/search?q=an%20le%20toa%20an&limit=50").await?.expect(200)?;
    assert!(
        precedents["total"].as_u64().is_some_and(|n| n >= u64::try_from(n_real).unwrap_or(0)),
        "{precedents}"
    );
    let mut clerk = stage.house.user("vanthu").await?;
    let found = clerk.get("/api/search?q=dinh%20danh").await?.expect(200)?;
    let kinds: Vec<_> =
        found["hits"].as_array().into_iter().flatten().map(|hit| hit["kind"].clone()).collect();
    assert_eq!(
        (found["total"].as_u64(), kinds),
        (Some(1), vec![json!("resolution")]),
        "the clerk sees Resolutions alone"
    );
    for stranger in ["kiemtoan", "vanhanh"] {
        let mut stranger = stage.house.user(stranger).await?;
        assert_eq!(stranger.get("/api/search?q=dinh%20danh").await?.status.as_u16(), 403);
    }
    Ok(())
}

/// What people wrote stands in no file of the data folder.
fn check_nothing_is_readable_at_rest(house: &House) -> anyhow::Result<()> {
    let needles = ["định danh", "Thử Nghiệm", "dinh danh", "án lệ", "%PDF"];
    let mut folders = vec![house.dir().join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Certificates name their holders; they are public.
            if path.extension() == Some(OsStr::new("pem")) {
                continue;
            }
            let bytes = std::fs::read(&path)?;
            for needle in needles {
                let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                assert!(!found, "`{needle}` stands in {}", path.display());
            }
        }
    }
    Ok(())
}
