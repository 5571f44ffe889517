//! What is typed: bytes for the program inside, and a few keys for this one, after Ctrl-].

/// Said before the first byte of the terminal.
pub(super) const HELP: &str = "Ctrl-] d leaves, Ctrl-] l shows the latency";

const ESCAPE: u8 = 0x1d;

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// These bytes are for the program.
    Input(Vec<u8>),
    /// Go away from the terminal.
    Leave,
    /// Tell how long a byte takes.
    Latency,
    /// Have the program draw itself anew.
    Redraw,
}

/// Tells keys apart, also when they come in pieces.
#[derive(Debug, Default)]
pub(super) struct Keys {
    escaped: bool,
}

impl Keys {
    /// The keys in `bytes`.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut input = Vec::new();
        for &byte in bytes {
            let key = match (std::mem::take(&mut self.escaped), byte) {
                (false, ESCAPE) => {
                    self.escaped = true;
                    continue;
                }
                (true, b'd') => Key::Leave,
                (true, b'l') => Key::Latency,
                (true, b'r') => Key::Redraw,
                (true, other) if other != ESCAPE => {
                    input.extend([ESCAPE, other]);
                    continue;
                }
                (_, other) => {
                    input.push(other);
                    continue;
                }
            };
            if !input.is_empty() {
                keys.push(Key::Input(std::mem::take(&mut input)));
            }
            keys.push(key);
        }
        if !input.is_empty() {
            keys.push(Key::Input(input));
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Key {
        Key::Input(text.as_bytes().to_vec())
    }

    #[test]
    fn only_what_follows_the_escape_is_ours() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"ls dlr\x1b[A"), [input("ls dlr\x1b[A")]);
        assert_eq!(
            keys.read(b"a\x1dlb\x1dd"),
            [input("a"), Key::Latency, input("b"), Key::Leave]
        );
        assert_eq!(
            keys.read(b"\x1d\x1d"),
            [input("\x1d")],
            "typed twice it is sent"
        );
        assert_eq!(
            keys.read(b"\x1dx"),
            [input("\x1dx")],
            "no key of ours is lost"
        );
    }

    #[test]
    fn a_key_cut_in_two_is_still_one() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"a\x1d"), [input("a")]);
        assert_eq!(keys.read(b"r"), [Key::Redraw]);
    }
}
