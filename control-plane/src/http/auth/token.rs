//! The token a request carries.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;

use super::unknown;
use crate::http::error::Refusal;

/// A token's text. It is shown nowhere, not even for debugging.
pub(crate) struct Token(String);

impl Token {
    /// Takes the text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The token in `Authorization`, if there is such a header. A page also takes it as the password
/// a browser asks for.
///
/// # Errors
/// A header of another form, or more than one.
pub(crate) fn given(headers: &HeaderMap, page: bool) -> Result<Option<Token>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), more) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| more.is_none());
    text.and_then(|text| bearer(text).or_else(|| password(text).filter(|_| page)))
        .map(|token| Some(Token(token)))
        .ok_or_else(|| {
            let cause = "it is not of the form `Bearer TOKEN`";
            unknown(
                "Authorization",
                cause,
                "send one header `Authorization: Bearer TOKEN`",
            )
        })
}

fn bearer(text: &str) -> Option<String> {
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// RFC 7617: base64 of `name:password`.
fn password(text: &str) -> Option<String> {
    let (scheme, credentials) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(credentials.trim())
        .ok()?;
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, page: bool) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        given(&headers, page)
            .map(|token| token.map(|token| token.0))
            .map_err(|_| ())
    }

    #[test]
    fn a_token_is_read_where_it_may_stand() {
        assert_eq!(text("Bearer abc", false), Ok(Some("abc".into())));
        assert_eq!(text("bearer  abc", false), Ok(Some("abc".into())));
        assert_eq!(text("Basic bWU6YWJj", true), Ok(Some("abc".into())));
        for wrong in ["Basic bWU6YWJj", "Bearer", "Bearer ", "abc", "Digest abc"] {
            assert_eq!(text(wrong, false), Err(()), "{wrong}");
        }
        assert!(given(&HeaderMap::new(), false).unwrap().is_none());
        assert_eq!(format!("{:?}", Token("secret".into())), "Token(…)");
    }
}
