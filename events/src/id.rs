//! Ids as kinds: one type per thing that has an identity, so that two cannot be mixed up.
//!
//! Spelled `<prefix>-<32 hexadecimal digits>` (a UUID in simple form, RFC 9562), lower case:
//! one spelling serves NATS subjects, host names and the names engines accept. Nothing here
//! draws an id: callers pass the UUID in (`Uuid::now_v7()`), or derive one from what caused it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Namespace for ids derived from other ids (version 5 of RFC 9562).
const DERIVED: Uuid = Uuid::from_u128(0x6e65_7875_7300_5000_8000_6465_7269_7665);

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {article} id: expected `{prefix}-` and a UUID")]
pub struct ParseIdError {
    text: String,
    prefix: &'static str,
    article: &'static str,
}

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $article:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind starts with, without the hyphen.
            pub const PREFIX: &'static str = $prefix;

            /// The id that carries `uuid`.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id that follows from `seed`: the same seed gives the same id, always.
            pub fn derived(seed: impl AsRef<str>) -> Self {
                let scoped = format!("{}:{}", $prefix, seed.as_ref());
                Self(Uuid::new_v5(&DERIVED, scoped.as_bytes()))
            }

            /// The UUID inside.
            pub const fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let wrong = || ParseIdError {
                    text: text.chars().take(80).collect(),
                    prefix: $prefix,
                    article: $article,
                };
                let digits = text
                    .strip_prefix(concat!($prefix, "-"))
                    .filter(|digits| digits.len() == 32)
                    .filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .ok_or_else(wrong)?;
                Uuid::try_parse(digits).map(Self).map_err(|_| wrong())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "-[0-9a-f]{32}$")))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

id_kinds! {
    /// A workspace, for its whole life; never used again after deletion.
    WorkspaceId = "ws", "a workspace";
    /// A person (or a service account).
    UserId = "user", "a user";
    /// A worker's node: one provider on one machine. Kept by the worker across restarts.
    NodeId = "node", "a node";
    /// One request to change a workspace, from acceptance to its end.
    OperationId = "op", "an operation";
    /// One event in the log; also the deduplication id of its append.
    EventId = "evt", "an event";
    /// One command to a worker, derived from the event that caused it.
    CommandId = "cmd", "a command";
    /// All that follows from one request of a user.
    CorrelationId = "cor", "a correlation";
    /// An access token; the token's text is never stored, this is.
    TokenId = "tok", "a token";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_survives_a_round_trip() {
        let id = WorkspaceId::from_uuid(Uuid::from_u128(7));
        let text = id.to_string();
        assert_eq!(text, "ws-00000000000000000000000000000007");
        assert_eq!(text.parse::<WorkspaceId>().unwrap(), id);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn other_kinds_and_other_spellings_are_refused() {
        for text in [
            "",
            "ws-",
            "op-00000000000000000000000000000007",
            "ws-0000000000000000000000000000000",
            "ws-00000000-0000-0000-0000-000000000007",
            "ws-0000000000000000000000000000000G",
            "WS-00000000000000000000000000000007",
            "ws-../../../../../../../../../../../..",
        ] {
            assert!(text.parse::<WorkspaceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn derivation_is_stable_and_kept_apart_by_kind() {
        let a = CommandId::derived("evt-1:provision");
        assert_eq!(a, CommandId::derived("evt-1:provision"));
        assert_ne!(a.uuid(), EventId::derived("evt-1:provision").uuid());
    }
}
