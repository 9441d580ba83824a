//! Passkeys over the real binary: signing in, keeping one's own, and what unlocks the signing key.

use std::process::Command;

use anyhow::Context as _;
use hyper::Method;
use serde_json::{Value, json};
use tests::authenticator::{self, BACKED_UP, BACKUP_ELIGIBLE, Claim, PRESENT, VERIFIED};
use tests::{Answer, Authenticator, House, User};
use uuid::Uuid;

use crate::stage::Stage;

const KEYS: &str = "/api/session/passkey/keys";
const UNLOCK: &str = "/api/session/passkey/unlock";

fn device(house: &House) -> anyhow::Result<Authenticator> {
    Authenticator::new(house.json("addresses.json")?["public"].as_str().context("public")?)
}

/// Has a signed-in person add the device's passkey.
async fn add(user: &mut User, device: &mut Authenticator) -> anyhow::Result<Answer> {
    let challenge = user.post(&format!("{KEYS}/challenge"), &json!({})).await?.expect(200)?;
    let credential = device.create(&challenge["options"])?;
    let body = json!({"ceremony": challenge["ceremony"], "name": "Máy tính bảng", "credential": credential});
    user.post(KEYS, &body).await
}

/// A sign-in with an answer that may lie.
async fn sign_in(
    user: &mut User,
    device: &mut Authenticator,
    lie: impl FnOnce(&mut Claim),
) -> anyhow::Result<Answer> {
    let challenge = user.post("/api/session/passkey/challenge", &json!({})).await?.expect(200)?;
    let credential = device.prove(&challenge["options"], lie)?;
    let body = json!({"ceremony": challenge["ceremony"], "credential": credential});
    user.post("/api/session/passkey", &body).await
}

