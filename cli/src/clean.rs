//! Text from elsewhere, made safe to print: a workspace's output, a server's message or an event
//! must not move the cursor, retitle the window or write to the clipboard.

/// What a filter is in the middle of; sequences may be cut by the end of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate (`ESC ( B`): the next character ends it.
    Intermediate,
    /// In a control sequence (`ESC [`), until its final byte.
    Control,
    /// In an operating system command or another string, until BEL or `ESC \`.
    Text7,
    /// After ESC inside such a string.
    TextEscape,
}

/// Removes terminal control from a stream of text, keeping line breaks, tabs and, if wished,
/// colours.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    state: State,
    keep_colour: bool,
    /// The control sequence being read, kept to be let through if it is a colour.
    pending: String,
    /// The beginning of a character whose end has not come yet.
    partial: Vec<u8>,
}

/// A colour sequence longer than this is none.
const LONGEST_COLOUR: usize = 32;

impl Filter {
    /// A filter that lets colours (`ESC [ … m`) through.
    pub(crate) fn keeping_colour() -> Self {
        Self {
            keep_colour: true,
            ..Self::default()
        }
    }

    /// What of `bytes` may be printed. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> String {
        self.partial.extend_from_slice(bytes);
        let whole = whole_characters(&self.partial);
        let rest = self.partial.split_off(whole);
        let ready = std::mem::replace(&mut self.partial, rest);
        self.text(&String::from_utf8_lossy(&ready))
    }

    /// What of `text` may be printed.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            self.push(character, &mut out);
        }
        out
    }

    fn push(&mut self, character: char, out: &mut String) {
        self.state = match (self.state, character) {
            (State::Text, '\u{1b}') => State::Escape,
            (State::Text, '\u{9b}') => State::Control,
            (State::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::Text7,
            (State::Text, '\n' | '\t') => {
                out.push(character);
                State::Text
            }
            (State::Text, _) => {
                if !character.is_control() && !is_invisible(character) {
                    out.push(character);
                }
                State::Text
            }
            (State::Escape, '[') => {
                self.pending.clear();
                State::Control
            }
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Text7,
            (State::Escape | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape, '\u{1b}') => State::Escape,
            (State::Escape | State::Intermediate, _) => State::Text,
            (State::Control, '\u{40}'..='\u{7e}') => {
                self.end_control(character, out);
                State::Text
            }
            (State::Control, '\u{1b}') => State::Escape,
            (State::Control, '\n') => {
                out.push('\n');
                State::Text
            }
            (State::Control, _) => {
                self.pending.push(character);
                State::Control
            }
            (State::Text7, '\u{7}' | '\u{9c}') => State::Text,
            (State::Text7, '\u{1b}') => State::TextEscape,
            (State::Text7, _) => State::Text7,
            (State::TextEscape, '\\') => State::Text,
            (State::TextEscape, _) => State::Text7,
        };
    }

    fn end_control(&mut self, last: char, out: &mut String) {
        let colour = last == 'm'
            && self.pending.len() <= LONGEST_COLOUR
            && self
                .pending
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'));
        if self.keep_colour && colour {
            out.push_str("\u{1b}[");
            out.push_str(&self.pending);
            out.push('m');
        }
        self.pending.clear();
    }
}

/// Characters that reorder or hide text.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How many bytes of `bytes` are whole characters; at most three are held back.
fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let needs = match bytes[at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if needs > back { at } else { bytes.len() };
    }
    bytes.len()
}

/// `text` on one line, without anything a terminal would act on.
pub(crate) fn clean(text: &str) -> String {
    let filtered = Filter::default().text(text);
    let words: Vec<&str> = filtered.split(['\n', '\t']).map(str::trim).collect();
    let kept: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    kept.join(" ")
}

/// `text` in as many lines as it has, without anything a terminal would act on.
pub(crate) fn clean_lines(text: &str) -> String {
    Filter::default().text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people have done to terminals: titles, clipboard, links, cursor, reports, 8-bit forms.
    const ATTACKS: [&str; 14] = [
        "\u{1b}]0;owned\u{7}",
        "\u{1b}]52;c;ZWNobyBoaQ==\u{7}",
        "\u{1b}]52;c;ZWNobyBoaQ==\u{1b}\\",
        "\u{1b}]8;;http://evil\u{1b}\\",
        "\u{1b}[2J",
        "\u{1b}[1;1H",
        "\u{1b}[6n",
        "\u{1b}[?1049h",
        "\u{1b}P$q\"p\u{1b}\\",
        "\u{1b}_Gf=100;AAAA\u{1b}\\",
        "\u{9b}2J",
        "\u{9d}0;owned\u{9c}",
        "\u{1b}(0",
        "\u{1b}c",
    ];

    #[test]
    fn no_attack_leaves_anything_behind() {
        for attack in ATTACKS {
            assert_eq!(clean(&format!("a{attack}b")), "ab", "{attack:?}");
            assert_eq!(
                Filter::keeping_colour().text(&format!("a{attack}b")),
                "ab",
                "{attack:?}"
            );
        }
    }

    #[test]
    fn an_attack_cut_into_single_bytes_is_still_one() {
        for attack in ATTACKS {
            let mut filter = Filter::keeping_colour();
            let whole = format!("a{attack}b");
            let seen: String = whole
                .as_bytes()
                .chunks(1)
                .map(|piece| filter.bytes(piece))
                .collect();
            assert_eq!(seen, "ab", "{attack:?}");
        }
    }

    #[test]
    fn controls_overwriting_and_reordering_go_and_text_stays() {
        assert_eq!(clean("a\rb\u{8}c\0d\u{202e}e"), "abcde");
        assert_eq!(clean("grün ✓\nzwei\tdrei"), "grün ✓ zwei drei");
        assert_eq!(clean_lines("one\n\ttwo"), "one\n\ttwo");
    }

    #[test]
    fn colours_pass_only_where_wished() {
        let red = "\u{1b}[31mred\u{1b}[0m";
        assert_eq!(clean(red), "red");
        assert_eq!(Filter::keeping_colour().text(red), red);
        assert_eq!(Filter::keeping_colour().text("\u{1b}[>4;2m"), "");
    }

    #[test]
    fn characters_cut_in_two_come_out_whole() {
        let mut filter = Filter::default();
        let text = "aé✓😀z";
        let seen: String = text
            .as_bytes()
            .chunks(1)
            .map(|piece| filter.bytes(piece))
            .collect();
        assert_eq!(seen, text);
        assert_eq!(Filter::default().bytes(b"\xff!"), "\u{fffd}!");
    }
}
