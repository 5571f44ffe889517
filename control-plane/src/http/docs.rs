//! `/docs`: the API's document as one page for people, written from the document itself. It
//! needs nothing but itself: no script, no font, no other host.

mod schema;

use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("docs/style.css");

/// The page, and the policy it is served under.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// HTML.
    pub(crate) html: String,
    /// `Content-Security-Policy`: nothing but the page's own style sheet, by its digest.
    pub(crate) policy: String,
}

impl Page {
    /// The page for `document` (OpenAPI 3.1 as JSON).
    pub(crate) fn of(document: &Value) -> Self {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        Self {
            html: page(document),
            policy: format!(
                "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'"
            ),
        }
    }
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// A description as HTML: paragraphs, and `code` between backticks.
fn prose(text: &str) -> String {
    let paragraph = |text: &str| {
        let parts = text
            .split('`')
            .enumerate()
            .map(|(place, part)| match place % 2 {
                0 => escaped(part),
                _ => format!("<code>{}</code>", escaped(part)),
            });
        format!("<p>{}</p>", parts.collect::<String>())
    };
    text.split("\n\n")
        .filter(|text| !text.trim().is_empty())
        .map(paragraph)
        .collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = escaped(text(info, "title"));
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} API</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><style>{STYLE}</style></head><body>\
         <header><h1>{title} <small>{}</small></h1>{}\
         <p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a></p></header>",
        escaped(text(info, "version")),
        prose(text(info, "description")),
    );
    let tags = document["tags"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    html.push_str(&contents(document, tags));
    html.push_str("<main>");
    for tag in tags {
        html.push_str(&group(document, tag));
    }
    html.push_str(&schema::section(document));
    html.push_str("</main></body></html>");
    html
}

/// Every operation of the group `tag`: method, path and what the document says of it.
fn operations<'v>(
    document: &'v Value,
    tag: &'v str,
) -> impl Iterator<Item = (&'v str, &'v str, &'v Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            item.as_object()
                .into_iter()
                .flatten()
                .map(move |(m, o)| (m, path, o))
        })
        .filter(move |(_, _, operation)| {
            operation["tags"]
                .as_array()
                .is_some_and(|tags| tags.iter().any(|known| known == tag))
        })
        .map(|(method, path, operation)| (method.as_str(), path.as_str(), operation))
}

fn anchor(method: &str, path: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    format!("{method}{}", path.chars().map(plain).collect::<String>())
}

fn contents(document: &Value, tags: &[Value]) -> String {
    let mut html = String::from("<nav aria-label=\"Contents\">");
    for tag in tags {
        let name = text(tag, "name");
        let _ = write!(html, "<h2><a href=\"#{0}\">{0}</a></h2><ul>", escaped(name));
        for (method, path, _) in operations(document, name) {
            let _ = write!(
                html,
                "<li><a href=\"#{}\"><b class=\"{method}\">{method}</b> {}</a></li>",
                anchor(method, path),
                escaped(path),
            );
        }
        html.push_str("</ul>");
    }
    html.push_str("<h2><a href=\"#forms\">forms</a></h2></nav>");
    html
}

fn group(document: &Value, tag: &Value) -> String {
    let name = text(tag, "name");
    let operations = operations(document, name)
        .map(operation)
        .collect::<String>();
    format!(
        "<section><h2 id=\"{0}\">{0}</h2>{1}{operations}</section>",
        escaped(name),
        prose(text(tag, "description")),
    )
}

fn operation((method, path, operation): (&str, &str, &Value)) -> String {
    let mut html = format!(
        "<article id=\"{}\"><h3><b class=\"{method}\">{method}</b> <code>{}</code></h3>{}{}",
        anchor(method, path),
        escaped(path),
        prose(text(operation, "summary")),
        prose(text(operation, "description")),
    );
    html.push_str(&parameters(operation));
    if let Some(body) = operation.pointer("/requestBody/content") {
        let _ = write!(html, "<h4>Request</h4>{}", schema::contents(body));
    }
    html.push_str(&responses(operation));
    html.push_str("</article>");
    html
}

fn parameters(operation: &Value) -> String {
    let Some(list) = operation["parameters"]
        .as_array()
        .filter(|list| !list.is_empty())
    else {
        return String::new();
    };
    let rows = list.iter().map(|parameter| {
        let required = if parameter["required"] == true { " <em>required</em>" } else { "" };
        format!(
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}{required}</td><td>{}</td><td>{}</td></tr>",
            escaped(text(parameter, "name")),
            escaped(text(parameter, "in")),
            schema::form(&parameter["schema"]),
            prose(text(parameter, "description")),
        )
    });
    let rows = rows.collect::<String>();
    format!("<h4>Parameters</h4><div class=\"wide\"><table>{rows}</table></div>")
}

fn responses(operation: &Value) -> String {
    let rows = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(status, response)| {
            let body = response
                .get("content")
                .map(schema::contents)
                .unwrap_or_default();
            let says = prose(text(response, "description"));
            format!(
                "<tr><th scope=\"row\">{}</th><td>{says}</td><td>{body}</td></tr>",
                escaped(status)
            )
        });
    let rows = rows.collect::<String>();
    format!("<h4>Responses</h4><div class=\"wide\"><table>{rows}</table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_document_says_stays_text() {
        let document = serde_json::json!({
            "info": {"title": "<b>", "version": "1", "description": "a `<i>` b"},
            "tags": [{"name": "t", "description": "<script>"}],
            "paths": {"/x/{id}": {"get": {
                "tags": ["t"], "description": "d", "responses": {"200": {"description": "\"ok\""}}
            }}},
        });
        let Page { html, policy } = Page::of(&document);
        assert!(html.contains("id=\"get-x--id-\""), "{html}");
        assert!(html.contains("<code>&lt;i&gt;</code>") && html.contains("&quot;ok&quot;"));
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    }
}
