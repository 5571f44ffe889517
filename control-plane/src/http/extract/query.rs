//! A query string: every parameter known, every value of its form.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::field_error;
use crate::http::error::Refusal;

/// A query string that has the form of `T`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

pub(crate) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Refusal> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let wrong = field_error(&error.path().to_string(), &error.inner().to_string());
        let hint = "correct or leave out this query parameter; /docs lists those of the route";
        Refusal::invalid(&wrong.field, wrong.cause, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form is tested")]
    struct Listing {
        limit: Option<u32>,
        min_seq: Option<u64>,
    }

    #[test]
    fn the_wrong_parameter_is_named() {
        assert!(parse::<Listing>("limit=3&min_seq=9").is_ok());
        for (query, field) in [
            ("limit=many", "limit"),
            ("min_seq=-1", "min_seq"),
            ("colour=red", "colour"),
            ("limit=1&limit=2", "limit"),
        ] {
            let refusal = parse::<Listing>(query).expect_err("it is refused");
            assert_eq!(refusal.problem().errors[0].field, field, "{query}");
            assert!(refusal.problem().detail.contains(field), "{query}");
        }
    }
}
