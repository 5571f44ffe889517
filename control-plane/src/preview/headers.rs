//! What passes a preview: everything but what belongs to one connection, and what is ours.

use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderName,
    HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, Method};

use crate::http::Peer;
use crate::queries::TOKEN_PREFIX;

/// What every cookie of ours begins with.
const OURS: &str = "__Host-nexus";
/// The cookie of a preview.
pub(super) const COOKIE_NAME: &str = "__Host-nexus-preview";

/// Of one connection alone (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Said of whom we speak for; what a caller says of it is not believed.
const FORWARDING: [HeaderName; 6] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The protocol a request asks to change to, where that is one previews pass.
pub(super) fn upgrade(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get(UPGRADE)?;
    let websocket = asked.as_bytes().eq_ignore_ascii_case(b"websocket");
    (websocket && method == Method::GET).then(|| asked.clone())
}

/// Cleans what a caller sent, on its way to the service.
pub(super) fn to_service(headers: &mut HeaderMap, peer: Option<Peer>) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // The one that counted was the other; both together is how requests are smuggled.
        headers.remove(CONTENT_LENGTH);
    }
    drop_hop_by_hop(headers);
    headers.remove(EXPECT);
    for name in FORWARDING {
        headers.remove(name);
    }
    keep_values(headers, &COOKIE, without_our_cookies);
    keep_values(headers, &AUTHORIZATION, |value| {
        (!is_ours(value)).then(|| value.clone())
    });
    keep_values(headers, &SEC_WEBSOCKET_PROTOCOL, without_tickets);
    if let Some(Peer::Network(address)) = peer
        && let Ok(value) = HeaderValue::from_str(&address.ip().to_string())
    {
        headers.insert("x-forwarded-for", value);
    }
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert("x-forwarded-host", host);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
}

/// Cleans what a service sent, on its way to the caller.
pub(super) fn to_caller(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    keep_values(headers, &SET_COOKIE, host_only_and_not_ours);
}

/// The cookie of a preview that a request brings.
pub(super) fn our_cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter();
    pairs
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
}

/// The token of ours that a request brings.
pub(super) fn our_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?;
    is_ours(value).then(|| bearer(value)).flatten()
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A service may have tokens of its own.
fn is_ours(value: &HeaderValue) -> bool {
    bearer(value).is_some_and(|token| token.starts_with(TOKEN_PREFIX))
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.into_iter().chain(HOP_BY_HOP) {
        // Whom it is for is never a matter of one connection.
        if name != HOST {
            headers.remove(name);
        }
    }
}

/// Puts in the place of every value of `name` what `keep` leaves of it.
fn keep_values(
    headers: &mut HeaderMap,
    name: &HeaderName,
    keep: impl Fn(&HeaderValue) -> Option<HeaderValue>,
) {
    if !headers.contains_key(name) {
        return;
    }
    let kept: Vec<_> = headers.get_all(name).iter().filter_map(keep).collect();
    headers.remove(name);
    for value in kept {
        headers.append(name, value);
    }
}

fn without_our_cookies(value: &HeaderValue) -> Option<HeaderValue> {
    let text = String::from_utf8_lossy(value.as_bytes());
    let kept: Vec<&str> = text
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty() && !pair.starts_with(OURS))
        .collect();
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(kept.join("; ").as_bytes()).ok())?
}

fn without_tickets(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let kept: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|protocol| !protocol.starts_with("nexus.ticket."))
        .collect();
    (!kept.is_empty()).then(|| HeaderValue::from_str(&kept.join(", ")).ok())?
}

/// A service sets no cookie of ours, and none that other previews would get as well.
fn host_only_and_not_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let text = String::from_utf8_lossy(value.as_bytes());
    if text.trim_start().starts_with(OURS) {
        return None;
    }
    let is_domain = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("domain")
    };
    if !text.split(';').skip(1).any(|part| is_domain(&part)) {
        return Some(value.clone());
    }
    let mut parts = text.split(';');
    let pair = parts.next().unwrap_or_default();
    let kept: Vec<&str> = std::iter::once(pair)
        .chain(parts.filter(|part| !is_domain(part)))
        .collect();
    HeaderValue::from_bytes(kept.join(";").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn sent(headers: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let mut map = map(headers);
        to_service(&mut map, None);
        map.remove("x-forwarded-proto");
        listed(&map)
    }

    fn listed(map: &HeaderMap) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        map.iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn nothing_of_ours_reaches_a_service() {
        let cookies = "a=1; __Host-nexus=nxs_s; __Host-nexus-preview=x; b=2";
        assert_eq!(
            sent(&[("cookie", cookies)]),
            pairs(&[("cookie", "a=1; b=2")])
        );
        assert_eq!(sent(&[("cookie", "__Host-nexus-preview=x")]), []);
        assert_eq!(sent(&[("authorization", "bearer nxs_s")]), []);
        let own = [("authorization", "Bearer of-the-service")];
        assert_eq!(sent(&own), pairs(&own));
        let basic = [("authorization", "Basic bmV4dXM6bnhz")];
        assert_eq!(sent(&basic), pairs(&basic));
        let protocols = ("sec-websocket-protocol", "vite-hmr, nexus.ticket.abc");
        assert_eq!(
            sent(&[protocols]),
            pairs(&[("sec-websocket-protocol", "vite-hmr")])
        );
    }

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let request = [
            ("connection", "keep-alive, x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("expect", "100-continue"),
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=203.0.113.7"),
            ("accept", "*/*"),
        ];
        assert_eq!(sent(&request), pairs(&[("accept", "*/*")]));
        let host = [("host", "a.preview.localhost"), ("connection", "host")];
        assert!(sent(&host).contains(&("host".into(), "a.preview.localhost".into())));
    }

    #[test]
    fn a_service_sets_cookies_for_itself_alone() {
        let cleaned = |value: &str| {
            let mut map = map(&[("set-cookie", value)]);
            to_caller(&mut map);
            map.get(SET_COOKIE)
                .map(|kept| kept.to_str().unwrap().to_owned())
        };
        assert_eq!(cleaned("a=1; Path=/").as_deref(), Some("a=1; Path=/"));
        assert_eq!(cleaned("__Host-nexus=x; Path=/"), None);
        assert_eq!(cleaned(" __Host-nexus-preview=x"), None);
        let wide = "a=domain; domain=preview.localhost; Path=/";
        assert_eq!(cleaned(wide).as_deref(), Some("a=domain; Path=/"));
    }

    #[test]
    fn only_websockets_are_passed() {
        let asks = |method, protocol| upgrade(&method, &map(&[("upgrade", protocol)])).is_some();
        assert!(asks(Method::GET, "WebSocket"));
        assert!(!asks(Method::POST, "websocket"));
        assert!(!asks(Method::GET, "h2c"));
        assert!(upgrade(&Method::GET, &map(&[])).is_none());
    }

    #[test]
    fn our_own_are_found() {
        let headers = map(&[
            ("cookie", "a=1; __Host-nexus-preview=x"),
            ("authorization", "Bearer nxs_t"),
        ]);
        assert_eq!(our_cookie(&headers), Some("x"));
        assert_eq!(our_token(&headers), Some("nxs_t"));
        assert_eq!(our_token(&map(&[("authorization", "Bearer other")])), None);
    }
}
