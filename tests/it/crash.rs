//! SIGKILL while ballots arrive: every acknowledged ballot is there, none twice, and the log verifies.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::User;
use uuid::Uuid;

use crate::stage::Stage;

/// Rounds of killing and starting again.
const N_ROUNDS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_ballot_survives_being_killed_and_none_counts_twice() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    let mut voters = stage.voters().await?;
    // Receipts that were acknowledged, by member; a new key each round is the ballot's next version.
    let mut acknowledged: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for round in 0..N_ROUNDS {
        let casting: Vec<_> = voters.drain(..).map(|voter| tokio::spawn(cast(voter, vote.clone()))).collect();
        // Spread over the time that 25 ballots take: between the first and after the last.
        tokio::time::sleep(Duration::from_millis(7 + round * 37 % 600)).await;
        stage.house.kill()?;
        for cast in casting {
            let (voter, receipt) = cast.await?;
            let name = voter.account["username"].as_str().context("name")?.to_owned();
            acknowledged.entry(name).or_default().extend(receipt);
            voters.push(voter);
        }
        stage.house.run()?;
        // The listeners have other ports now; the sessions are still in force.
        for voter in &mut voters {
            voter.move_to(&stage.house.json("addresses.json")?)?;
        }
        check(&mut voters, &vote, &acknowledged).await?;
    }
    let n: usize = acknowledged.values().map(Vec::len).sum();
    assert!(n > 0, "no round let a ballot through: nothing was tested");
    stage.chair.move_to(&stage.house.json("addresses.json")?)?;
    let closed = stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    assert!(closed["outcome"]["n_agree"].as_u64().is_some_and(|n| n >= 1), "{closed}");
    verify_evidence(&stage, &vote).await
}

async fn cast(mut voter: User, vote: String) -> (User, Option<Value>) {
    let body = json!({"choice": "agree", "activation": voter.activation()});
    let path = format!("/api/votes/{vote}/ballots");
    let answer = voter.act(&path, &body, &Uuid::new_v4().to_string()).await;
    let receipt = answer.ok().filter(|answer| answer.status.as_u16() == 201).map(|answer| answer.json());
    voter.hang_up();
    (voter, receipt)
}

/// Each member's last ballot is at least the last that was acknowledged, and its version says that none is missing.
async fn check(
    voters: &mut [User],
    vote: &str,
    acknowledged: &BTreeMap<String, Vec<Value>>,
) -> anyhow::Result<()> {
    for voter in voters {
        let name = voter.account["username"].as_str().context("name")?.to_owned();
        let Some(last) = acknowledged.get(&name).and_then(|receipts| receipts.last()) else { continue };
        let view = voter.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
        let ballot = &view["mine"]["ballot"];
        let (found, promised) = (ballot["version"].as_u64(), last["version"].as_u64());
        assert!(found >= promised, "{name}: promised version {promised:?}, found {found:?}");
        if found == promised {
            assert_eq!(ballot["receipt"], *last, "{name}: the receipt is the one that was given");
        }
    }
    Ok(())
}

async fn verify_evidence(stage: &Stage, vote: &str) -> anyhow::Result<()> {
    let mut auditor = stage.house.user("kiemtoan").await?;
    let bundle = auditor.get(&format!("/api/votes/{vote}/evidence")).await?;
    bundle.expect(200)?;
    let path = stage.house.dir().join("../bundle.json");
    std::fs::write(&path, &bundle.body)?;
    let trust = stage.house.dir().join("trust");
    let output = tests::tools::run(
        tests::house::program("ecabinet-audit")?,
        &["verify".as_ref(), path.as_os_str(), "--trust".as_ref(), trust.as_os_str()],
    )?;
    assert_eq!(output.status.code(), Some(0), "{}", tests::tools::said(&output));
    Ok(())
}
