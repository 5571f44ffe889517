//! The dashboard: files that were built into the binary. They hold no data, so nobody has to say
//! who they are to get them; what the page then asks of the API is another matter.
//!
//! Every path that is not the API's own and that a browser asks for as a page gets `index.html`,
//! because the dashboard keeps its views in the address.

mod asset;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use asset::Asset;

/// What a page of ours may do: nothing from elsewhere, nothing that is not a file of ours, no
/// frame around it.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// What is told along with every file.
const ALWAYS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (VARY, "Accept-Encoding"),
];

/// What is never a view of the dashboard: the API, and what is built under a name of its own.
const NOT_VIEWS: [&str; 10] = [
    "/api",
    "/machines",
    "/rpc",
    "/terminal",
    "/docs",
    "/openapi.json",
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
];

/// Where the files are whose names change with their content.
const HASHED: &str = "/assets/";

/// The answer to `request`, where it asks for a file or a view of the dashboard.
pub(super) fn answer(request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let path = request.uri().path();
    if let Some(asset) = asset::find(path) {
        return Some(sent(asset, request.headers()));
    }
    if path.starts_with(HASHED) {
        return Some(plain(StatusCode::NOT_FOUND, "there is no such file\n"));
    }
    is_view(path, request.headers()).then(|| sent(asset::index(), request.headers()))
}

fn is_view(path: &str, headers: &HeaderMap) -> bool {
    let of_the_api = NOT_VIEWS.iter().any(|prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let wants_a_page = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    path == "/" || (!of_the_api && wants_a_page)
}

fn sent(asset: &Asset, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", asset.tag);
    let mut response = if is_known(headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        whole(asset, headers)
    };
    let out = response.headers_mut();
    for (name, value) in ALWAYS {
        out.insert(name, HeaderValue::from_static(value));
    }
    let kept = if asset.path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, value);
    }
    response
}

fn whole(asset: &Asset, headers: &HeaderMap) -> Response {
    let packed = asset.gzip.filter(|_| takes_gzip(headers));
    let mut response = Response::new(Body::from(Bytes::from_static(
        packed.unwrap_or(asset.bytes),
    )));
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    if packed.is_some() {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the browser has this very content already. A proxy may have made the tag a weak one.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(IF_NONE_MATCH).iter();
    given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT_ENCODING).iter();
    given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.all(|weight| weight.replace(' ', "") != "q=0")
        })
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Option<Response> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        answer(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn views_are_what_browsers_ask_for_beside_the_api() {
        let page = [(ACCEPT, "text/html,application/xhtml+xml")];
        for path in ["/", "/workspaces", "/workspaces/a?tab=logs", "/nodes/x/y"] {
            assert!(asked(Method::GET, path, &page).is_some(), "{path}");
            assert!(asked(Method::HEAD, path, &page).is_some(), "{path}");
            assert!(asked(Method::POST, path, &page).is_none(), "{path}");
        }
        for path in NOT_VIEWS {
            assert!(asked(Method::GET, path, &page).is_none(), "{path}");
            let below = format!("{path}/below");
            assert!(asked(Method::GET, &below, &page).is_none(), "{below}");
        }
        assert!(asked(Method::GET, "/workspaces", &[]).is_none());
        assert!(asked(Method::GET, "/workspaces", &[(ACCEPT, "*/*")]).is_none());
        assert!(asked(Method::GET, "/", &[]).is_some());
    }

    #[test]
    fn a_file_that_is_not_there_is_no_view() {
        let page = [(ACCEPT, "text/html")];
        let missing = asked(Method::GET, "/assets/index-abc.js", &page).unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let index = asked(Method::GET, "/", &[]).unwrap();
        assert_eq!(index.headers()[CACHE_CONTROL], "no-cache");
        let tag = index.headers()[ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
            let again = asked(Method::GET, "/", &[(IF_NONE_MATCH, &known)]).unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert!(again.headers().contains_key(CONTENT_SECURITY_POLICY));
        }
        let other = asked(Method::GET, "/", &[(IF_NONE_MATCH, "\"x\"")]).unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn compression_is_asked_for() {
        let takes = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br"));
        assert!(takes("br;q=1, gzip;q=0.5"));
        assert!(!takes("br, gzip;q=0"));
        assert!(!takes("identity"));
    }

    #[test]
    fn the_policy_lets_in_no_script_from_elsewhere() {
        assert!(POLICY.contains("script-src 'self';"));
        assert!(POLICY.contains("frame-ancestors 'none'"));
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http"));
    }
}
