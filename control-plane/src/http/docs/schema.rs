//! Forms of JSON (JSON Schema) for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::{escaped, prose, text};

/// The forms a body can have, by content type.
pub(super) fn contents(content: &Value) -> String {
    let entries = content.as_object().into_iter().flatten();
    let line = |(kind, media): (&String, &Value)| {
        format!(
            "<p><code>{}</code> {}</p>",
            escaped(kind),
            form(&media["schema"])
        )
    };
    entries.map(line).collect()
}

/// A form in a few words; a named one links to where it is told in full.
pub(super) fn form(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|name| name.rsplit('/').next())
    {
        return format!("<a href=\"#form-{0}\">{0}</a>", escaped(name));
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[key].as_array() {
            let forms: Vec<String> = choices.iter().map(form).collect();
            return forms.join(if key == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("<code>{}</code>", escaped(&word.to_string())))
            .collect();
        return words.join(" or ");
    }
    plain(schema)
}

fn plain(schema: &Value) -> String {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    let kinds = kinds.into_iter().map(|kind| match kind {
        "array" => format!("list of {}", form(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map of {}", form(&schema["additionalProperties"]))
        }
        "object" if schema["properties"].is_object() => fields(schema),
        other => escaped(other),
    });
    kinds.collect::<Vec<_>>().join(" or ")
}

fn fields(schema: &Value) -> String {
    let required = schema["required"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let rows = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            let optional = if required.iter().any(|known| known == name) {
                ""
            } else {
                " <em>optional</em>"
            };
            format!(
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}{optional}</td><td>{}</td></tr>",
                escaped(name),
                form(field),
                prose(text(field, "description")),
            )
        });
    format!(
        "<div class=\"wide\"><table>{}</table></div>",
        rows.collect::<String>()
    )
}

/// Every named form, in full.
pub(super) fn section(document: &Value) -> String {
    let mut html = String::from("<section><h2 id=\"forms\">forms</h2>");
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    for (name, schema) in schemas.into_iter().flatten() {
        let _ = write!(
            html,
            "<article id=\"form-{0}\"><h3>{0}</h3>{1}{2}</article>",
            escaped(name),
            prose(text(schema, "description")),
            form(schema),
        );
    }
    html.push_str("</section>");
    html
}
