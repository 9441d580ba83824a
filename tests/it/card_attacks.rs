//! What an attacker tries with prepared signatures: none counts but the holder's own, once, over exactly these bytes.

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::{Answer, House, User};

use crate::card::{CardInHand, HeldBack, base64, house_with, house_with_cards, key, to_sign};
use crate::stage::Stage;
use crate::{clock, log};

/// A vote in which somebody prepares and completes.
struct Attempt<'a> {
    user: &'a mut User,
    path: String,
}

impl Attempt<'_> {
    async fn prepare(&mut self, choice: &str) -> anyhow::Result<Answer> {
        self.user.post(&self.path, &json!({"choice": choice})).await
    }

    async fn prepared(&mut self, choice: &str) -> anyhow::Result<(String, Vec<u8>)> {
        let prepared = self.prepare(choice).await?.expect(201)?;
        Ok((id(&prepared)?, to_sign(&prepared)?))
    }

    async fn complete(&mut self, id: &str, signature: &str) -> anyhow::Result<Answer> {
        complete(self.user, &self.path, id, signature).await
    }

    /// How many versions of his ballot were recorded.
    async fn n_cast(&mut self) -> anyhow::Result<u64> {
        let vote = self.path.trim_end_matches("/ballots/card");
        let view = self.user.get(vote).await?.expect(200)?;
        Ok(view["mine"]["ballot"]["version"].as_u64().unwrap_or(0))
    }
}

async fn complete(user: &mut User, path: &str, id: &str, signature: &str) -> anyhow::Result<Answer> {
    user.act(&format!("{path}/{id}"), &json!({"signature": signature}), &key()).await
}

