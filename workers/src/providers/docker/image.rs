//! The image: here already, or fetched from a registry that can be reached.

use std::time::Duration;

use bollard::Docker;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt as _;
use nexus_events::name::ImageName;

use super::error::{engine_error, is_absent};
use crate::provider::{ErrorClass, Image, Progress, ProviderError, Result};

/// Images of this name space are built here and exist in no registry; whoever owned the name there
/// would run their code in everybody's workspaces, so they are never fetched.
const OURS: &str = "nexus/";
const PULL_LIMIT: Duration = Duration::from_secs(300);

pub(super) async fn prepare(
    docker: &Docker,
    name: &ImageName,
    progress: &Progress,
) -> Result<Image> {
    if let Some(image) = find(docker, name).await? {
        return Ok(image);
    }
    if name.as_str().starts_with(OURS) {
        let cause = format!("there is no image {name} on this machine");
        return Err(
            ProviderError::new(ErrorClass::Absent, "looking for the image", cause)
                .with_hint("./dev image builds nexus/base:latest; other images: docker image ls"),
        );
    }
    pull(docker, name, progress).await?;
    let image = find(docker, name)
        .await?
        .ok_or_else(|| absent(name, "it is not there although it was fetched"))?;
    Ok(Image {
        reused: false,
        ..image
    })
}

async fn find(docker: &Docker, name: &ImageName) -> Result<Option<Image>> {
    match docker.inspect_image(name.as_str()).await {
        Ok(found) => Ok(Some(described(name, found))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(engine_error(format!("looking for image {name}"), error)),
    }
}

/// The image's labels say who works in it.
fn described(name: &ImageName, found: ImageInspect) -> Image {
    let labels = found
        .config
        .and_then(|config| config.labels)
        .unwrap_or_default();
    let user = labels
        .get("user")
        .cloned()
        .unwrap_or_else(|| Image::DEFAULT_USER.to_owned());
    let home = labels
        .get("home")
        .cloned()
        .unwrap_or_else(|| format!("/home/{user}"));
    Image {
        name: name.to_string(),
        reused: true,
        user,
        home,
    }
}

async fn pull(docker: &Docker, name: &ImageName, progress: &Progress) -> Result<()> {
    progress.say(format!("fetching image {name}"));
    let pulling = follow_pull(docker, name, progress);
    match tokio::time::timeout(PULL_LIMIT, pulling).await {
        Ok(pulled) => pulled,
        Err(_) => Err(absent(
            name,
            &format!("fetching took over {} s", PULL_LIMIT.as_secs()),
        )),
    }
}

async fn follow_pull(docker: &Docker, name: &ImageName, progress: &Progress) -> Result<()> {
    let options = CreateImageOptionsBuilder::default()
        .from_image(&with_tag(name))
        .build();
    let mut steps = docker.create_image(Some(options), None, None);
    while let Some(step) = steps.next().await {
        let step = step.map_err(|error| {
            let engine = engine_error("fetching", error);
            absent(name, &engine.cause).caused_by(engine)
        })?;
        say_step(&step, progress);
    }
    Ok(())
}

fn say_step(step: &CreateImageInfo, progress: &Progress) {
    let Some(status) = &step.status else { return };
    // Bytes counted up and up are for a terminal, not for a log.
    if step
        .progress_detail
        .as_ref()
        .is_some_and(|detail| detail.total.is_some())
    {
        return;
    }
    match &step.id {
        Some(layer) => progress.say(format!("{layer}: {status}")),
        None => progress.say(status.clone()),
    }
}

/// Without a tag the engine would fetch every tag there is.
fn with_tag(name: &ImageName) -> String {
    let text = name.as_str();
    let last = text.rsplit('/').next().unwrap_or(text);
    if last.contains(':') || last.contains('@') {
        text.to_owned()
    } else {
        format!("{text}:latest")
    }
}

fn absent(name: &ImageName, cause: &str) -> ProviderError {
    let cause = format!("image {name} is not here and could not be fetched: {cause}");
    ProviderError::new(ErrorClass::Absent, "fetching the image", cause)
        .with_hint(format!("see whether it exists: docker pull {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_fetched_never_all() {
        for (name, fetched) in [
            ("ubuntu", "ubuntu:latest"),
            ("r.example.com:5000/a", "r.example.com:5000/a:latest"),
            ("ubuntu:22.04", "ubuntu:22.04"),
            ("a/b@sha256:00ff", "a/b@sha256:00ff"),
        ] {
            assert_eq!(with_tag(&name.parse().unwrap()), fetched);
        }
    }
}
