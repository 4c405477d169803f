//! One element by itself, complete.

use crate::assemble::{Assembler, Built, Outside};
use crate::chardata::Kind;
use crate::element::Element;
use crate::error::XmlError;
use crate::limits::{Limit, Limits};
use crate::scanner::{Scanner, Token};
use crate::scope::Scope;

impl Element {
    /// Parses exactly one element, complete, where `default_ns` is the namespace of names without prefix. White space around it
    /// is allowed, an XML declaration is not. As strict as a stream, and with the same limits.
    pub fn parse(xml: &[u8], default_ns: &str, limits: &Limits) -> Result<Element, XmlError> {
        let mut scanner = Scanner::inside();
        let mut assembler = Assembler::new(Scope::with_default(default_ns));
        let mut element = None;
        let (mut rest, mut count) = (xml, 0_usize);
        while !rest.is_empty() {
            let room = limits.stanza_bytes.saturating_sub(count);
            if room == 0 {
                return Err(XmlError::TooBig(Limit::StanzaBytes));
            }
            let (used, token) = scanner.step(rest.get(..room).unwrap_or(rest), room)?;
            count = count.saturating_add(used);
            rest = rest.get(used..).unwrap_or(&[]);
            match token {
                Token::Tag(_) if element.is_some() => {
                    return Err(XmlError::NotWellFormed("more than one root element"));
                }
                Token::Tag(tag) => {
                    element = built(assembler.tag(tag, Outside::Document, limits, &mut count)?)?;
                }
                Token::Text(bytes) => assembler.text(bytes, Kind::Text, Outside::Document)?,
                Token::CData(bytes) => assembler.text(bytes, Kind::CData, Outside::Document)?,
                Token::CDataStart => assembler.cdata(Outside::Document)?,
                Token::CDataEnd => assembler.end_text()?,
                Token::Reference(name) => assembler.reference(name, Outside::Document)?,
                Token::Partial | Token::Declaration(_) => {}
            }
        }
        let whole = scanner.is_between() && assembler.is_between();
        element
            .filter(|_| whole)
            .ok_or(XmlError::NotWellFormed("the element does not end"))
    }
}

fn built(built: Built) -> Result<Option<Element>, XmlError> {
    match built {
        Built::Nothing => Ok(None),
        Built::Element(element) => Ok(Some(element)),
        Built::OuterEnd => Err(XmlError::NotWellFormed("end tag without start tag")),
    }
}
