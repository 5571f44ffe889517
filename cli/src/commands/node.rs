//! `nexus node list`.

use nexus_events::view::{NodeView, Page};

use super::workspace::all_pages;
use crate::args::Node;
use crate::client::Request;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Node) -> Result<Exit> {
    match command {
        Node::List => {
            let request = Request::get("list the nodes", "/api/v1/nodes");
            let nodes: Page<NodeView> = all_pages(&context.client()?, &request).await?;
            context.show(&nodes)?;
            Ok(Exit::Ok)
        }
    }
}
