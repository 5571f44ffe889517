//! The API's document in its two forms, written when somebody first asks for one: most servers are
//! never asked, and all of them start.

use std::sync::LazyLock;

use bytes::Bytes;
use utoipa::openapi::OpenApi;

use super::docs::Page;
use super::openapi;

/// What `/openapi.json` and `/docs` answer.
#[derive(Debug)]
pub(super) struct Documents {
    written: LazyLock<Written, Box<dyn FnOnce() -> Written + Send>>,
}

#[derive(Debug)]
struct Written {
    json: Bytes,
    page: Page,
}

impl Documents {
    /// Those of what the routes say of themselves.
    pub(super) fn of(collected: OpenApi) -> Self {
        let write = move || {
            let json = openapi::written(&openapi::finished(collected));
            let page = Page::of(&serde_json::from_str(&json).unwrap_or_default());
            let json = json.into();
            Written { json, page }
        };
        Self {
            written: LazyLock::new(Box::new(write)),
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Bytes {
        self.written.json.clone()
    }

    /// For people.
    pub(super) fn page(&self) -> &Page {
        &self.written.page
    }
}