fn id(prepared: &Value) -> anyhow::Result<String> {
    Ok(prepared["to_sign"]["id"].as_str().context("id")?.to_owned())
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.problem(), (status, code.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_enrolled_cards_signature_over_the_prepared_bytes_counts_and_only_once() -> anyhow::Result<()>
{
    let members = [("thutuong", true), ("bt01", true), ("bt02", false), ("bt03", true)];
    let (house, cards) = house_with(&members, &[HeldBack("bt03")])?;
    let [leader, card, beside, anothers] = cards.as_slice() else { anyhow::bail!("four cards") };
    let mut stage = Stage::in_session_at(house).await?;
    let vote = stage.open_vote().await?;
    let path = format!("/api/votes/{vote}/ballots/card");
    let mut user = stage.house.user("bt01").await?;
    let mut attempt = Attempt { user: &mut user, path: path.clone() };

    // Another digest, another key, no signature at all: each uses up what was prepared.
    let (first, bytes) = attempt.prepared("agree").await?;
    refused(&attempt.complete(&first, &card.sign(b"other bytes")?).await?, 422, "signature-invalid");
    refused(&attempt.complete(&first, &card.sign(&bytes)?).await?, 409, "nothing-prepared");
    for wrong in [anothers.sign(&bytes)?, base64(&[7; 64]), base64(&[0; 64]), base64(b""), base64(&[1; 4096])]
    {
        let (prepared, _) = attempt.prepared("agree").await?;
        refused(&attempt.complete(&prepared, &wrong).await?, 422, "signature-invalid");
    }
    // The signature of what was prepared before is over another nonce, time and choice.
    let (_, earlier) = attempt.prepared("disagree").await?;
    let (replacing, _) = attempt.prepared("agree").await?;
    refused(&attempt.complete(&replacing, &card.sign(&earlier)?).await?, 422, "signature-invalid");
    assert_eq!(attempt.n_cast().await?, 0);

    bound_to_session_and_member(&stage, &mut attempt, card, anothers).await?;
    counted_once(&mut attempt, card).await?;
    suspended_or_revoked(&stage, &mut attempt, card).await?;
    another_version(&stage, &path, beside).await?;
    let mut without = stage.house.user("bt04").await?;
    let none = Attempt { user: &mut without, path: path.clone() }.prepare("agree").await?;
    refused(&none, 409, "no-signing-card");
    let mut guest = stage.house.user("khach").await?;
    let guest = Attempt { user: &mut guest, path: path.clone() }.prepare("agree").await?;
    assert!([403, 404].contains(&guest.status.as_u16()), "{:?}", guest.problem());

    for mut voter in stage.voters().await? {
        let name = voter.account["username"].as_str().unwrap_or_default().to_owned();
        if !["thutuong", "bt01", "bt03"].contains(&name.as_str()) {
            voter.cast(&vote, "agree").await?.expect(201)?;
        }
    }
    let n_cast = attempt.n_cast().await?;
    let (late, bytes) = attempt.prepared("disagree").await?;
    stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    refused(&attempt.complete(&late, &card.sign(&bytes)?).await?, 409, "vote-closed");
    refused(&attempt.prepare("agree").await?, 409, "vote-closed");
    assert_eq!(attempt.n_cast().await?, n_cast);

    resolution(&mut stage, &vote, leader, card).await?;
    what_the_log_says(&stage.house).await
}

/// What waits is for one member in one session, about one vote.
async fn bound_to_session_and_member(
    stage: &Stage,
    attempt: &mut Attempt<'_>,
    card: &CardInHand,
    anothers: &CardInHand,
) -> anyhow::Result<()> {
    let (prepared, bytes) = attempt.prepared("agree").await?;
    let signature = card.sign(&bytes)?;
    for name in ["bt01", "bt03", "thutuong"] {
        let mut other = stage.house.user(name).await?;
        let answer = complete(&mut other, &attempt.path, &prepared, &signature).await?;
        refused(&answer, 409, "nothing-prepared");
        let answer = complete(&mut other, &attempt.path, &prepared, &anothers.sign(&bytes)?).await?;
        refused(&answer, 409, "nothing-prepared");
        if name == "bt01" {
            let mut posing = Attempt { user: &mut other, path: attempt.path.clone() };
            let (replacing, _) = posing.prepared("disagree").await?;
            refused(&posing.complete(&replacing, &signature).await?, 422, "signature-invalid");
        }
    }
    let elsewhere = format!("/api/votes/{}/ballots/card", uuid::Uuid::new_v4());
    refused(&complete(attempt.user, &elsewhere, &prepared, &signature).await?, 404, "not-found");
    assert_eq!(attempt.n_cast().await?, 0);
    // None of that used it up.
    attempt.complete(&prepared, &signature).await?.expect(201)?;
    assert_eq!(attempt.n_cast().await?, 1);
    Ok(())
}

/// The same request gets the same receipt, and nothing else is had with the same signature.
async fn counted_once(attempt: &mut Attempt<'_>, card: &CardInHand) -> anyhow::Result<()> {
    refused(&attempt.prepare("other_opinion").await?, 422, "comment-needed");
    let (prepared, bytes) = attempt.prepared("disagree").await?;
    let signature = card.sign(&bytes)?;
    let (path, key) = (format!("{}/{prepared}", attempt.path), key());
    let body = json!({"signature": signature});
    let receipt = attempt.user.act(&path, &body, &key).await?.expect(201)?;
    assert_eq!(attempt.user.act(&path, &body, &key).await?.expect(201)?, receipt, "same key, same answer");
    let other = json!({"signature": card.sign(b"other")?});
    refused(&attempt.user.act(&path, &other, &key).await?, 422, "idempotency-key-reused");
    refused(&attempt.complete(&prepared, &signature).await?, 409, "nothing-prepared");
    let (next, _) = attempt.prepared("agree").await?;
    refused(&attempt.complete(&next, &signature).await?, 422, "signature-invalid");
    assert_eq!(attempt.n_cast().await?, 2);
    Ok(())
}

/// A card that a security officer suspended signs nothing, also what was prepared before; one that its authority holds
/// is not asked at all.
async fn suspended_or_revoked(
    stage: &Stage,
    attempt: &mut Attempt<'_>,
    card: &CardInHand,
) -> anyhow::Result<()> {
    let mut officer = stage.house.user("anninh1").await?;
    let listed = officer.get("/api/keys").await?.expect(200)?;
    let fingerprint = card.certificate.fingerprint().to_string();
    let label = format!("card:bt01:{}", &fingerprint[..8]);
    let keys = listed["keys"].as_array().context("keys")?;
    let row = keys.iter().find(|key| key["label"] == *label).context("the card is listed")?;
    assert_eq!((&row["part"], &row["state"]), (&json!("card"), &json!("active")));
    let path = format!("/api/keys/{label}/suspension");
    let (prepared, bytes) = attempt.prepared("agree").await?;
    refused(&attempt.user.post(&path, &json!({"reason": "other"})).await?, 403, "not-permitted");
    let suspended = officer.post(&path, &json!({"reason": "compromise-suspected"})).await?;
    assert_eq!(suspended.status.as_u16(), 204, "{:?}", suspended.problem());
    refused(&attempt.complete(&prepared, &card.sign(&bytes)?).await?, 409, "key-suspended");
    refused(&attempt.prepare("agree").await?, 409, "key-suspended");
    assert_eq!(attempt.n_cast().await?, 2);
    let resumed =
        officer.send(hyper::Method::DELETE, &path, "application/json", bytes::Bytes::new(), &[]).await?;
    assert_eq!(resumed.status.as_u16(), 204);
    let (prepared, bytes) = attempt.prepared("agree").await?;
    attempt.complete(&prepared, &card.sign(&bytes)?).await?.expect(201)?;

    let mut held = stage.house.user("bt03").await?;
    let answer = Attempt { user: &mut held, path: attempt.path.clone() }.prepare("agree").await?;
    refused(&answer, 409, "certificate-revoked");
    Ok(())
}

/// A ballot that was cast meanwhile, with the other key, makes what was prepared stale.
async fn another_version(stage: &Stage, path: &str, beside: &CardInHand) -> anyhow::Result<()> {
    let mut user = stage.house.user("bt02").await?;
    let vote = path.trim_start_matches("/api/votes/").trim_end_matches("/ballots/card").to_owned();
    let mut attempt = Attempt { user: &mut user, path: path.to_owned() };
    let (prepared, bytes) = attempt.prepared("disagree").await?;
    attempt.user.cast(&vote, "agree").await?.expect(201)?;
    refused(&attempt.complete(&prepared, &beside.sign(&bytes)?).await?, 409, "changed-meanwhile");
    assert_eq!(attempt.n_cast().await?, 1);
    Ok(())
}

/// The same for the authorised person's signature.
async fn resolution(
    stage: &mut Stage,
    vote: &str,
    leader: &CardInHand,
    other: &CardInHand,
) -> anyhow::Result<()> {
    let draft =
        stage.secretary.post(&format!("/api/votes/{vote}/resolution"), &json!({})).await?.expect(201)?;
    let resolution = format!("/api/resolutions/{}", draft["id"].as_str().context("resolution")?);
    let path = format!("{resolution}/signature/card");
    let shown = json!({"digest": draft["digest"]});
    let stale = stage.chair.post(&path, &json!({"digest": "0".repeat(64)})).await?;
    refused(&stale, 409, "statement-stale");
    let (mut prepared, mut bytes) = (String::new(), Vec::new());
    for wrong in [None, Some(other)] {
        let answer = stage.chair.post(&path, &shown).await?.expect(201)?;
        (prepared, bytes) = (id(&answer)?, to_sign(&answer)?);
        let value = match wrong {
            Some(card) => card.sign(&bytes)?,
            None => leader.sign(b"other bytes")?,
        };
        refused(&complete(&mut stage.chair, &path, &prepared, &value).await?, 422, "signature-invalid");
    }
    let signature = leader.sign(&bytes)?;
    refused(&complete(&mut stage.chair, &path, &prepared, &signature).await?, 409, "nothing-prepared");
    let gone = stage.chair.get(&format!("{path}/{prepared}")).await?;
    refused(&gone, 409, "nothing-prepared");
    let answer = stage.chair.post(&path, &shown).await?.expect(201)?;
    let (prepared, bytes) = (id(&answer)?, to_sign(&answer)?);
    let mut elsewhere = stage.house.user("thutuong").await?;
    let signature = leader.sign(&bytes)?;
    refused(&complete(&mut elsewhere, &path, &prepared, &signature).await?, 409, "nothing-prepared");
    let mut member = stage.house.user("bt01").await?;
    assert!([403, 404].contains(&complete(&mut member, &path, &prepared, &signature).await?.status.as_u16()));
    let view = stage.chair.get(&resolution).await?.expect(200)?;
    assert_eq!((&view["state"], &view["digest"]), (&json!("draft"), &draft["digest"]), "nothing was signed");
    let signed = complete(&mut stage.chair, &path, &prepared, &signature).await?.expect(200)?;
    assert_eq!(signed["state"], "signed");
    let again = stage.chair.post(&path, &shown).await?;
    refused(&again, 409, "resolution-already-signed");
    Ok(())
}

/// Every try stands in the log: as an intention that was closed with its reason, or as a refusal.
async fn what_the_log_says(house: &House) -> anyhow::Result<()> {
    let mut auditor = house.user("kiemtoan").await?;
    let words = [
        "act-refused",
        "nothing-prepared",
        "signature-invalid",
        "key-suspended",
        "replaced",
        "vote-closed",
        "changed-meanwhile",
    ];
    log::until(&mut auditor, |entries| has_all(entries, &words)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_or_through_a_restart_is_gone_and_the_log_says_so() -> anyhow::Result<()> {
    let (mut house, cards) = house_with_cards(&[("bt01", true)])?;
    let [card] = cards.as_slice() else { anyhow::bail!("one card") };
    house.stop()?;
    let offset = tempfile::NamedTempFile::new()?;
    std::fs::write(offset.path(), "+0s\n")?;
    let mut environment = clock::moved(0)?.to_vec();
    environment.retain(|(name, _)| *name != "FAKETIME");
    let place = offset.path().display().to_string();
    environment.extend([("FAKETIME_TIMESTAMP_FILE", place), ("FAKETIME_NO_CACHE", "1".to_owned())]);
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    house.set_environment(&environment);
    house.run()?;
    let mut stage = Stage::in_session_at(house).await?;
    let vote = stage.open_vote().await?;
    let path = format!("/api/votes/{vote}/ballots/card");
    let mut user = stage.house.user("bt01").await?;
    let mut attempt = Attempt { user: &mut user, path: path.clone() };

    let (prepared, bytes) = attempt.prepared("agree").await?;
    std::fs::write(offset.path(), "+301s\n")?;
    refused(&attempt.complete(&prepared, &card.sign(&bytes)?).await?, 409, "nothing-prepared");
    let (prepared, bytes) = attempt.prepared("agree").await?;
    std::fs::write(offset.path(), "+590s\n")?;
    attempt.complete(&prepared, &card.sign(&bytes)?).await?.expect(201)?;

    let (prepared, bytes) = attempt.prepared("disagree").await?;
    stage.house.kill()?;
    stage.house.run()?;
    let addresses = stage.house.json("addresses.json")?;
    attempt.user.move_to(&addresses)?;
    refused(&attempt.complete(&prepared, &card.sign(&bytes)?).await?, 409, "nothing-prepared");
    assert_eq!(attempt.n_cast().await?, 1);
    let (prepared, bytes) = attempt.prepared("disagree").await?;
    attempt.complete(&prepared, &card.sign(&bytes)?).await?.expect(201)?;
    assert_eq!(attempt.n_cast().await?, 2);

    let mut auditor = stage.house.visitor("kiemtoan")?;
    auditor.set_clock(590);
    auditor.sign_in().await?;
    log::until(&mut auditor, |entries| has_all(entries, &["expired", "cut-off"])).await?;
    Ok(())
}

fn has_all(entries: &Value, words: &[&str]) -> bool {
    let entries = entries.to_string();
    words.iter().all(|word| entries.contains(word))
}
