//! Strict, incremental, bounded XML for XMPP: bytes in, elements out, elements to bytes. No I/O, no clock.
//!
//! - [`StreamParser`] reads a stream in whatever pieces it comes; [`Element::parse`] reads one element by itself.
//! - [`Element`] is an immutable tree, cheap to clone; [`ElementBuilder`] makes one by hand.
//! - [`Element::write`] is the only way to bytes. What it writes is read back as the same tree by any XML parser.
//!
//! What may come in is what RFC 6120 §11 allows: XML 1.0 with namespaces, UTF-8 only, without comments, processing
//! instructions, document types and entities. Everything else is an [`XmlError`], which names the stream error to answer.
//! quick-xml cuts the bytes into tags and attributes; it does not check that they are well-formed, so that is done here.

mod assemble;
mod build;
mod chardata;
mod chars;
mod declaration;
mod edit;
mod element;
mod error;
mod escape;
mod grow;
mod known;
mod limits;
mod name;
mod read;
mod reference;
mod scanner;
mod scope;
mod single;
mod stream;
mod tag;
mod tree;
mod value;
mod write;

pub use build::ElementBuilder;
pub use edit::Edit;
pub use element::Element;
pub use error::XmlError;
pub use limits::{Limit, Limits};
pub use read::{Attr, ElementRef, Node, Nodes};
pub use stream::{StreamEvent, StreamHeader, StreamParser};
pub use write::Context;
