//! Bugs put in on purpose: a search that finds nothing has to show that it would.

use nexus_nats::memory::Flaws;

/// A bug put in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plant {
    /// None.
    #[default]
    Nothing,
    /// The log takes an append whatever it expects.
    MissingFence,
    /// The queue keeps a command that was acknowledged.
    LostAcknowledgement,
}

impl Plant {
    /// Every bug, by what it is called.
    pub const ALL: [(&'static str, Self); 2] = [
        ("missing-fence", Self::MissingFence),
        ("lost-acknowledgement", Self::LostAcknowledgement),
    ];

    /// What it is called; `nothing` when there is none.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, plant)| *plant == self);
        known.map_or("nothing", |(name, _)| name)
    }

    pub(super) const fn flaws(self) -> Flaws {
        Flaws {
            unfenced: matches!(self, Self::MissingFence),
            loses_acknowledgements: matches!(self, Self::LostAcknowledgement),
        }
    }
}
