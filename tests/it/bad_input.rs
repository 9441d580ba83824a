//! Bad input: each a clear error with a code, and nothing changed.

use anyhow::Context as _;
use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use tests::{House, User, tools};
use uuid::Uuid;

use crate::clock;
use crate::stage::Stage;

/// Status and code of an answer.
#[track_caller]
fn check(answer: &tests::Answer, status: u16, code: &str) {
    assert_eq!(answer.problem(), (status, code.to_owned()), "{}", String::from_utf8_lossy(&answer.body));
    let kind = answer.headers.get("content-type").map(|kind| kind.as_bytes().to_vec());
    assert_eq!(kind.as_deref(), Some(b"application/problem+json".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_refuse_wrong_pins_late_ballots_substitutes_guests_and_strangers() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    let path = format!("/api/votes/{vote}/ballots");
    let mut member = stage.house.user("bt01").await?;
    let cast = |pin: &str| json!({"choice": "agree", "activation": {"pin": pin}});
    let key = || Uuid::new_v4().to_string();

    let missing = member.post(&path, &cast("00000000")).await?;
    check(&missing, 400, "idempotency-key-missing");
    for tries_left in [4, 3] {
        let wrong = member.act(&path, &cast("00000000"), &key()).await?;
        check(&wrong, 422, "pin-incorrect");
        assert_eq!(wrong.json()["tries_left"], tries_left, "counted once each, never retried by itself");
    }
    let short = member.act(&path, &cast("1"), &key()).await?;
    check(&short, 422, "pin-malformed");
    let wordless = json!({"choice": "other_opinion", "activation": member.activation()});
    check(&member.act(&path, &wordless, &key()).await?, 422, "comment-needed");
    let unknown = json!({"choice": "abstain", "activation": member.activation()});
    check(&member.act(&path, &unknown, &key()).await?, 400, "malformed-request");
    assert_eq!(member.get(&format!("/api/votes/{vote}")).await?.json()["mine"]["ballot"], json!(null));

    for (username, status, code) in [
        ("khach", 404, "not-found"),
        ("troly", 403, "not-permitted"),
        ("thuky", 403, "not-permitted"),
        ("vanthu", 404, "not-found"),
        ("kiemtoan", 404, "not-found"),
        ("vanhanh", 404, "not-found"),
    ] {
        let mut other = stage.house.user(username).await?;
        let body = json!({"choice": "agree", "activation": other.activation()});
        check(&other.act(&path, &body, &key()).await?, status, code);
    }

    let used = key();
    member
        .act(&path, &json!({"choice": "agree", "activation": member.activation()}), &used)
        .await?
        .expect(201)?;
    let other = json!({"choice": "disagree", "activation": member.activation()});
    check(&member.act(&path, &other, &used).await?, 422, "idempotency-key-reused");

    check(&member.post(&format!("/api/votes/{vote}/close"), &json!({})).await?, 403, "not-permitted");
    stage.chair.post(&format!("/api/votes/{vote}/close"), &json!({})).await?.expect(200)?;
    let late = json!({"choice": "disagree", "activation": member.activation()});
    check(&member.act(&path, &late, &key()).await?, 409, "vote-closed");
    let mut silent = stage.house.user("bt20").await?;
    let late = json!({"choice": "agree", "activation": silent.activation()});
    check(&silent.act(&path, &late, &key()).await?, 409, "vote-closed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_substitute_speaks_but_does_not_vote_and_too_many_wrong_pins_lock() -> anyhow::Result<()> {
    let mut stage = Stage::invited().await?;
    let names = stage.house.member_names()?;
    let ids = stage.ids(&names).await?;
    let substitute = stage.ids(&["troly".to_owned()]).await?;
    let (absent, present) = (ids.last().context("member")?, &ids[..ids.len() - 1]);
    let path = format!("/api/meetings/{}", stage.meeting);
    let roll =
        json!({"members": ids, "substitutes": [{"person": substitute[0], "for": absent}], "guests": []});
    stage.secretary.put(&format!("{path}/roll"), &roll).await?.expect(200)?;
    let twice = json!({"members": ids, "substitutes": [{"person": absent, "for": absent}], "guests": []});
    check(&stage.secretary.put(&format!("{path}/roll"), &twice).await?, 422, "duplicate-on-roll");
    let no_pm = json!({"members": ids[1..], "substitutes": [], "guests": []});
    check(&stage.secretary.put(&format!("{path}/roll"), &no_pm).await?, 422, "prime-minister-missing");

    stage.chair.post(&format!("{path}/open"), &json!({})).await?.expect(200)?;
    let early = stage.chair.post(&format!("/api/items/{}/votes", stage.item), &json!({})).await?;
    check(&early, 409, "quorum-not-reached");
    let few = json!({"in_room": present[..17], "elsewhere": present[17..]});
    stage.secretary.put(&format!("{path}/attendance"), &few).await?.expect(200)?;
    let early = stage.chair.post(&format!("/api/items/{}/votes", stage.item), &json!({})).await?;
    check(&early, 409, "quorum-not-reached");
    let enough = json!({"in_room": present[..18], "elsewhere": []});
    stage.secretary.put(&format!("{path}/attendance"), &enough).await?.expect(200)?;
    let vote = stage.open_vote().await?;

    let path = format!("/api/votes/{vote}/ballots");
    let mut substitute = stage.house.user("troly").await?;
    substitute.get(&format!("/api/votes/{vote}")).await?.expect(200)?;
    check(&substitute.cast(&vote, "agree").await?, 403, "not-permitted");

    let mut member = stage.house.user("bt02").await?;
    for n in 0..6 {
        let body = json!({"choice": "agree", "activation": {"pin": "12345678901"}});
        let answer = member.act(&path, &body, &Uuid::new_v4().to_string()).await?;
        if n < 5 { check(&answer, 422, "pin-incorrect") } else { check(&answer, 423, "pin-locked") }
    }
    check(&member.cast(&vote, "agree").await?, 423, "pin-locked");

    let id = stage.ids(&["bt02".to_owned()]).await?[0].as_str().context("id")?.to_owned();
    let unlock = format!("/api/people/{id}/wrong-pins");
    let delete = async |user: &mut User, path: &str| {
        user.send(Method::DELETE, path, "application/json", Bytes::new(), &[]).await
    };
    check(&delete(&mut member, &unlock).await?, 403, "not-permitted");
    let mut officer = stage.house.user("anninh1").await?;
    check(&delete(&mut officer, &format!("/api/people/{}/wrong-pins", Uuid::nil())).await?, 404, "not-found");
    assert_eq!(delete(&mut officer, &unlock).await?.status.as_u16(), 204);
    member.cast(&vote, "agree").await?.expect(201)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_that_may_not_be_kept_leave_nothing_behind() -> anyhow::Result<()> {
    let mut stage = Stage::invited().await?;
    let real = std::fs::read(tools::data()?.join("vn-pdf/an_le_so_432021AL.pdf"))?;
    let objects = || -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(stage.house.dir().join("data/objects"))?.count())
    };
    let before = objects()?;
    let encrypted = encrypt(&stage.house, &real)?;
    let marked = with_title(&stage.house, &real, "Độ mật: TỐI MẬT")?;
    for (pdf, status, code) in [
        (b"no pdf at all".to_vec(), 422, "not-a-pdf"),
        (encrypted, 422, "pdf-encrypted"),
        (real[..4_000].to_vec(), 422, "pdf-unreadable"),
        (marked, 422, "secrecy-marked"),
        (vec![b'%'; (64 << 20) + 1], 413, "too-large"),
    ] {
        let answer = stage.secretary.upload(&stage.item, "Thu", pdf).await?;
        check(&answer, status, code);
        stage.secretary.hang_up();
    }
    assert_eq!(objects()?, before, "nothing of a refused paper is kept");
    let path = format!("/api/items/{}/documents?title=x", stage.item);
    let answer =
        stage.secretary.send(Method::POST, &path, "text/plain", Bytes::from_static(b"%PDF"), &[]).await?;
    check(&answer, 415, "not-a-pdf");
    let mut member = stage.house.user("bt01").await?;
    check(&member.upload(&stage.item, "Thu", real).await?, 403, "not-permitted");
    Ok(())
}

fn encrypt(house: &House, pdf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (from, to) = (house.dir().join("../plain.pdf"), house.dir().join("../encrypted.pdf"));
    std::fs::write(&from, pdf)?;
    let arguments = ["--encrypt", "", "owner", "256", "--"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.into_iter().chain([from.as_os_str(), to.as_os_str()]).collect();
    let output = tools::run("qpdf", &arguments)?;
    anyhow::ensure!(to.exists(), "{}", tools::said(&output));
    Ok(std::fs::read(to)?)
}

/// The paper with another title in its metadata, written by pyHanko.
fn with_title(house: &House, pdf: &[u8], title: &str) -> anyhow::Result<Vec<u8>> {
    let (from, to) = (house.dir().join("../plain.pdf"), house.dir().join("../titled.pdf"));
    std::fs::write(&from, pdf)?;
    let program = "import sys\nfrom pyhanko.pdf_utils.reader import PdfFileReader\nfrom pyhanko.pdf_utils.writer import copy_into_new_writer\n\
                   from pyhanko.pdf_utils import generic\nw = copy_into_new_writer(PdfFileReader(open(sys.argv[1], 'rb'), strict=False))\n\
                   w.set_info(generic.DictionaryObject({generic.pdf_name('/Title'): generic.TextStringObject(sys.argv[3])}))\n\
                   w.write(open(sys.argv[2], 'wb'))\n";
    let output = tools::run(
        tools::pyhanko_python()?,
        &["-c".as_ref(), program.as_ref(), from.as_os_str(), to.as_os_str(), title.as_ref()],
    )?;
    anyhow::ensure!(output.status.success(), "{}", tools::said(&output));
    Ok(std::fs::read(to)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_refuses_replayed_codes_foreign_origins_and_unknown_hosts() -> anyhow::Result<()> {
    let house = House::start()?;
    let mut user = house.visitor("bt05")?;
    check(&user.get("/api/meetings").await?, 401, "not-signed-in");
    let (name, password) = (user.account["username"].clone(), user.account["password"].clone());
    let first = json!({"username": name, "password": password});
    check(
        &user.post("/api/session", &json!({"username": name, "password": "x"})).await?,
        401,
        "sign-in-failed",
    );
    check(
        &user.post("/api/session", &json!({"username": "nobody", "password": "x"})).await?,
        401,
        "sign-in-failed",
    );
    user.post("/api/session", &first).await?.expect(200)?;
    check(&user.get("/api/meetings").await?, 401, "not-signed-in");
    check(&user.post("/api/session/totp", &json!({"code": "000000"})).await?, 401, "sign-in-failed");

    // One code, ten at once: it works once.
    let code = user.code()?;
    let mut racers = Vec::new();
    for _ in 0..10 {
        let mut racer = house.visitor("bt05")?;
        racer.post("/api/session", &first).await?.expect(200)?;
        racers.push(racer);
    }
    let body = json!({"code": code});
    let answers = futures_util::future::try_join_all(
        racers.iter_mut().map(|racer: &mut User| racer.post("/api/session/totp", &body)),
    )
    .await?;
    let mut codes: Vec<_> = answers.iter().map(tests::Answer::problem).collect();
    codes.sort();
    assert_eq!(codes.first(), Some(&(200, String::new())), "{codes:?}");
    assert!(codes[1..].iter().all(|code| *code == (401, "code-already-used".to_owned())), "{codes:?}");

    let mut signed_in = house.user("bt06").await?;
    let send = async |user: &mut User, fields: &[(&str, &str)]| {
        user.send(Method::DELETE, "/api/session", "application/json", Bytes::new(), fields).await
    };
    check(&send(&mut signed_in, &[("origin", "https://evil.example")]).await?, 403, "foreign-origin");
    check(&send(&mut signed_in, &[("origin", "")]).await?, 403, "foreign-origin");
    check(
        &signed_in
            .send(Method::GET, "/api/session", "application/json", Bytes::new(), &[("host", "evil.example")])
            .await?,
        400,
        "malformed-request",
    );
    assert_eq!(signed_in.get("/api/session").await?.status.as_u16(), 200);
    assert_eq!(send(&mut signed_in, &[]).await?.status.as_u16(), 204);
    check(&signed_in.get("/api/session").await?, 401, "not-signed-in");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_a_missing_token_or_test_anchors_keep_it_from_starting() -> anyhow::Result<()> {
    let mut house = House::start()?;
    house.stop()?;
    let config = house.dir().join("ecabinet.toml");
    let text = std::fs::read_to_string(&config)?;
    let serve = |text: &str| -> anyhow::Result<(i32, String)> {
        let path = house.dir().join("changed.toml");
        std::fs::write(&path, text)?;
        let program = tests::house::program("ecabinet")?;
        let output = std::process::Command::new("timeout")
            .arg("30")
            .arg(program)
            .args(["serve", "--config"])
            .arg(path)
            .output()?;
        Ok((output.status.code().unwrap_or(-1), tools::said(&output)))
    };
    for (changed, expected) in [
        (format!("nonsense = 1\n{text}"), "unknown field `nonsense`"),
        (text.replace("token = \"organisation\"", "token = \"absent\""), "absent"),
        (text.replace("test_installation = true", "test_installation = false"), "TEST"),
        (text.replace("kek-1", "kek-9"), "kek-9"),
    ] {
        assert_ne!(changed, text);
        let (code, said) = serve(&changed)?;
        assert_eq!(code, 2, "{expected}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_signs_nothing() -> anyhow::Result<()> {
    let mut stage = Stage::in_session().await?;
    let vote = stage.open_vote().await?;
    stage.house.stop()?;
    // Fifty minutes back.
    let back = clock::moved(-3_000)?;
    stage
        .house
        .set_environment(&back.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    stage.house.run()?;
    let mut member = stage.house.visitor("bt07")?;
    member.set_clock(-3_000);
    let health = member.get("/api/health").await?.expect(503)?;
    assert_eq!(health["clock"], false, "{health}");
    member.sign_in().await?;
    check(&member.cast(&vote, "agree").await?, 503, "clock-went-back");
    assert_eq!(member.get(&format!("/api/votes/{vote}")).await?.json()["mine"]["ballot"], json!(null));

    stage.house.stop()?;
    stage.house.set_environment(&[]);
    stage.house.run()?;
    let mut member = stage.house.user("bt07").await?;
    member.cast(&vote, "agree").await?.expect(201)?;
    Ok(())
}
