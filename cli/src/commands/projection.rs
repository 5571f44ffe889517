//! `nexus projection …`: the read models.

mod work;

use nexus_events::view::ProjectionView;
use serde::Serialize;

use crate::args::projection::Projection;
use crate::client::Request;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

const PATH: &str = "/api/v1/projections";

#[derive(Debug, Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Projections(Vec<ProjectionView>);

pub(super) async fn run(context: &Context, command: &Projection) -> Result<Exit> {
    match command {
        Projection::List => list(context).await,
        Projection::Verify => work::verify(context).await,
        Projection::Upgrade(steps) => work::upgrade(context, *steps).await,
        Projection::Rebuild(change) => {
            let path = format!("{PATH}/rebuild");
            let request = Request::post("make the read models anew", path);
            if change.dry_run {
                context.show_request(&request)?;
                return Ok(Exit::Ok);
            }
            context.client()?.perform(&request).await?;
            context.say("they are being made anew: nexus projection list");
            Ok(Exit::Ok)
        }
    }
}

async fn list(context: &Context) -> Result<Exit> {
    let request = Request::get("list the read models", PATH);
    let projections: Projections = context.client()?.send(&request).await?;
    context.show(&projections)?;
    Ok(Exit::Ok)
}

impl Row for ProjectionView {
    const HEADINGS: &'static [&'static str] = &["NAME", "EVENT", "BEHIND", "STATE"];

    fn cells(&self) -> Vec<String> {
        let state = match (self.rebuilding, self.lag) {
            (true, _) => "made anew",
            (false, 0) => "up to date",
            (false, _) => "behind",
        };
        vec![
            self.name.clone(),
            self.sequence.to_string(),
            self.lag.to_string(),
            state.into(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Show for Projections {
    fn table(&self, _screen: &Screen) -> String {
        table(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(Row::name).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.0.iter().map(serde_json::to_string).collect()
    }
}
