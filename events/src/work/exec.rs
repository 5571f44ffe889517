//! What comes of a command run inside a workspace, as the API tells it.
//!
//! It passes by beside the log: what a person runs is theirs, and may hold what no log should.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Failure;

/// What comes back: output as it comes, then exactly one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecFrame {
    /// Bytes of its standard output.
    Stdout(Bytes),
    /// Bytes of its standard error.
    Stderr(Bytes),
    /// It ended; the last frame.
    Exit(ExecExit),
    /// It could not be run, or its end is not known; the last frame.
    Failed(Failure),
}

impl ExecFrame {
    /// Whether nothing comes after it.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Exit(_) | Self::Failed(_))
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExecExit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Bytes that travel through JSON as base64 (RFC 4648, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        base64::engine::general_purpose::STANDARD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_one_word_and_its_value() {
        for (frame, json) in [
            (
                ExecFrame::Stdout(Bytes(b"hi\xff".to_vec())),
                r#"{"stdout":"aGn/"}"#,
            ),
            (ExecFrame::Exit(ExecExit::Code(3)), r#"{"exit":{"code":3}}"#),
            (
                ExecFrame::Exit(ExecExit::Signal(9)),
                r#"{"exit":{"signal":9}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&frame).unwrap(), json);
            assert_eq!(serde_json::from_str::<ExecFrame>(json).unwrap(), frame);
        }
    }
}
