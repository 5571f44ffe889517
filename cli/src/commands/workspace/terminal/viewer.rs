//! Where a viewer stands in its session, and what to do about what the server says. Pure: no
//! socket, no clock, no terminal.

use nexus_events::view::TerminalTold;
use nexus_events::work::ExecExit;

use crate::client::encoded;
use crate::error::Error;
use crate::exit::Exit;

/// A viewer of one session.
#[derive(Debug, Default)]
pub(super) struct Viewer {
    /// Known once attached.
    session: Option<String>,
    /// The number of the next byte.
    next: u64,
    ended: Option<Option<ExecExit>>,
    /// The last thing that went wrong, in the server's words.
    error: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Nothing,
    /// Say this.
    Say(String),
    /// Acknowledge everything before this offset: only then the server counts.
    Acknowledge(u64),
    /// An answer to the ping of this number came.
    Pong(u64),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closed {
    /// The program ended.
    Ended(Option<ExecExit>),
    /// The session goes on; come back to it.
    ComeBack(String),
    /// It is over.
    Over(Exit, String),
}

impl Viewer {
    /// The query that attaches, and after a break attaches again where we were.
    pub(super) fn query(&self, session: Option<&str>, read_only: bool, record: bool) -> String {
        let mut query = match (&self.session, session) {
            (Some(known), _) => format!("session={}&after={}", encoded(known), self.next),
            (None, Some(wanted)) => format!("session={}", encoded(wanted)),
            (None, None) => String::new(),
        };
        for (wanted, name) in [(read_only, "read_only"), (record, "record")] {
            if wanted {
                query.push_str(&format!("&{name}=true"));
            }
        }
        query.trim_start_matches('&').to_owned()
    }

    /// The session, once attached.
    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Takes bytes; the offset at their end.
    pub(super) const fn bytes(&mut self, count: usize) -> u64 {
        self.next += count as u64;
        self.next
    }

    /// Takes a text frame.
    pub(super) fn told(&mut self, told: TerminalTold) -> Act {
        match told {
            TerminalTold::Attached { session, from, .. } => {
                let missed = self.session.is_some() && from > self.next;
                let gap = from.saturating_sub(self.next);
                self.session = Some(session);
                self.next = from;
                match missed {
                    true => Act::Say(format!("{gap} bytes were not kept and are missing here")),
                    false => Act::Acknowledge(from),
                }
            }
            TerminalTold::Gap { from } => {
                let gap = from.saturating_sub(self.next);
                self.next = from;
                Act::Say(format!("{gap} bytes were not kept and are missing here"))
            }
            TerminalTold::Status { message, step } => Act::Say(match step {
                Some(step) => format!("{message} ({step})"),
                None => message,
            }),
            TerminalTold::Ended { exit } => {
                self.ended = Some(exit);
                Act::Nothing
            }
            TerminalTold::Error { message, .. } => {
                self.error = Some(message.clone());
                Act::Nothing
            }
            TerminalTold::Pong { id } => Act::Pong(id),
        }
    }

    /// What the end of the connection means; `None`: it broke without a word.
    pub(super) fn closed(&mut self, close: Option<(u16, String)>) -> Closed {
        let told = self.error.take();
        if let Some(exit) = self.ended {
            return Closed::Ended(exit);
        }
        let Some((code, reason)) = close else {
            return Closed::ComeBack(told.unwrap_or_else(|| "the connection broke".into()));
        };
        let why = match (told, reason.is_empty()) {
            (Some(told), _) => told,
            (None, false) => reason,
            (None, true) => format!("the server closed it ({code})"),
        };
        match code {
            1000 => Closed::Ended(None),
            1001 | 1006 | 1012 | 1013 | 4003 | 4005 => Closed::ComeBack(why),
            1008 => Closed::Over(Exit::Auth, why),
            4001 => Closed::Over(Exit::NotReady, why),
            4002 | 4004 => Closed::Over(Exit::NotFound, why),
            _ => Closed::Over(Exit::Failure, why),
        }
    }
}

/// How the command ends when the program did.
pub(super) fn exit(exit: Option<ExecExit>) -> Exit {
    match exit {
        None | Some(ExecExit::Code(0)) => Exit::Ok,
        Some(ended) => Exit::Remote(super::super::exec::shell_code(ended)),
    }
}

/// The error of a terminal that is over.
pub(super) fn over(workspace: &str, exit: Exit, why: &str) -> Error {
    let next = match exit {
        Exit::NotFound => format!("nexus workspace terminal {workspace} --list"),
        Exit::NotReady => format!("nexus workspace start {workspace}"),
        _ => format!("nexus workspace status {workspace}"),
    };
    let what = format!("keep the terminal of workspace {workspace}");
    Error::new(exit, what, crate::clean::clean(why), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(from: u64) -> TerminalTold {
        TerminalTold::Attached {
            session: "s1".into(),
            created: from == 0,
            from,
            end: from,
            read_only: false,
        }
    }

    #[test]
    fn after_a_break_it_goes_on_after_the_last_byte() {
        let mut viewer = Viewer::default();
        assert_eq!(viewer.query(None, false, false), "");
        assert_eq!(
            viewer.query(Some("new"), true, true),
            "session=new&read_only=true&record=true"
        );
        assert_eq!(viewer.query(None, true, false), "read_only=true");
        assert_eq!(viewer.told(attached(100)), Act::Acknowledge(100));
        assert_eq!(viewer.bytes(7), 107);
        assert_eq!(
            viewer.closed(None),
            Closed::ComeBack("the connection broke".into())
        );
        assert_eq!(
            viewer.query(Some("new"), false, false),
            "session=s1&after=107"
        );
        assert_eq!(viewer.told(attached(107)), Act::Acknowledge(107));
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut viewer = Viewer::default();
        viewer.told(attached(0));
        for (told, next) in [(attached(10), 10), (TerminalTold::Gap { from: 20 }, 20)] {
            let said = viewer.told(told);
            assert_eq!(
                said,
                Act::Say("10 bytes were not kept and are missing here".into())
            );
            assert_eq!(viewer.bytes(0), next);
        }
    }

    #[test]
    fn every_close_code_has_its_end() {
        for (code, wanted) in [
            (1001, None),
            (4003, None),
            (4005, None),
            (1008, Some(Exit::Auth)),
            (1009, Some(Exit::Failure)),
            (4001, Some(Exit::NotReady)),
            (4002, Some(Exit::NotFound)),
            (4004, Some(Exit::NotFound)),
        ] {
            let closed = Viewer::default().closed(Some((code, "why".into())));
            let expected = match wanted {
                None => Closed::ComeBack("why".into()),
                Some(exit) => Closed::Over(exit, "why".into()),
            };
            assert_eq!(closed, expected, "{code}");
        }
        let mut viewer = Viewer::default();
        viewer.told(TerminalTold::Ended {
            exit: Some(ExecExit::Code(3)),
        });
        assert_eq!(viewer.closed(None), Closed::Ended(Some(ExecExit::Code(3))));
        assert_eq!(exit(Some(ExecExit::Signal(9))), Exit::Remote(137));
    }
}
