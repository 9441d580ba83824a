//! The prepared session: made through the service itself, by the demonstration's secretary, as anybody would.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use office::clock::Clock;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::accounts::Account;
use super::folder::Folder;
use super::papers;
use crate::commands::serve::Appliance;
use crate::session::{Listener, Peer};
use crate::totp;

/// Days from now on which the session begins.
const DAYS_AHEAD: i64 = 3;
/// Seconds of the day, at +07:00, at which it begins: eight in the morning.
const EIGHT_S: i64 = 8 * 3_600;
const DAY_S: i64 = 86_400;
const VIETNAM_S: i64 = 7 * 3_600;

/// Somebody at the service's door, within the process.
struct Caller {
    router: Router,
    origin: String,
    host: String,
    cookie: Option<String>,
}

/// The id of the prepared session; prepares it if it is not there yet.
pub(super) async fn prepared(
    folder: &Folder,
    appliance: &Appliance,
    public: SocketAddr,
) -> anyhow::Result<String> {
    let kept = folder.path("data/meeting");
    if let Ok(meeting) = std::fs::read_to_string(&kept) {
        return Ok(meeting);
    }
    let accounts = folder.read_accounts()?;
    let host = format!("localhost:{}", public.port());
    let origin = format!("https://{host}");
    let mut secretary = Caller { router: appliance.router.clone(), origin, host, cookie: None };
    secretary.sign_in(find(&accounts, "thuky")?).await?;
    let meeting = prepare(&mut secretary, appliance).await?;
    secretary.send(Method::DELETE, "/api/session", None).await?;
    std::fs::write(kept, &meeting)?;
    Ok(meeting)
}

async fn prepare(secretary: &mut Caller, appliance: &Appliance) -> anyhow::Result<String> {
    let people = secretary.get("/api/people").await?;
    let people = people["people"].as_array().context("people")?.clone();
    let id_of = |username: &str| -> anyhow::Result<Value> {
        let person = people.iter().find(|person| person["username"] == username);
        Ok(person.with_context(|| format!("{username} is missing"))?["id"].clone())
    };
    let now = Clock.now().as_seconds();
    let midnight = (now + VIETNAM_S).div_euclid(DAY_S) * DAY_S - VIETNAM_S;
    let starts_at = cabinet::Timestamp::from_micros((midnight + DAYS_AHEAD * DAY_S + EIGHT_S) * 1_000_000);
    let meeting = json!({
        "title": "Phiên họp Chính phủ chuyên đề về định danh và xác thực điện tử (THỬ NGHIỆM)",
        "kind": "thematic",
        "starts_at": starts_at.iso_vietnam(),
        "place": "Phòng họp số 1, Trụ sở Chính phủ (THỬ NGHIỆM)",
        "chair": id_of("thutuong")?,
    });
    let meeting = secretary.post("/api/meetings", &meeting).await?;
    let id = meeting["id"].as_str().context("meeting id")?.to_owned();
    let item = json!({
        "title": "Dự thảo Nghị quyết về đề nghị xây dựng Nghị định quy định về định danh và xác thực điện tử",
        "presenter": "Bộ Mẫu 01",
    });
    let item = secretary.post(&format!("/api/meetings/{id}/items"), &item).await?;
    let item = item["id"].as_str().context("item id")?.to_owned();
    for paper in papers::dossier(&appliance.app)? {
        let query = [("title", paper.title.as_str()), ("kind", paper.kind)]
            .map(|(k, v)| format!("{k}={}", percent(v)));
        let path = format!("/api/items/{item}/documents?{}", query.join("&"));
        secretary.expect(Method::POST, &path, "application/pdf", paper.pdf).await?;
    }
    let members: Vec<_> = people
        .iter()
        .filter(|person| person["roles"].as_array().is_some_and(|roles| roles.contains(&json!("member"))))
        .map(|person| person["id"].clone())
        .collect();
    let roll = json!({
        "members": members,
        "substitutes": [],
        "guests": [{"person": id_of("khach")?, "items": [item]}],
    });
    let roll = serde_json::to_vec(&roll)?;
    secretary.expect(Method::PUT, &format!("/api/meetings/{id}/roll"), "application/json", roll).await?;
    secretary.post(&format!("/api/meetings/{id}/invitations"), &json!({})).await?;
    Ok(id)
}

fn find<'a>(accounts: &'a [Account], username: &str) -> anyhow::Result<&'a Account> {
    accounts
        .iter()
        .find(|account| account.username == username)
        .with_context(|| format!("no account {username}"))
}

impl Caller {
    async fn sign_in(&mut self, account: &Account) -> anyhow::Result<()> {
        let first = json!({"username": account.username, "password": account.password});
        self.post("/api/session", &first).await?;
        let secret = totp::from_base32(&account.totp_secret).context("TOTP secret")?;
        // The code before the present one, which is still good: whoever signs in next finds the present one unused.
        let code = totp::code(&secret, Clock.now().plus_seconds(-30))?;
        self.post("/api/session/totp", &json!({"code": code})).await?;
        Ok(())
    }

    async fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        self.expect(Method::GET, path, "application/json", Vec::new()).await
    }

    async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.expect(Method::POST, path, "application/json", serde_json::to_vec(body)?).await
    }

    async fn expect(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let (status, bytes) = self.send(method, path, Some((kind, body))).await?;
        if !status.is_success() {
            bail!("preparing the session: {path} answered {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let (kind, body) = body.unwrap_or(("application/json", Vec::new()));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ORIGIN, &self.origin)
            .header(header::CONTENT_TYPE, kind);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let peer =
            Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), listener: Listener::Public, certificate: None };
        let request = request.extension(peer).body(Body::from(body))?;
        let response = self.router.clone().oneshot(request).await?;
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
            if !pair.ends_with('=') {
                self.cookie = Some(pair);
            }
        }
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes().to_vec()))
    }
}

/// Percent-encodes a query value.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
