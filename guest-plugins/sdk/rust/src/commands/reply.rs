//! What a client is answered.

use super::COMMANDS;
use super::page::{Done, Page};
use crate::{Element, Payload};

fn command(node: &str, session: &str, status: &str) -> Element {
    Element::new("command", COMMANDS)
        .attr("node", node)
        .attr("sessionid", session)
        .attr("status", status)
}

/// The page that a dialogue is at.
pub(super) fn executing(node: &str, session: &str, page: &Page, has_prev: bool) -> Element {
    let action = |name| Element::new(name, COMMANDS);
    // What the button does that people press without thinking: on, not out.
    let default = if page.has_next { "next" } else { "complete" };
    let actions = Element::new("actions", COMMANDS)
        .attr("execute", default)
        .children(has_prev.then(|| action("prev")))
        .children(page.has_next.then(|| action("next")))
        .children(page.can_complete.then(|| action("complete")));
    let notes = page.notes.iter().map(super::Note::to_element);
    command(node, session, "executing")
        .child(actions)
        .child(page.form.to_element())
        .children(notes)
}

/// The end of a dialogue.
pub(super) fn completed(node: &str, session: &str, done: Done) -> Element {
    let notes = done.notes.iter().map(super::Note::to_element);
    command(node, session, "completed")
        .children(done.payload)
        .children(notes)
}

/// The end that the caller wanted.
pub(super) fn canceled(node: &str, session: &str) -> Element {
    command(node, session, "canceled")
}
