//! Access tokens.

use nexus_events::user::Scope;
use nexus_events::view::{IssuedToken, TokenView};

use super::{Row, Show};
use crate::screen::Screen;

impl Row for TokenView {
    const HEADINGS: &'static [&'static str] = &["TOKEN", "USER", "SCOPE", "ISSUED", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.user.to_string(),
            match self.scope {
                Scope::User => "user".into(),
                Scope::Admin => "admin".into(),
            },
            format!("{:.0}", self.issued_at),
            self.expires_at
                .map_or("never".into(), |at| format!("{at:.0}")),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Show for IssuedToken {
    /// The text alone, so that it can be caught by `$(…)`.
    fn table(&self, _screen: &Screen) -> String {
        format!("{}\n", crate::clean::clean(&self.token))
    }

    fn names(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }
}
