//! Compares what came with what a script expects.

use anyhow::{Context, Result, bail, ensure};

use super::names::Names;
use crate::client::ns;
use crate::xml::{Element, Incoming, Item};

/// Attributes that may be there where nobody expects them.
const FREE: [&str; 3] = ["id", "xml:lang", "ver"];
/// The same, of a stanza.
const FREE_OF_STANZAS: [&str; 2] = ["to", "from"];
/// The same, of an error: RFC 6120 §8.3.1, and what XEP-0086 had.
const FREE_OF_ERRORS: [&str; 2] = ["by", "code"];

/// Reads what a script expects: elements one after the other.
pub(super) fn parse(xml: &str) -> Result<Vec<Element>> {
    let wrapped = format!(
        "<w xmlns='{}' xmlns:e='{}'>{xml}</w>",
        ns::CLIENT,
        ns::STANZA_ERRORS
    );
    let mut bytes = wrapped.as_bytes();
    let mut incoming = Incoming::new();
    let mut elements = Vec::new();
    loop {
        match incoming.next(&mut bytes).context("not well-formed")? {
            Some(Item::Open(_)) => {}
            Some(Item::Element(element)) => elements.push(element),
            Some(Item::Close) => return Ok(elements),
            None => bail!("not well-formed: something is not closed"),
        }
    }
}

/// Whether a stanza is as expected; what the script captures is added to the names.
pub(super) fn matches(expected: &Element, came: &Element, names: &mut Names) -> Result<()> {
    let mut known = names.clone();
    element(expected, came, &mut known, true)?;
    *names = known;
    Ok(())
}

fn element(expected: &Element, came: &Element, names: &mut Names, is_stanza: bool) -> Result<()> {
    ensure!(
        came.is(&expected.name, &expected.ns),
        "<{} xmlns='{}'> instead of <{} xmlns='{}'>",
        came.name,
        came.ns,
        expected.name,
        expected.ns
    );
    let is_error = came.is("error", ns::CLIENT);
    attributes(expected, came, names, is_stanza, is_error)?;
    let open = expected.text.contains("...");
    let text = expected.text.replace("...", "");
    let text = names.expand(text.trim())?;
    ensure!(
        open || text == "*" || text == came.text.trim(),
        "<{}> holds the text {:?} instead of {text:?}",
        came.name,
        came.text
    );
    let answers = is_stanza && came.attr("type") == Some("error");
    children(expected, came, names, open || is_error || answers)
}

fn attributes(
    expected: &Element,
    came: &Element,
    names: &mut Names,
    is_stanza: bool,
    is_error: bool,
) -> Result<()> {
    for (name, value) in &expected.attributes {
        let found = came.attr(name);
        if let Some(captured) = value
            .strip_prefix("{=")
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let found = found.with_context(|| format!("<{}> has no {name}", came.name))?;
            names.set(captured, found);
            continue;
        }
        let is_right = match value.as_str() {
            "!" => found.is_none(),
            "*" => found.is_some(),
            _ => found == Some(names.expand(value)?.as_str()),
        };
        ensure!(
            is_right,
            "{name} of <{}> is {found:?} instead of {:?}",
            came.name,
            names.expand(value)?
        );
    }
    for (name, value) in &came.attributes {
        let name = name.as_str();
        let is_free = FREE.contains(&name)
            || (is_stanza && FREE_OF_STANZAS.contains(&name))
            || (is_error && FREE_OF_ERRORS.contains(&name));
        ensure!(
            is_free || expected.attr(name).is_some(),
            "<{}> has {name}='{value}', which nobody expects",
            came.name
        );
    }
    Ok(())
}

/// Each expected child is one of those that came; others are there only where that is `open`.
fn children(expected: &Element, came: &Element, names: &mut Names, open: bool) -> Result<()> {
    let mut left: Vec<&Element> = came.children.iter().collect();
    for child in &expected.children {
        let mut why = format!("<{}> is missing in <{}>", child.name, came.name);
        let found = left.iter().position(|candidate| {
            let mut tried = names.clone();
            match element(child, candidate, &mut tried, false) {
                Ok(()) => {
                    *names = tried;
                    true
                }
                Err(error) => {
                    if candidate.name == child.name {
                        why = format!("{error:#}");
                    }
                    false
                }
            }
        });
        let Some(found) = found else { bail!("{why}") };
        left.remove(found);
    }
    // When presence was sent may be said of any (XEP-0203). Two errors are not allowed even where others may be there.
    let more = left.iter().find(|child| match came.name.as_str() {
        "presence" if child.is("delay", ns::DELAY) => false,
        _ => !open || (child.is("error", ns::CLIENT) && !expected.children.is_empty()),
    });
    match more {
        Some(more) => bail!("<{}> holds {more}, which nobody expects", came.name),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(expected: &str, came: &str) -> Result<Names> {
        let mut names = Names::default();
        names.set("romeo", "r@h");
        let (expected, came) = (parse(expected)?, parse(came)?);
        matches(&expected[0], &came[0], &mut names)?;
        Ok(names)
    }

    #[test]
    fn what_is_expected_is_accepted() {
        for (expected, came) in [
            ("<a x='1' y='*' z='!'/>", "<a y='q' x='1'/>"),
            (
                "<message/>",
                "<message id='7' from='x' to='y' xml:lang='en'/>",
            ),
            ("<message from='{romeo}'/>", "<message from='r@h'/>"),
            ("<a><b>*</b><c/></a>", "<a> <c/><b>text</b></a>"),
            ("<a>...<c/></a>", "<a>text<d/><c/></a>"),
            (
                "<presence/>",
                "<presence><delay xmlns='urn:xmpp:delay' stamp='x'/></presence>",
            ),
            (
                "<iq type='error'><error type='cancel'><e:conflict/></error></iq>",
                "<iq type='error'><query xmlns='q'/><error type='cancel' code='409'><e:conflict/><e:text>no</e:text></error></iq>",
            ),
        ] {
            judge(expected, came).unwrap();
        }
        let names = judge("<a x='{=it}'/>", "<a x='7'/>").unwrap();
        assert_eq!(names.expand("<{it}>").unwrap(), "<7>");
    }

    #[test]
    fn what_is_not_expected_is_refused() {
        for (expected, came) in [
            ("<a/>", "<b/>"),
            ("<a/>", "<a xmlns='other'/>"),
            ("<a/>", "<a x='1'/>"),
            ("<a x='1'/>", "<a/>"),
            ("<a x='*'/>", "<a/>"),
            ("<a x='!'/>", "<a x='1'/>"),
            ("<a/>", "<a>text</a>"),
            ("<a>text</a>", "<a/>"),
            ("<a/>", "<a><b/></a>"),
            ("<a><b/></a>", "<a><b/><b/></a>"),
            ("<a><b/><b/></a>", "<a><b/></a>"),
            ("<message from='{romeo}'/>", "<message from='r@h/x'/>"),
            ("<message/>", "<message type='error'/>"),
            (
                "<message/>",
                "<message><delay xmlns='urn:xmpp:delay' stamp='x'/></message>",
            ),
            (
                "<iq type='error'><error type='cancel'><e:conflict/></error></iq>",
                "<iq type='error'><error type='cancel'><e:gone/></error></iq>",
            ),
            ("<a x='{unknown}'/>", "<a x='1'/>"),
        ] {
            assert!(judge(expected, came).is_err(), "{expected} accepts {came}");
        }
    }
}
