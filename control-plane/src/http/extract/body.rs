//! A JSON body: its content type, its size, its form.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::BytesMut;
use futures::StreamExt as _;
use nexus_events::problem::ProblemCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::field_error;
use crate::http::error::Refusal;

/// The largest body read, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// A body of JSON that has the form of `T`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        check_content_type(request.headers())?;
        let bytes = read(request).await?;
        parse(&bytes).map(Self)
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    let given: String = given.escape_debug().take(80).collect();
    let cause = format!("`{given}` is not read here");
    Err(Refusal::new(
        ProblemCode::UnsupportedMediaType,
        format!("Content-Type: {cause}"),
        "send JSON, with the header `Content-Type: application/json`",
    )
    .naming("Content-Type", cause))
}

async fn read(request: Request) -> Result<BytesMut, Refusal> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or_default());
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken_off(&error))?;
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large() -> Refusal {
    Refusal::new(
        ProblemCode::PayloadTooLarge,
        "body: it is larger than 1 MiB",
        "send at most 1 MiB; copy files into the workspace over SSH instead",
    )
    .naming("body", "larger than 1 MiB")
}

fn broken_off(error: &axum::Error) -> Refusal {
    Refusal::new(
        ProblemCode::MalformedRequest,
        format!("body: it broke off: {error}"),
        "send the whole body, with the right Content-Length",
    )
    .naming("body", "broke off")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // A list could stand for an object's fields, which nobody documents.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let cause = "it is a list, and an object is expected";
        let hint = "send one JSON object; /docs shows the form of the request";
        return Err(Refusal::new(
            ProblemCode::MalformedRequest,
            format!("body: {cause}"),
            hint,
        )
        .naming("body", cause));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refuse(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| refuse(".", &error))?;
    Ok(value)
}

fn refuse(path: &str, error: &serde_json::Error) -> Refusal {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    let cause = full
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&full);
    let path = if error.is_data() { path } else { "." };
    let wrong = field_error(path, cause);
    let place = format!("(line {line}, column {column})");
    let (code, detail) = match error.classify() {
        Category::Data if wrong.field != "body" => (
            ProblemCode::ValidationError,
            format!("{}: {cause} {place}", wrong.field),
        ),
        Category::Data => (
            ProblemCode::MalformedRequest,
            format!("body: {cause} {place}"),
        ),
        Category::Syntax | Category::Eof | Category::Io => (
            ProblemCode::MalformedRequest,
            format!("body: it is not JSON: {cause} {place}"),
        ),
    };
    let hint = match code {
        ProblemCode::ValidationError => "correct this field; /docs shows the form of the request",
        _ => "send one JSON object; /docs shows the form of the request",
    };
    Refusal::new(code, detail, hint).with_errors(vec![wrong])
}

#[cfg(test)]
mod tests {
    use nexus_events::view::{CreateWorkspaceRequest, NewWorkspace};

    use super::*;

    fn wrong<T: DeserializeOwned>(text: &str) -> (ProblemCode, String, String) {
        let refusal = parse::<T>(text.as_bytes()).err().expect("it is refused");
        let problem = refusal.problem();
        (
            problem.code,
            problem.errors[0].field.clone(),
            problem.detail.clone(),
        )
    }

    #[test]
    fn the_wrong_field_is_named_wherever_it_is() {
        let create =
            |extra: &str| format!(r#"{{"github_username":"alice","workspace_name":"a"{extra}}}"#);
        for (text, field) in [
            (create(r#","nmae":1"#), "nmae"),
            (create(r#","image":7"#), "image"),
            (create(r#","repo":{"owner":"a"}"#), "repo.name"),
            (
                create(r#","repo":{"owner":"a","name":"b","sha":"c"}"#),
                "repo.sha",
            ),
            (
                create(r#","services":[{"name":"web","command":"x","port":70000}]"#),
                "services[0].port",
            ),
            (r#"{"github_username":"alice"}"#.into(), "workspace_name"),
        ] {
            let (code, named, detail) = wrong::<CreateWorkspaceRequest>(&text);
            assert_eq!(
                (code, named.as_str()),
                (ProblemCode::ValidationError, field),
                "{text}"
            );
            assert!(
                detail.contains(field) && detail.contains("column"),
                "{detail}"
            );
        }
        let (code, field, detail) =
            wrong::<NewWorkspace>(r#"{"name":"../x","spec":{"provider":"docker"}}"#);
        assert_eq!(
            (code, field.as_str()),
            (ProblemCode::ValidationError, "name")
        );
        assert!(detail.contains("lower-case letters"), "{detail}");
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        let good = r#"{"name":"a","spec":{"provider":"docker"}}"#;
        let twice = format!("{good} {good}");
        for text in ["", "{", "[7]", "7", "null", "\u{1}", &twice] {
            let (code, field, detail) = wrong::<NewWorkspace>(text);
            assert_eq!(code, ProblemCode::MalformedRequest, "{text}: {detail}");
            assert_eq!(field, "body", "{text}: {detail}");
        }
    }
}
