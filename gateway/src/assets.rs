//! The browser client, built into this program, and the policy under which browsers run it.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use office::Problem;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What the client may load and do.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self' blob:; connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// The client's page.
pub async fn index() -> Response {
    file("index.html")
}

/// The client's page for its own screens; paths of the API are not among them.
pub async fn index_for_screens(Path(screen): Path<String>) -> Response {
    let is_ours = screen.split('/').next().is_some_and(|first| first == "api" || first == "log");
    if is_ours {
        return Problem::not_found().into_response();
    }
    if screen.contains('.') { file(&screen) } else { file("index.html") }
}

/// A file of the client; its name changes with its content.
pub async fn asset(Path(path): Path<String>) -> Response {
    file(&format!("assets/{path}"))
}

fn file(path: &str) -> Response {
    let Some((_, bytes)) = ASSETS.iter().find(|(name, _)| *name == path) else {
        return Problem::not_found().into_response();
    };
    let kind = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let is_named_by_content = path.starts_with("assets/");
    let cache = if is_named_by_content { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], *bytes).into_response()
}
