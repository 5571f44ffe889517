//! What clients send, thrown at what reads it: each of these takes any bytes, and panics when a
//! promise does not hold. Fuzz targets and ordinary tests call the same functions.

use crate::commands::{self, IdempotencyKey};
use crate::http;
use crate::preview;
use crate::queries::{UserRef, WorkspaceRef};

/// One of them.
pub type Parser = fn(&[u8]);

/// All of them; the name is also the folder of what is kept for it.
pub const PARSERS: [(&str, Parser); 5] = [
    ("public_key", public_key),
    ("preview_host", preview_host),
    ("query", query),
    ("terminal", terminal),
    ("reference", reference),
];

/// A public key in one line: what is taken is one line with nothing before the kind.
pub fn public_key(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        commands::read_public_key(text);
    }
}

/// A `Host` or `Origin` header: what is taken is the one host that is written so.
pub fn preview_host(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        preview::read_host(text);
    }
}

/// A query string, as every route reads it.
pub fn query(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        http::read_queries(text);
    }
}

/// A frame of a terminal, in both protocols; and output cut anywhere, as text.
pub fn terminal(bytes: &[u8]) {
    http::read_terminal(bytes);
}

/// What names a workspace or a user in a path, and a request in a header.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(workspace) = text.parse::<WorkspaceRef>() {
        assert_eq!(workspace.to_string(), text);
    }
    let _anyone = text.parse::<UserRef>();
    if let Ok(key) = text.parse::<IdempotencyKey>() {
        assert_eq!(key.to_string(), text);
    }
}
