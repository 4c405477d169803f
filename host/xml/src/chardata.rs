//! Character data as it arrives in pieces: UTF-8, characters of XML, line ends (XML 1.0 §2.11), and `]]>` (§2.4).

use crate::chars;
use crate::error::XmlError;

/// Where the characters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Between tags, where `]]>` may not stand.
    Text,
    /// In a CDATA section.
    CData,
}

/// What has to be remembered between two pieces of text.
#[derive(Debug, Default)]
pub(crate) struct CharData {
    /// The first bytes of a character that is not complete.
    tail: [u8; 4],
    tail_len: u8,
    /// The last character was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// How many `]` the text ends with, two at most.
    brackets: u8,
}

impl CharData {
    /// Takes a piece, and hands its characters on in order.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        kind: Kind,
        sink: &mut impl FnMut(&str) -> Result<(), XmlError>,
    ) -> Result<(), XmlError> {
        while self.tail_len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else {
                return Ok(());
            };
            bytes = rest;
            self.complete(byte, kind, sink)?;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text, kind, sink),
            Err(error) => {
                let (valid, rest) = bytes
                    .split_at_checked(error.valid_up_to())
                    .unwrap_or((bytes, &[]));
                self.text(std::str::from_utf8(valid).unwrap_or_default(), kind, sink)?;
                if error.error_len().is_some() {
                    return Err(XmlError::NotWellFormed("invalid utf-8"));
                }
                for (slot, &byte) in self.tail.iter_mut().zip(rest) {
                    *slot = byte;
                    self.tail_len = self.tail_len.saturating_add(1);
                }
                Ok(())
            }
        }
    }

    /// Whether no character is cut in two.
    pub(crate) fn is_complete(&self) -> bool {
        self.tail_len == 0
    }

    /// Something else than text begins.
    pub(crate) fn end(&mut self) -> Result<(), XmlError> {
        self.after_cr = false;
        self.brackets = 0;
        if self.tail_len == 0 {
            Ok(())
        } else {
            Err(XmlError::NotWellFormed("invalid utf-8"))
        }
    }

    /// One more byte of a character that was cut in two.
    fn complete(
        &mut self,
        byte: u8,
        kind: Kind,
        sink: &mut impl FnMut(&str) -> Result<(), XmlError>,
    ) -> Result<(), XmlError> {
        if let Some(slot) = self.tail.get_mut(usize::from(self.tail_len)) {
            *slot = byte;
        }
        self.tail_len = self.tail_len.saturating_add(1);
        let tail = self.tail;
        let bytes = tail.get(..usize::from(self.tail_len)).unwrap_or(&tail);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.tail_len = 0;
                self.text(text, kind, sink)
            }
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(XmlError::NotWellFormed("invalid utf-8")),
        }
    }

    fn text(
        &mut self,
        mut text: &str,
        kind: Kind,
        sink: &mut impl FnMut(&str) -> Result<(), XmlError>,
    ) -> Result<(), XmlError> {
        if text.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.after_cr) {
            text = text.strip_prefix('\n').unwrap_or(text);
        }
        while let Some(at) = chars::find(text.as_bytes(), chars::IN_TEXT) {
            let (plain, special) = text.split_at_checked(at).unwrap_or((text, ""));
            self.plain(plain, sink)?;
            let mut rest = special.chars();
            match rest.next() {
                Some('\r') => {
                    self.plain("\n", sink)?;
                    self.after_cr = rest.as_str().is_empty();
                    text = rest.as_str().strip_prefix('\n').unwrap_or(rest.as_str());
                    continue;
                }
                Some('>') if self.brackets == 2 && kind == Kind::Text => {
                    return Err(XmlError::NotWellFormed("]]> in text"));
                }
                Some(c) if chars::is_char(c) => self.plain(c.encode_utf8(&mut [0; 4]), sink)?,
                _ => return Err(XmlError::NotWellFormed("character that xml does not have")),
            }
            text = rest.as_str();
        }
        self.plain(text, sink)
    }

    fn plain(
        &mut self,
        text: &str,
        sink: &mut impl FnMut(&str) -> Result<(), XmlError>,
    ) -> Result<(), XmlError> {
        if text.is_empty() {
            return Ok(());
        }
        self.brackets = match text.as_bytes() {
            [.., b']', b']'] => 2,
            [b']'] => self.brackets.saturating_add(1).min(2),
            [.., b']'] => 1,
            _ => 0,
        };
        sink(text)
    }
}
