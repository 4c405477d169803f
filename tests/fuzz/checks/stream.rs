//! Properties of the stream parser: no panic, memory within bounds, the same events however the bytes are split, nothing held
//! between stanzas, and whatever was read is written so that it reads the same.

use waxwing_xml::{Context, Element, Limits, StreamEvent, StreamParser, XmlError};

use super::grammar;

/// All events, and the error that ended them if one did.
type Outcome = (Vec<StreamEvent>, Option<XmlError>, bool);

/// Runs every check on one input.
pub(crate) fn check(data: &[u8]) {
    let selector = data.first().copied().unwrap_or(0);
    let bytes = grammar::document(data);
    let limits = limits(selector);
    let whole = run(std::iter::once(bytes.as_slice()), limits);
    assert_eq!(run(bytes.chunks(1), limits), whole, "byte by byte");
    assert_eq!(run(pieces(&bytes, selector), limits), whole, "in pieces");
    let mut default_ns = String::new();
    for event in &whole.0 {
        match event {
            StreamEvent::Open(header) => default_ns = header.default_ns.clone().unwrap_or_default(),
            StreamEvent::Element(element) => round_trip(element, &default_ns),
            StreamEvent::Close => {}
        }
    }
}

/// Wide limits, or narrow ones that a short input can pass.
fn limits(selector: u8) -> Limits {
    match selector >> 6 {
        0 => Limits {
            stanza_bytes: 200,
            elements: 6,
            depth: 3,
            attributes: 2,
            namespaces: 3,
            name_bytes: 8,
        },
        1 => Limits::pre_auth(),
        _ => Limits::stanza(),
    }
}

/// Pieces of uneven length.
fn pieces(mut bytes: &[u8], selector: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(selector) | 1;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, rest) = bytes.split_at((state >> 24) as usize % 11 % bytes.len() + 1);
        bytes = rest;
        Some(piece)
    })
}

/// Feeds the pieces, and looks at the memory after each.
pub(crate) fn run<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Outcome {
    let mut parser = StreamParser::new(limits);
    let mut events = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        loop {
            let before = rest.len();
            match parser.next(&mut rest) {
                Ok(Some(event)) => {
                    assert_eq!(parser.buffered(), 0, "something is held after an event");
                    assert!(
                        rest.len() < before || event == StreamEvent::Close,
                        "an event out of nothing"
                    );
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next(&mut rest), Err(error), "an error is final");
                    return (events, Some(error), false);
                }
            }
            bounded(&parser, limits);
        }
        assert!(rest.is_empty(), "bytes left over");
        bounded(&parser, limits);
    }
    (events, None, parser.finish().is_ok())
}

/// Lists of nodes may take several times the bytes that they came from, never more than the factor that `Limits` tells.
pub(crate) fn bounded(parser: &StreamParser, limits: Limits) {
    let most = limits.stanza_bytes * 4 + 8192;
    assert!(
        parser.heap_bytes() <= most,
        "{} bytes held",
        parser.heap_bytes()
    );
}

/// Written inside a stream and by itself, it reads the same.
pub(crate) fn round_trip(element: &Element, default_ns: &str) {
    let wide = Limits {
        stanza_bytes: 1 << 22,
        depth: 128,
        name_bytes: 2048,
        ..Limits::stanza()
    };
    let mut out = Vec::new();
    element.write(
        &Context {
            default_ns,
            stream_prefix: false,
        },
        &mut out,
    );
    assert_eq!(
        Element::parse(&out, default_ns, &wide).as_ref(),
        Ok(element),
        "written within a default namespace"
    );
    assert_eq!(
        Element::parse(element.to_xml().as_bytes(), "", &wide).as_ref(),
        Ok(element),
        "written by itself"
    );
    out.clear();
    out.extend_from_slice(
        b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>",
    );
    element.write(&Context::stream("jabber:client"), &mut out);
    let (events, error, _) = run(std::iter::once(out.as_slice()), wide);
    assert_eq!(error, None);
    assert_eq!(
        events.get(1),
        Some(&StreamEvent::Element(element.clone())),
        "written inside a stream"
    );
}
