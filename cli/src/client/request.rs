//! A request as a value, so that it can be sent, sent again, or only shown (`--dry-run`).

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One request to the server.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What it is to do, to follow `could not`.
    pub(crate) what: String,
    /// The method.
    pub(crate) method: Method,
    /// The path, from the root, without a query.
    pub(crate) path: String,
    /// The query, not encoded yet.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Option<Value>,
    /// The content types taken, where they matter.
    pub(crate) accept: Option<&'static str>,
    /// Makes a write that is sent twice one write.
    pub(crate) idempotency_key: Option<String>,
}

impl Request {
    /// Reads what is at `path`.
    pub(crate) fn get(what: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(what, Method::GET, path)
    }

    /// Asks for a change at `path`.
    pub(crate) fn post(what: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(what, Method::POST, path).keyed()
    }

    /// Puts something at `path`, in place of what is there.
    pub(crate) fn put(what: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(what, Method::PUT, path).keyed()
    }

    /// Removes what is at `path`.
    pub(crate) fn delete(what: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(what, Method::DELETE, path).keyed()
    }

    fn new(what: impl Into<String>, method: Method, path: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            accept: None,
            idempotency_key: None,
        }
    }

    fn keyed(mut self) -> Self {
        self.idempotency_key = Some(Uuid::now_v7().to_string());
        self
    }

    /// The same, with `name` in its query.
    pub(crate) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The same, with `name` in its query if there is a value.
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The same, with `body`.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_value(body).expect("requests are plain data"));
        self
    }

    /// The same, asking for content of this type.
    pub(crate) fn accept(mut self, content_type: &'static str) -> Self {
        self.accept = Some(content_type);
        self
    }

    /// Whether it changes anything.
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// Path and query, encoded.
    pub(crate) fn target(&self) -> String {
        let mut target = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.push_str(&encoded(value));
        }
        target
    }

    /// The whole address on the server at `origin`.
    pub(crate) fn url(&self, origin: &str) -> String {
        format!("{origin}{}", self.target())
    }
}

/// `text` as one part of a path or one value of a query (RFC 3986: unreserved stay, all else is
/// written in hexadecimal).
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => write!(out, "%{byte:02X}").expect("a string takes all that is written to it"),
        }
    }
    out
}

/// The path of `rest` below a workspace's own; `workspace` is a name or an id.
pub(crate) fn workspace_path(workspace: &str, rest: &str) -> String {
    // A lone dot or two would be a step in the path, not a name.
    let segment = match workspace {
        "." | ".." => workspace.replace('.', "%2E"),
        _ => encoded(workspace),
    };
    format!("/api/v1/workspaces/{segment}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_stays_one_part_of_the_path() {
        assert_eq!(
            workspace_path("hello", "/stop"),
            "/api/v1/workspaces/hello/stop"
        );
        assert_eq!(
            workspace_path("../users?x=1#", ""),
            "/api/v1/workspaces/..%2Fusers%3Fx%3D1%23"
        );
        assert_eq!(workspace_path("..", ""), "/api/v1/workspaces/%2E%2E");
    }

    #[test]
    fn queries_are_encoded_and_writes_carry_a_key() {
        let read = Request::get("list", "/x")
            .query("a", "1&b=2")
            .maybe("c", None::<u8>);
        assert_eq!(read.target(), "/x?a=1%26b%3D2");
        assert!(read.idempotency_key.is_none() && !read.is_write());
        let write = Request::post("make", "/x");
        assert!(write.idempotency_key.is_some() && write.is_write());
    }
}
