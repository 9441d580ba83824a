//! Under strace: what is acknowledged was synced before the answer went out.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::stage::Stage;

/// A ballot is two acts, the intention and the record: each is synced before the answer.
const N_SYNCS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_is_synced_to_disk_before_its_answer_goes_out() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    let mut member = stage.house.user("bt01").await?;
    // The connection is open and idle: the next thing written to it is the answer.
    member.get("/api/session").await?.expect(200)?;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let trace = stage.house.dir().join("../trace");
    let mut strace = Command::new("strace")
        .args(["-f", "-yy", "-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg", "-o"])
        .arg(&trace)
        .args(["-p", &stage.house.pid()?.to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .context("apt-get install strace")?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    member.cast(&vote, "agree").await?.expect(201)?;
    Command::new("kill").args(["-INT", &strace.id().to_string()]).status()?;
    strace.wait()?;

    let trace = std::fs::read_to_string(&trace)?;
    let answer = trace
        .lines()
        .position(|line| line.contains("<TCP:["))
        .with_context(|| format!("no answer:\n{trace}"))?;
    let before = trace.lines().take(answer);
    let n_syncs =
        before.filter(|line| line.contains("sync(") && line.contains("ecabinet.sqlite-wal")).count();
    assert!(n_syncs >= N_SYNCS, "{n_syncs} syncs before the answer:\n{trace}");
    Ok(())
}
