//! The ticket a page's WebSocket carries: pages can set no header there, and a query string ends
//! up in logs, so it stands among the subprotocols.

use axum::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::http::{HeaderMap, Method};

/// What a subprotocol that is a ticket starts with.
const PREFIX: &str = "nexus.ticket.";

/// The ticket of an opening handshake (RFC 6455, section 4.1), if it carries one.
pub(crate) fn given<'h>(method: &Method, headers: &'h HeaderMap) -> Option<&'h str> {
    let upgrades = headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !upgrades || method != Method::GET {
        return None;
    }
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_opening_handshake_carries_one() {
        let mut headers = HeaderMap::new();
        let protocols = "nexus.term.bin.v1, nexus.ticket.abc".parse().unwrap();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocols);
        assert_eq!(given(&Method::GET, &headers), None);
        headers.insert(UPGRADE, "nexus.stream.v1".parse().unwrap());
        assert_eq!(given(&Method::GET, &headers), None);
        headers.insert(UPGRADE, "WebSocket".parse().unwrap());
        assert_eq!(given(&Method::GET, &headers), Some("abc"));
        assert_eq!(given(&Method::POST, &headers), None);
    }
}
