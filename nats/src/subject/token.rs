//! One part of a subject, between two dots.

use std::fmt;

/// The longest a token may be, in bytes.
pub const MAX_TOKEN: usize = 128;

/// Why a text cannot stand in a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// A part is empty, too long, or has a character other than `a-z`, `0-9`, `-` and `_`.
    #[error("`{text}` cannot be part of a subject: 1 to {MAX_TOKEN} of a-z, 0-9, `-` and `_`")]
    Token {
        /// The part, cut to 80 characters.
        text: String,
    },
    /// The whole has another shape.
    #[error("`{text}` is no {expected} subject")]
    Shape {
        /// The subject, cut to 200 characters.
        text: String,
        /// What it should have been.
        expected: &'static str,
    },
}

impl SubjectError {
    pub(crate) fn shape(text: &str, expected: &'static str) -> Self {
        Self::Shape {
            text: text.chars().take(200).collect(),
            expected,
        }
    }
}

/// `value` as text, if it can stand between two dots.
pub(crate) fn token(value: &impl fmt::Display) -> Result<String, SubjectError> {
    let text = value.to_string();
    if is_token(&text) {
        Ok(text)
    } else {
        Err(SubjectError::Token {
            text: text.chars().take(80).collect(),
        })
    }
}

/// Whether `text` can stand between two dots.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}
