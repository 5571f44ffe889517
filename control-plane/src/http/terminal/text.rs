//! Bytes as text that may have been cut anywhere.

/// Makes text of bytes; what may be the beginning of a character waits for the rest of it.
#[derive(Debug, Default)]
pub(super) struct TextDecoder {
    begun: Vec<u8>,
}

impl TextDecoder {
    /// The text up to the last whole character. What is none becomes U+FFFD.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.begun.len());
        let mut rest = self.begun.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(wrong) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[wrong..];
                }
            }
        }
        self.begun = rest.to_vec();
        text
    }
}

/// Decodes any bytes whole and cut in two: the text is the same, and what waits for its rest is
/// shorter than a character.
#[cfg(feature = "testing")]
pub(super) fn decode_cut(bytes: &[u8]) {
    let mut whole = TextDecoder::default();
    let expected = whole.decode(bytes);
    let cut = bytes
        .first()
        .map_or(0, |first| usize::from(*first) % bytes.len());
    let (first, second) = bytes.split_at(cut);
    let mut decoder = TextDecoder::default();
    let text = decoder.decode(first) + &decoder.decode(second);
    assert_eq!(text, expected);
    assert_eq!(decoder.begun, whole.begun);
    assert!(whole.begun.len() < 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_anywhere_arrives_whole() {
        let text = "aä€😀\u{1b}[0m";
        for cut in 0..=text.len() {
            let mut decoder = TextDecoder::default();
            let (first, second) = text.as_bytes().split_at(cut);
            let decoded = decoder.decode(first) + &decoder.decode(second);
            assert_eq!(decoded, text, "cut at {cut}");
        }
        let mut decoder = TextDecoder::default();
        let bytes = text.as_bytes().iter();
        let decoded: String = bytes.map(|byte| decoder.decode(&[*byte])).collect();
        assert_eq!(decoded, text);
    }

    #[test]
    fn what_is_no_text_holds_up_nothing() {
        let mut decoder = TextDecoder::default();
        assert_eq!(decoder.decode(b"a\xffb\xc3"), "a\u{fffd}b");
        assert_eq!(decoder.decode(b"("), "\u{fffd}(");
        assert_eq!(decoder.decode(b"\xf0\x9f"), "");
    }
}
