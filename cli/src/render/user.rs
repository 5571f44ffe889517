//! People.

use nexus_events::view::{RegisterUserReply, UserView};

use super::{Row, Show, facts};
use crate::screen::Screen;

impl Row for UserView {
    const HEADINGS: &'static [&'static str] = &["LOGIN", "USER", "REGISTERED", "KEYS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.github_login.clone().unwrap_or_default(),
            self.id.to_string(),
            format!("{:.0}", self.registered_at),
            self.keys.join(", "),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Show for RegisterUserReply {
    fn table(&self, _screen: &Screen) -> String {
        let ids: Vec<String> = self.workspaces.iter().map(ToString::to_string).collect();
        facts(&[
            ("user", self.user_id.to_string()),
            ("registered", format!("{:.0}", self.registered_at)),
            ("workspaces", ids.join(", ")),
        ])
    }

    fn names(&self) -> Vec<String> {
        vec![self.user_id.to_string()]
    }
}
