//! What `nexus up` ends with: how it went, and how to get in.

use nexus_events::view::WorkspaceView;
use serde::Serialize;

use super::{Show, phase_text};
use crate::clean::clean;
use crate::screen::Screen;
use crate::waterfall::Waterfall;

/// A workspace that was brought up.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The workspace.
    pub(crate) workspace: WorkspaceView,
    /// The operation that brought it up, if there was anything to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waterfall: Option<Waterfall>,
    /// The whole OpenSSH command, once there is a port and a host key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ssh_command: Option<String>,
}

impl Show for Summary {
    fn table(&self, screen: &Screen) -> String {
        let name = &self.workspace.name;
        let mut page = match &self.waterfall {
            Some(waterfall) => format!("{}\n", waterfall.draw(screen)),
            None => String::new(),
        };
        page.push_str(&format!("{name} is {}\n", phase_text(&self.workspace)));
        let mut line = |what: &str, value: &str| {
            page.push_str(&format!("  {what:8}  {}\n", clean(value)));
        };
        line("shell", &format!("nexus workspace ssh {name}"));
        if let Some(command) = &self.ssh_command {
            line("or", command);
        }
        for (service, view) in &self.workspace.services {
            let address = view.url.as_deref().or(view.cause.as_deref());
            line(service.as_str(), address.unwrap_or("has no port"));
        }
        page
    }

    fn names(&self) -> Vec<String> {
        vec![self.workspace.name.to_string()]
    }
}
