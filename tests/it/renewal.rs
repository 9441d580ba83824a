//! Renewal with a moved clock: what proves a sealed Resolution's signatures is renewed before it ends.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tests::{User, house, tools};
use uuid::Uuid;

use crate::clock;
use crate::stage::Stage;

/// The demonstration's certificates end after 365 days; proofs are renewed 90 days before.
const LATER_DAYS: i64 = 300;
const RENEWED_WITHIN: Duration = Duration::from_secs(60);

/// Lets the session adopt a Resolution and seals it; gives its path.
async fn sealed(stage: &mut Stage) -> anyhow::Result<String> {
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
    let mut clerk = stage.house.user("vanthu").await?;
    let seal = json!({"activation": clerk.activation()});
    clerk.act(&format!("{path}/seal"), &seal, &Uuid::new_v4().to_string()).await?.expect(200)?;
    Ok(path)
}

/// The renewed file, once it is there.
async fn archive(clerk: &mut User, path: &str) -> anyhow::Result<Vec<u8>> {
    let started = Instant::now();
    loop {
        let answer = clerk.get(&format!("{path}/archive")).await?;
        if answer.status.as_u16() == 200 {
            return Ok(answer.body.to_vec());
        }
        anyhow::ensure!(answer.status.as_u16() == 404, "{}", String::from_utf8_lossy(&answer.body));
        anyhow::ensure!(started.elapsed() < RENEWED_WITHIN, "nothing was renewed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_a_sealed_resolution_are_renewed_before_they_end() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let path = sealed(&mut stage).await?;
    let mut clerk = stage.house.user("vanthu").await?;
    assert_eq!(clerk.get(&format!("{path}/archive")).await?.status.as_u16(), 404, "it is not due");
    let document = clerk.get(&path).await?.expect(200)?["document"].as_str().context("document")?.to_owned();
    let sealed = clerk.get(&format!("/api/documents/{document}/content")).await?.body;

    stage.house.stop()?;
    let offset_s = LATER_DAYS * 86_400;
    let moved = clock::moved(offset_s)?;
    stage
        .house
        .set_environment(&moved.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    stage.house.run()?;
    let mut clerk = stage.house.visitor("vanthu")?;
    clerk.set_clock(offset_s);
    clerk.sign_in().await?;
    let renewed = archive(&mut clerk, &path).await?;
    assert!(
        renewed.len() > sealed.len() && renewed.starts_with(&sealed),
        "the sealed file stays bit for bit"
    );

    let file = stage.house.dir().join("../renewed.pdf");
    std::fs::write(&file, &renewed)?;
    let at = cabinet::Timestamp::from_micros(0).plus_seconds(now_s()? + offset_s + 60).iso_vietnam();
    let trust = stage.house.dir().join("trust");
    let verified = tools::run(
        house::program("ecabinet-audit")?,
        &["verify", "--json", "--at", &at, "--trust"]
            .map(std::ffi::OsStr::new)
            .into_iter()
            .chain([trust.as_os_str(), file.as_os_str()])
            .collect::<Vec<_>>(),
    )?;
    let report: serde_json::Value = serde_json::from_slice(&verified.stdout)?;
    assert_eq!(verified.status.code(), Some(0), "{report}");
    for signature in report["signatures"].as_array().context("signatures")? {
        assert_eq!(signature["level"], "B-LTA", "{report}");
    }
    let stamps =
        tools::run("sh", &["-c".as_ref(), "grep -ac /DocTimeStamp \"$0\"".as_ref(), file.as_os_str()])?;
    assert_eq!(tools::said(&stamps).trim(), "2", "one at the seal, one at the renewal");
    Ok(())
}

fn now_s() -> anyhow::Result<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_secs())?)
}
