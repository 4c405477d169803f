//! `StreamParser`: from the bytes of an XMPP stream to its header, its stanzas and its end.

use crate::assemble::{Assembler, Built, Outside};
use crate::chardata::Kind;
use crate::declaration;
use crate::element::Element;
use crate::error::XmlError;
use crate::limits::{Limit, Limits};
use crate::scanner::{Scanner, Token};

/// What a stream brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The stream header.
    Open(StreamHeader),
    /// A child of the stream element: a stanza, or an element of the negotiation.
    Element(Element),
    /// The stream's end tag.
    Close,
}

/// The start tag of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    /// The stream element: name, namespace and attributes. It has no children.
    pub root: Element,
    /// The default namespace that it declares, which is the content namespace of most streams (RFC 6120 §4.8.2).
    pub default_ns: Option<String>,
    /// The prefix of the stream element's name (RFC 6120 §4.8.5).
    pub prefix: Option<String>,
}

/// Where in the stream the next byte stands.
#[derive(Debug)]
enum Place {
    /// Before the header.
    Prologue,
    /// Inside the stream element, whose name was written so.
    Inside {
        name: Box<str>,
    },
    /// The header was that of an empty element: its end has yet to be told.
    Closing,
    /// After the stream's end tag.
    Closed,
    Failed(XmlError),
}

/// Parses one direction of an XMPP stream, in whatever pieces it comes.
///
/// Its work is linear in the bytes, however they are split, and the events are the same. Between stanzas it holds nothing
/// but what the header declared.
#[derive(Debug)]
pub struct StreamParser {
    limits: Limits,
    scanner: Scanner,
    assembler: Assembler,
    place: Place,
    /// Bytes since the last boundary.
    count: usize,
}

impl StreamParser {
    /// A parser at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            scanner: Scanner::new(),
            assembler: Assembler::default(),
            place: Place::Prologue,
            count: 0,
        }
    }

    /// Changes the limits, from the next token on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Expects a new stream header, as after STARTTLS and after SASL. What was not consumed of the old stream is forgotten.
    pub fn restart(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Bytes of heap held for a token or an element that is not complete: 0 between stanzas.
    pub fn buffered(&self) -> usize {
        if self.is_between() {
            0
        } else {
            self.heap_bytes()
        }
    }

    /// Bytes of heap held altogether: what is buffered, and the namespaces that the header declared.
    pub fn heap_bytes(&self) -> usize {
        self.scanner
            .heap_bytes()
            .saturating_add(self.assembler.heap_bytes())
    }

    /// Whether the socket may end here: after the stream's end tag.
    pub fn finish(&self) -> Result<(), XmlError> {
        match self.place {
            Place::Failed(error) => Err(error),
            Place::Closed if self.is_between() => Ok(()),
            _ => Err(XmlError::NotWellFormed(
                "the stream ended without its end tag",
            )),
        }
    }

    fn is_between(&self) -> bool {
        self.scanner.is_between() && self.assembler.is_between()
    }

    /// Consumes from `input` up to the end of the first event, and returns that. `Ok(None)`: all was consumed, and nothing is
    /// complete. White space between stanzas is swallowed. An error is final: it comes again at every later call.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<StreamEvent>, XmlError> {
        let result = self.advance(input);
        if let Err(error) = result {
            self.place = Place::Failed(error);
            self.scanner.release();
            self.assembler = Assembler::default();
        }
        result
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<StreamEvent>, XmlError> {
        match self.place {
            Place::Failed(error) => return Err(error),
            Place::Closing => {
                self.place = Place::Closed;
                return Ok(Some(StreamEvent::Close));
            }
            _ => {}
        }
        while !input.is_empty() {
            let room = self.limits.stanza_bytes.saturating_sub(self.count);
            if room == 0 {
                return Err(XmlError::TooBig(Limit::StanzaBytes));
            }
            let window = input.get(..room).unwrap_or(input);
            let (used, token) = self.scanner.step(window, room)?;
            self.count = self.count.saturating_add(used);
            *input = input.get(used..).unwrap_or(&[]);
            let event = accept(
                token,
                &mut self.assembler,
                &mut self.place,
                &self.limits,
                &mut self.count,
            )?;
            if event.is_some() {
                self.boundary();
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// An event is complete: nothing of it is kept.
    fn boundary(&mut self) {
        self.count = 0;
        self.scanner.release();
        self.assembler.scope.shrink();
    }
}

/// Takes one token where the stream stands.
fn accept(
    token: Token<'_>,
    assembler: &mut Assembler,
    place: &mut Place,
    limits: &Limits,
    count: &mut usize,
) -> Result<Option<StreamEvent>, XmlError> {
    let outside = match place {
        Place::Inside { .. } => Outside::Stream,
        _ => Outside::Document,
    };
    match token {
        Token::Partial => {}
        Token::Text(bytes) => assembler.text(bytes, Kind::Text, outside)?,
        Token::CData(bytes) => assembler.text(bytes, Kind::CData, outside)?,
        Token::CDataStart => assembler.cdata(outside)?,
        Token::CDataEnd => assembler.end_text()?,
        Token::Reference(name) => assembler.reference(name, outside)?,
        Token::Declaration(inner) => declaration::check(inner)?,
        Token::Tag(tag) => return tag_in(tag, assembler, place, limits, count),
    }
    Ok(None)
}

fn tag_in(
    tag: &[u8],
    assembler: &mut Assembler,
    place: &mut Place,
    limits: &Limits,
    count: &mut usize,
) -> Result<Option<StreamEvent>, XmlError> {
    match place {
        Place::Prologue => header(tag, assembler, place, limits).map(Some),
        Place::Inside { name } => match assembler.tag(tag, Outside::Stream, limits, count)? {
            Built::Nothing => Ok(None),
            Built::Element(element) => Ok(Some(StreamEvent::Element(element))),
            Built::OuterEnd if crate::tag::is_end_of(tag, name) => {
                *place = Place::Closed;
                Ok(Some(StreamEvent::Close))
            }
            Built::OuterEnd => Err(XmlError::NotWellFormed("end tag of another element")),
        },
        _ => Err(XmlError::NotWellFormed("more than one root element")),
    }
}

/// Takes the stream header.
fn header(
    tag: &[u8],
    assembler: &mut Assembler,
    place: &mut Place,
    limits: &Limits,
) -> Result<StreamEvent, XmlError> {
    let header = assembler.header(tag, limits)?;
    *place = if header.empty {
        Place::Closing
    } else {
        Place::Inside {
            name: header.written.into(),
        }
    };
    Ok(StreamEvent::Open(StreamHeader {
        root: header.root,
        default_ns: header.default_ns,
        prefix: header.prefix,
    }))
}
