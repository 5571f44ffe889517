//! The `Origin` check of whatever changes something or upgrades: a page of another origin must
//! not act with what a browser holds for us, not even on this machine.

use axum::http::header::{HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use nexus_events::problem::ProblemCode;

use crate::http::error::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request may come from a page that is not ours: it only reads, in plain HTTP.
pub(crate) fn is_exempt(method: &Method, headers: &HeaderMap) -> bool {
    method.is_safe() && !headers.contains_key(axum::http::header::UPGRADE)
}

/// Checks that a request comes from no page, or from one of ours under `host`.
///
/// # Errors
/// `FORBIDDEN`, naming the header.
pub(crate) fn check(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    // Without TLS of our own a proxy's https origin is the same site: scheme, name and port.
    let ours = [format!("http://{host}"), format!("https://{host}")];
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if !ours.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
            return Err(refuse("Origin", origin));
        }
    }
    for site in headers.get_all(SEC_FETCH_SITE) {
        let site = site.to_str().unwrap_or_default();
        if !matches!(site, "same-origin" | "none") {
            return Err(refuse("Sec-Fetch-Site", site));
        }
    }
    Ok(())
}

/// Whether a request that only reads may count for whoever is signed in: it comes from one of our
/// pages, or was typed by a person, or from a browser too old to tell.
pub(crate) fn may_read(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Whether a page is named; that it is one of ours is checked with every request.
pub(crate) fn is_given(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

fn refuse(header: &str, value: &str) -> Refusal {
    let value: String = value.escape_debug().take(100).collect();
    let cause = format!("`{value}` is another site than this server");
    let hint = "pages of other sites may not act here; use the CLI: `nexus --help`";
    Refusal::new(ProblemCode::Forbidden, format!("{header}: {cause}"), hint).naming(header, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: HeaderName, value: &str) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        check(&headers, "127.0.0.1:3001")
    }

    #[test]
    fn only_our_own_pages_and_no_page_may_act() {
        assert!(check(&HeaderMap::new(), "127.0.0.1:3001").is_ok());
        assert!(checked(ORIGIN, "http://127.0.0.1:3001").is_ok());
        assert!(checked(SEC_FETCH_SITE, "same-origin").is_ok());
        assert!(checked(SEC_FETCH_SITE, "none").is_ok());
        for origin in [
            "null",
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:3002",
            "http://127.0.0.1:3001.evil.example",
            "http://evil.example",
            "file://",
            "http://localhost:3001",
        ] {
            assert!(checked(ORIGIN, origin).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(checked(SEC_FETCH_SITE, site).is_err(), "{site}");
        }
    }

    #[test]
    fn an_upgrade_is_never_exempt() {
        let mut headers = HeaderMap::new();
        assert!(is_exempt(&Method::GET, &headers));
        assert!(!is_exempt(&Method::POST, &headers));
        headers.insert(axum::http::header::UPGRADE, "websocket".parse().unwrap());
        assert!(!is_exempt(&Method::GET, &headers));
    }
}
