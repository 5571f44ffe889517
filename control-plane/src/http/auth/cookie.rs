//! The cookie a browser is signed in with. It comes along with whatever a page asks, so it counts
//! only where the page is known to be ours.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};

use super::token::Token;
use super::{origin, unknown};
use crate::http::error::Refusal;

/// The prefix has browsers refuse it for other hosts, other paths and in clear text (RFC 6265bis).
const NAME: &str = "__Host-nexus";

/// How long a browser stays signed in, in seconds.
pub(crate) const LIFETIME: u32 = 12 * 3600;

/// The token in the cookie, if there is one and it may count for this request.
///
/// # Errors
/// Two of them, of which one would be somebody else's; or one from a page that is not known to be
/// ours, where something changes or a connection is taken over.
pub(crate) fn given(headers: &HeaderMap, reads_only: bool) -> Result<Option<Token>, Refusal> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, value)| value);
    let (Some(value), more) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let ours = match reads_only {
        true => origin::may_read(headers),
        false => origin::is_given(headers),
    };
    if !ours {
        let cause = "with the cookie alone, the page has to be one of this server";
        return Err(unknown(
            "Origin",
            cause,
            "open the dashboard of this server, or send a token",
        ));
    }
    if more.is_some() || value.is_empty() {
        let hint = "sign in again at the dashboard";
        return Err(unknown("Cookie", "there is not exactly one sign-in", hint));
    }
    Ok(Some(Token::new(value)))
}

/// What sets the cookie to `token`.
pub(crate) fn set(token: &str) -> Option<HeaderValue> {
    let text =
        format!("{NAME}={token}; Path=/; Max-Age={LIFETIME}; Secure; HttpOnly; SameSite=Strict");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What takes the cookie away.
pub(crate) fn clear() -> HeaderValue {
    HeaderValue::from_static("__Host-nexus=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(headers: &[(&'static str, &str)], reads_only: bool) -> Result<Option<String>, ()> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        given(&map, reads_only)
            .map(|token| token.map(|token| token.text().to_owned()))
            .map_err(|_| ())
    }

    #[test]
    fn it_counts_for_our_own_pages_alone() {
        let cookie = ("cookie", "a=b; __Host-nexus=nxs_1; c=d");
        let yes = Ok(Some("nxs_1".to_owned()));
        assert_eq!(token(&[], false), Ok(None));
        assert_eq!(
            token(&[("cookie", "nexus=1; X__Host-nexus=2")], false),
            Ok(None)
        );
        assert_eq!(token(&[cookie], true), yes);
        assert_eq!(
            token(&[cookie, ("sec-fetch-site", "same-origin")], true),
            yes
        );
        assert_eq!(
            token(&[cookie, ("sec-fetch-site", "cross-site")], true),
            Err(())
        );
        assert_eq!(token(&[cookie], false), Err(()), "no page is named");
        // Whether the origin is ours was looked at before.
        assert_eq!(
            token(&[cookie, ("origin", "http://localhost:3001")], false),
            yes
        );
        assert_eq!(token(&[cookie, cookie], true), Err(()));
        assert_eq!(token(&[("cookie", "__Host-nexus=")], true), Err(()));
    }

    #[test]
    fn it_is_kept_from_scripts_and_other_sites() {
        let text = set("nxs_1").unwrap();
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(text.to_str().unwrap().contains(part), "{part}");
            assert!(clear().to_str().unwrap().contains(part), "{part}");
        }
        assert!(!text.to_str().unwrap().contains("Domain"));
        assert!(set("a\r\nb").is_none());
    }
}