/// The canonical texts of all entries of a kind, once there are `n`: entries get their place within a tenth of a second.
async fn entries(auditor: &mut User, kind: &str, n: usize) -> anyhow::Result<Vec<String>> {
    for _ in 0..100 {
        let log = auditor.get("/api/log/entries?limit=1000").await?.expect(200)?;
        let all = log["entries"].as_array().context("entries")?;
        let found: Vec<_> = all
            .iter()
            .filter(|entry| entry["kind"] == kind)
            .filter_map(|entry| entry["body"].as_str().map(str::to_owned))
            .collect();
        if found.len() >= n {
            return Ok(found);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("there are no {n} entries {kind}")
}

type Lie = (&'static str, fn(&mut Claim));

/// What a device, a browser or somebody between may claim falsely. Each is signed with the right key.
const LIES: [Lie; 15] = [
    ("another origin", |claim| claim.origin = "https://phishing.example".to_owned()),
    ("an origin that ends like ours", |claim| {
        claim.origin = claim.origin.replace("localhost", "badlocalhost");
    }),
    ("an origin below ours", |claim| claim.origin = claim.origin.replace("localhost", "www.localhost")),
    ("an origin on another port", |claim| claim.origin = "https://localhost:1".to_owned()),
    ("an origin without TLS", |claim| claim.origin = claim.origin.replace("https", "http")),
    ("a page in another's frame", |claim| claim.cross_origin = true),
    ("another name", |claim| claim.rp = "badlocalhost".to_owned()),
    ("nobody verified", |claim| claim.flags = PRESENT),
    ("nobody present", |claim| claim.flags = VERIFIED),
    ("now copied to other devices", |claim| claim.flags |= BACKUP_ELIGIBLE | BACKED_UP),
    ("copied, though it cannot be", |claim| claim.flags |= BACKED_UP),
    ("another challenge", |claim| claim.challenge = authenticator::encode(&[7; 32])),
    ("a ceremony of another kind", |claim| claim.type_ = "webauthn.create".to_owned()),
    ("a counter that stands still", |claim| claim.counter = 1),
    ("another user's handle", |claim| claim.user = Some(Uuid::new_v4().as_bytes().to_vec())),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_in_and_every_false_answer_is_refused_in_the_same_words() -> anyhow::Result<()> {
    let house = House::start()?;
    let mut device = device(&house)?;
    let mut member = house.user("bt01").await?;
    add(&mut member, &mut device).await?.expect(201)?;

    let mut visitor = house.visitor("bt01")?;
    let refused = sign_in(&mut visitor, &mut Authenticator::new(&device.origin)?, |_| {}).await?;
    assert_eq!(refused.problem(), (401, "sign-in-failed".to_owned()), "a passkey that nobody has");
    for (name, lie) in LIES {
        let answer = sign_in(&mut visitor, &mut device, lie).await?;
        assert_eq!((answer.status, &answer.body), (refused.status, &refused.body), "{name}");
        assert!(!answer.headers.contains_key("set-cookie"), "{name}");
    }
    let mut stranger = house.visitor("bt02")?;
    let without = sign_in(&mut stranger, &mut device, |claim| claim.user = None).await?;
    assert_eq!(without.body, refused.body, "no user handle");
    check_tampered_replayed_and_strange_ones(&mut visitor, &mut device, &refused).await?;

    // In all that, nobody was kept out: the right answer still counts, at once.
    let welcome = sign_in(&mut visitor, &mut device, |_| {}).await?.expect(200)?;
    assert_eq!(welcome["member"]["username"], "bt01");
    let me = visitor.get("/api/session").await?.expect(200)?;
    assert_eq!(me["factors"], json!(["passkey"]));
    visitor.get("/api/meetings").await?.expect(200)?;

    let mut auditor = house.user("kiemtoan").await?;
    let refused = entries(&mut auditor, "session-refused", LIES.len() + 1).await?;
    let n_passkey = refused.iter().filter(|entry| entry.contains("\"step\":\"passkey\"")).count();
    assert!(n_passkey > LIES.len(), "each refusal is an entry: {n_passkey}");
    let opened = entries(&mut auditor, "session-opened", 3).await?;
    assert!(opened.iter().any(|entry| entry.contains("\"factors\":\"passkey\"")), "{opened:?}");
    Ok(())
}

async fn check_tampered_replayed_and_strange_ones(
    visitor: &mut User,
    device: &mut Authenticator,
    refused: &Answer,
) -> anyhow::Result<()> {
    let challenge = visitor.post("/api/session/passkey/challenge", &json!({})).await?.expect(200)?;
    let right = device.prove(&challenge["options"], |_| {})?;
    let mut tampered = right.clone();
    let signature = tampered["response"]["signature"].as_str().context("signature")?;
    let last = if signature.ends_with('A') { "Q" } else { "A" };
    tampered["response"]["signature"] = json!(format!("{}{last}", &signature[..signature.len() - 1]));
    let send = |ceremony: &Value, credential: &Value| json!({"ceremony": ceremony, "credential": credential});
    let path = "/api/session/passkey";
    let ceremony = &challenge["ceremony"];
    assert_eq!(visitor.post(path, &send(ceremony, &tampered)).await?.body, refused.body, "tampered");
    assert_eq!(
        visitor.post(path, &send(ceremony, &right)).await?.body,
        refused.body,
        "a challenge is used up by a wrong answer too"
    );
    let challenge = visitor.post("/api/session/passkey/challenge", &json!({})).await?.expect(200)?;
    let right = device.prove(&challenge["options"], |_| {})?;
    let mut first = visitor.post(path, &send(&challenge["ceremony"], &right)).await?;
    first.headers.clear();
    first.expect(200)?;
    let replayed = visitor.post(path, &send(&challenge["ceremony"], &right)).await?;
    assert_eq!(replayed.body, refused.body, "replayed");
    let challenge = visitor.post("/api/session/passkey/challenge", &json!({})).await?.expect(200)?;
    let old = visitor.post(path, &send(&challenge["ceremony"], &right)).await?;
    assert_eq!(old.body, refused.body, "an old answer to a new challenge");
    for strange in [json!({}), json!(null), json!({"id": "a", "rawId": "!", "type": "x", "response": {}})] {
        let challenge = visitor.post("/api/session/passkey/challenge", &json!({})).await?.expect(200)?;
        let answer = visitor.post(path, &send(&challenge["ceremony"], &strange)).await?;
        assert_eq!(answer.body, refused.body, "{strange}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_keeps_his_own_passkeys_and_nobody_anothers() -> anyhow::Result<()> {
    let house = House::start()?;
    let (mut device, mut member, mut other) =
        (device(&house)?, house.user("bt01").await?, house.user("bt02").await?);

    // One factor adds nothing; nor does an answer to somebody else's challenge.
    let mut half = house.visitor("bt03")?;
    let (name, password) = (half.account["username"].clone(), half.account["password"].clone());
    half.post("/api/session", &json!({"username": name, "password": password})).await?.expect(200)?;
    half.post(&format!("{KEYS}/challenge"), &json!({})).await?.expect(401)?;
    let challenge = member.post(&format!("{KEYS}/challenge"), &json!({})).await?.expect(200)?;
    let credential = device.create(&challenge["options"])?;
    let body = json!({"ceremony": challenge["ceremony"], "name": "Của người khác", "credential": credential});
    assert_eq!(other.post(KEYS, &body).await?.problem(), (409, "passkey-challenge-gone".to_owned()));
    for (name, origin, flags) in [
        ("nobody verified", device.origin.clone(), PRESENT),
        ("another origin", device.origin.replace("localhost", "badlocalhost"), PRESENT | VERIFIED),
    ] {
        let mut liar = device.clone();
        (liar.origin, liar.flags) = (origin, flags);
        let answer = add(&mut member, &mut liar).await?;
        assert_eq!(answer.problem(), (403, "passkey-refused".to_owned()), "{name}");
    }

    device.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    let added = add(&mut member, &mut device).await?.expect(201)?;
    let path = format!("{KEYS}/{}", added["id"].as_str().context("id")?);
    assert_eq!(added["is_synced"], true, "backup flags are on file");
    assert!(added["wrap"].is_null() && added["salt"].as_str().is_some_and(|salt| salt.len() == 43));
    // The same credential on another account would be two people with one key.
    let mut stolen = device.clone();
    assert_eq!(add(&mut other, &mut stolen).await?.problem(), (409, "passkey-not-added".to_owned()));
    assert_eq!(other.get(KEYS).await?.expect(200)?["passkeys"], json!([]));
    other.put(&path, &json!({"name": "Của tôi"})).await?.expect(404)?;
    remove(&mut other, &path).await?.expect(404)?;

    let renamed = member.put(&path, &json!({"name": "Điện thoại"})).await?.expect(200)?;
    assert_eq!(renamed["name"], "Điện thoại");
    sign_in(&mut house.visitor("bt01")?, &mut device, |_| {}).await?.expect(200)?;
    let listed = member.get(KEYS).await?.expect(200)?;
    assert_eq!((listed["passkeys"].as_array().map(Vec::len), &listed["unlock"]), (Some(1), &json!("pin")));
    assert!(listed["passkeys"][0]["used_at"].is_string());
    remove(&mut member, &path).await?.expect(204)?;
    let gone = sign_in(&mut house.visitor("bt01")?, &mut device, |_| {}).await?;
    assert_eq!(gone.problem(), (401, "sign-in-failed".to_owned()), "a removed passkey signs nobody in");

    for _ in 0..8 {
        let mut one_more = Authenticator::new(&device.origin)?;
        add(&mut member, &mut one_more).await?.expect(201)?;
    }
    let ninth = add(&mut member, &mut Authenticator::new(&device.origin)?).await?;
    assert_eq!(ninth.problem(), (409, "passkey-not-added".to_owned()), "eight at most");
    let mut auditor = house.user("kiemtoan").await?;
    for (kind, n) in
        [("passkey-added", 9), ("passkey-named", 1), ("passkey-refused", 3), ("passkey-removed", 1)]
    {
        assert_eq!(entries(&mut auditor, kind, n).await?.len(), n, "{kind}");
    }
    for name in ["ecabinet.sqlite", "ecabinet.sqlite-wal"] {
        let bytes = std::fs::read(house.dir().join("data").join(name))?;
        assert!(!contains(&bytes, "Điện thoại".as_bytes()), "names are sealed");
    }
    Ok(())
}

async fn remove(user: &mut User, path: &str) -> anyhow::Result<Answer> {
    user.send(Method::DELETE, path, "application/json", bytes::Bytes::new(), &[]).await
}

/// What a browser sends to go from one PIN to another.
async fn change(
    user: &mut User,
    device: &mut Authenticator,
    path: &str,
    pins: (&str, &str),
    wrap: Option<&str>,
) -> anyhow::Result<Answer> {
    let challenge = user.post(&format!("{UNLOCK}/challenge"), &json!({})).await?.expect(200)?;
    let credential = device.prove(&challenge["options"], |_| {})?;
    let body = json!({
        "ceremony": challenge["ceremony"], "credential": credential, "pin": pins.0, "new_pin": pins.1, "wrap": wrap,
    });
    user.put(path, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_passkey_unlocks_signs_exactly_what_was_confirmed_and_nothing_without_it()
-> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    let mut member = stage.house.user("bt01").await?;
    let pin = member.account["pin"].as_str().context("PIN")?.to_owned();
    let (mut device, long) = (device(&stage.house)?, authenticator::encode(&[0xa5; 32]));
    let wrap = authenticator::encode(&[1; 72]);
    let added = add(&mut member, &mut device).await?.expect(201)?;

    for (pins, wrap, status, code) in [
        ((&*pin, "654321"), Some(&*wrap), 400, "malformed-request"),
        ((&*pin, &*long), None, 400, "malformed-request"),
        (("00000000", &*long), Some(&*wrap), 422, "pin-incorrect"),
    ] {
        let answer = change(&mut member, &mut device, UNLOCK, pins, wrap).await?;
        assert_eq!(answer.problem(), (status, code.to_owned()));
        let listed = member.get(KEYS).await?.expect(200)?;
        assert_eq!((&listed["unlock"], &listed["passkeys"][0]["wrap"]), (&json!("pin"), &Value::Null));
    }
    let answer = change(&mut member, &mut device, UNLOCK, (&pin, &long), Some(&wrap)).await?;
    answer.expect(204)?;
    let listed = member.get(KEYS).await?.expect(200)?;
    assert_eq!((&listed["unlock"], &listed["passkeys"][0]["wrap"]), (&json!("passkey"), &json!(wrap)));

    let signed = check_ballots(&mut member, &mut device, &vote, &pin, &long).await?;
    let mut auditor = stage.house.user("kiemtoan").await?;
    let ballots = entries(&mut auditor, "ballot-cast", 1).await?;
    assert!(ballots.len() == 1 && ballots[0].contains(&signed), "{ballots:?}");
    // One for the wrong PIN and one for the ballot: both for exactly these bytes.
    let confirmed = entries(&mut auditor, "signing-confirmed", 2).await?;
    assert!(confirmed.iter().all(|entry| entry.contains(&signed)), "{confirmed:?}");

    // The only passkey that unlocks stays; one more that unlocks too lets it go.
    let path = format!("{KEYS}/{}", added["id"].as_str().context("id")?);
    assert_eq!(remove(&mut member, &path).await?.problem(), (409, "passkey-unlocks-signing".to_owned()));
    let mut second = Authenticator::new(&device.origin)?;
    let other = add(&mut member, &mut second).await?.expect(201)?;
    let other = format!("{KEYS}/{}/wrap", other["id"].as_str().context("id")?);
    let mut copy = device.clone();
    for (n, by, pin, status) in
        [(100, &mut second, &long, 403), (200, &mut copy, &pin, 422), (300, &mut device, &long, 204)]
    {
        let challenge = member.post(&format!("{UNLOCK}/challenge"), &json!({})).await?.expect(200)?;
        by.counter = n;
        let credential = by.prove(&challenge["options"], |_| {})?;
        let body =
            json!({"ceremony": challenge["ceremony"], "credential": credential, "pin": pin, "wrap": wrap});
        member.put(&other, &body).await?.expect(status)?;
    }
    remove(&mut member, &path).await?.expect(204)?;
    let stale = change(&mut member, &mut device, &format!("{UNLOCK}/pin"), (&long, &pin), None).await?;
    assert_eq!(stale.problem(), (403, "passkey-refused".to_owned()), "a removed passkey changes nothing");

    let long_again = change(&mut member, &mut second, &format!("{UNLOCK}/pin"), (&long, &long), None).await?;
    assert_eq!(long_again.problem(), (422, "pin-malformed".to_owned()));
    change(&mut member, &mut second, &format!("{UNLOCK}/pin"), (&long, &pin), None).await?.expect(204)?;
    member.cast(&vote, "disagree").await?.expect(201)?;
    assert_eq!(
        member.get(KEYS).await?.expect(200)?["passkeys"][0]["wrap"],
        Value::Null,
        "every wrap is gone"
    );
    Ok(())
}

async fn check_ballots(
    member: &mut User,
    device: &mut Authenticator,
    vote: &str,
    pin: &str,
    long: &str,
) -> anyhow::Result<String> {
    let path = format!("/api/votes/{vote}/ballots");
    let choice = json!({"choice": "agree"});
    let prepared = member.post(&format!("{path}/prepare"), &choice).await?.expect(200)?;
    let digest = prepared["digest"].as_str().context("digest")?.to_owned();
    let body = |activation: Value| json!({"choice": "agree", "statement": prepared["statement"], "activation": activation});
    let key = || Uuid::new_v4().to_string();
    for (name, activation) in
        [("the old PIN", json!({"pin": pin})), ("the long PIN alone", json!({"pin": long}))]
    {
        let answer = member.act(&path, &body(activation), &key()).await?;
        assert_eq!(answer.problem(), (403, "passkey-required".to_owned()), "{name}");
    }
    for (name, lie) in LIES {
        let passkey = device.confirm(&digest, lie)?;
        let answer = member.act(&path, &body(json!({"pin": long, "passkey": passkey})), &key()).await?;
        assert_eq!(answer.problem(), (403, "passkey-refused".to_owned()), "{name}");
    }
    let other = "0".repeat(64);
    let passkey = device.confirm(&other, |_| {})?;
    let answer = member.act(&path, &body(json!({"pin": long, "passkey": passkey})), &key()).await?;
    assert_eq!(answer.problem(), (403, "passkey-refused".to_owned()), "confirmed for something else");
    let passkey = device.confirm(&digest, |_| {})?;
    let answer = member.act(&path, &body(json!({"pin": pin, "passkey": passkey})), &key()).await?;
    assert_eq!(answer.problem(), (422, "pin-incorrect".to_owned()), "the token itself has another PIN now");
    let passkey = device.confirm(&digest, |_| {})?;
    let activation = json!({"pin": long, "passkey": passkey});
    let receipt = member.act(&path, &body(activation.clone()), &key()).await?.expect(201)?;
    assert_eq!(receipt["statement_digest"], prepared["digest"]);
    let again = member.act(&path, &body(activation), &key()).await?;
    assert_eq!(
        again.problem(),
        (409, "statement-stale".to_owned()),
        "the same statement does not count twice"
    );
    Ok(digest)
}

/// The states that a crash leaves on disk, before and after the token was asked, in both directions.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_pin_that_was_cut_off_signs_nothing_until_its_owner_shows_which_pin_opens()
-> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    let mut member = stage.house.user("bt01").await?;
    let pin = member.account["pin"].as_str().context("PIN")?.to_owned();
    let (mut device, long) = (device(&stage.house)?, authenticator::encode(&[0x3c; 32]));
    let wrap = authenticator::encode(&[2; 72]);
    add(&mut member, &mut device).await?.expect(201)?;
    let settle = format!("{UNLOCK}/settlement");
    let unchanged = member.put(&settle, &json!({"pin": pin})).await?;
    assert_eq!(unchanged.problem(), (409, "unlock-changed".to_owned()), "there is no doubt");
    change(&mut member, &mut device, UNLOCK, (&pin, &long), Some(&wrap)).await?.expect(204)?;

    // After the token: the long PIN opens, and nobody wrote it down yet.
    cut_off(&mut stage, &mut member, "to-passkey")?;
    let refused = member.cast(&vote, "agree").await?;
    assert_eq!(refused.problem(), (409, "unlock-in-doubt".to_owned()));
    let listed = member.get(KEYS).await?.expect(200)?;
    assert_eq!((&listed["unlock"], &listed["passkeys"][0]["wrap"]), (&json!("to-passkey"), &json!(wrap)));
    let path = format!("{KEYS}/{}", listed["passkeys"][0]["id"].as_str().context("id")?);
    assert_eq!(remove(&mut member, &path).await?.problem(), (409, "passkey-unlocks-signing".to_owned()));
    let wrong = member.put(&settle, &json!({"pin": pin})).await?;
    assert_eq!(wrong.problem(), (422, "pin-incorrect".to_owned()), "it is not the short one: try the other");
    member.put(&settle, &json!({"pin": long})).await?.expect(204)?;
    assert_eq!(member.get(KEYS).await?.expect(200)?["unlock"], "passkey");

    // On the way back, before the token was asked: the long PIN still opens, and its wrap is still there.
    cut_off(&mut stage, &mut member, "to-pin")?;
    member.put(&settle, &json!({"pin": long})).await?.expect(204)?;
    let listed = member.get(KEYS).await?.expect(200)?;
    assert_eq!((&listed["unlock"], &listed["passkeys"][0]["wrap"]), (&json!("passkey"), &json!(wrap)));

    // And after it: the new short PIN opens.
    device.origin = stage.house.json("addresses.json")?["public"].as_str().context("public")?.to_owned();
    change(&mut member, &mut device, &format!("{UNLOCK}/pin"), (&long, &pin), None).await?.expect(204)?;
    cut_off(&mut stage, &mut member, "to-pin")?;
    member.put(&settle, &json!({"pin": pin})).await?.expect(204)?;
    member.cast(&vote, "agree").await?.expect(201)?;
    Ok(())
}

/// Kills the appliance, leaves the member's row as a crash would, and starts it again.
fn cut_off(stage: &mut Stage, member: &mut User, state: &str) -> anyhow::Result<()> {
    stage.house.kill()?;
    let database = stage.house.dir().join("data/ecabinet.sqlite");
    let script = "import sqlite3, sys\n\
        base = sqlite3.connect(sys.argv[1])\n\
        base.execute('delete from unlocks')\n\
        base.execute('insert into unlocks select person, ?, 0 from passkeys limit 1', (sys.argv[2],))\n\
        base.commit()";
    let output = Command::new("python3").args(["-c", script]).arg(database).arg(state).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stage.house.run()?;
    member.move_to(&stage.house.json("addresses.json")?)
}

/// Disk, database and token folder in hand, and the wrap of the long PIN: the old PIN opens nothing, nor does any
/// other of six digits that is tried; the million of them is `every_pin_of_six_digits_fails_against_a_long_one`.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_all_files_does_not_open_the_key_of_a_member_whose_passkey_unlocks_it()
-> anyhow::Result<()> {
    let mut house = House::start()?;
    let mut member = house.user("bt01").await?;
    let pin = member.account["pin"].as_str().context("PIN")?.to_owned();
    let (mut device, long) = (device(&house)?, authenticator::encode(&[0x5a; 32]));
    add(&mut member, &mut device).await?.expect(201)?;
    let wrap = authenticator::encode(&[1; 72]);
    let token = token_that_opens(&house, &pin, &member)?;
    change(&mut member, &mut device, UNLOCK, (&pin, &long), Some(&wrap)).await?.expect(204)?;
    house.stop()?;

    assert!(!opens(&house, &token, &pin)?, "the PIN of accounts.json");
    for guess in 0..40 {
        assert!(!opens(&house, &token, &format!("{guess:06}"))?);
    }
    assert!(!opens(&house, &token, &wrap)?, "what is on disk of the long PIN");
    assert!(opens(&house, &token, &long)?, "the long PIN itself, which is in no file");
    let mut folders = vec![house.dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path)?;
                assert!(!contains(&bytes, long.as_bytes()), "{}", path.display());
            }
        }
    }
    assert!(!contains(&std::fs::read(house.log())?, long.as_bytes()), "no log line holds it");
    Ok(())
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// The label of the member's token, by a tool that is not ours.
fn token_that_opens(house: &House, pin: &str, member: &User) -> anyhow::Result<String> {
    let username = member.account["username"].as_str().context("username")?;
    let listed = pkcs11_tool(house, &["-L"])?;
    let labels = listed.lines().filter_map(|line| line.split_once("token label")).map(|(_, label)| label);
    let label = labels
        .map(|label| label.trim_start_matches([' ', ':']).trim())
        .find(|label| label.contains(username));
    let label = label.with_context(|| format!("no token of {username} in:\n{listed}"))?.to_owned();
    anyhow::ensure!(opens(house, &label, pin)?, "the PIN opens {label} before");
    Ok(label)
}

fn opens(house: &House, token: &str, pin: &str) -> anyhow::Result<bool> {
    let listed =
        pkcs11_tool(house, &["--token-label", token, "--login", "--pin", pin, "-O", "--type", "privkey"])?;
    Ok(listed.contains("Private Key Object"))
}

fn pkcs11_tool(house: &House, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("pkcs11-tool")
        .args(["--module", "/usr/lib/softhsm/libsofthsm2.so"])
        .args(arguments)
        .env("SOFTHSM2_CONF", house.dir().join("softhsm2.conf"))
        .output()
        .context("pkcs11-tool, of the package opensc")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
