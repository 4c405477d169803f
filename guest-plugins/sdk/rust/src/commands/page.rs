//! What people see.

use crate::forms::Form;
use crate::{Element, Payload};

use super::COMMANDS;

/// A page of a dialogue: a form, and where it leads. `prev` is offered on every page but the first.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) form: Form,
    pub(super) notes: Vec<Note>,
    pub(super) has_next: bool,
    pub(super) can_complete: bool,
}

impl Page {
    /// A page with another one after it.
    pub fn next(form: Form) -> Self {
        Self {
            form,
            notes: Vec::new(),
            has_next: true,
            can_complete: false,
        }
    }

    /// The last page: sending it completes the command.
    pub fn last(form: Form) -> Self {
        Self {
            has_next: false,
            can_complete: true,
            ..Self::next(form)
        }
    }

    /// The caller may also finish here ([`Input::completes`](super::Input::completes)).
    #[must_use]
    pub fn or_complete(mut self) -> Self {
        self.can_complete = true;
        self
    }

    /// With one more note.
    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }
}

/// The end of a dialogue.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub(super) notes: Vec<Note>,
    pub(super) payload: Vec<Element>,
}

impl Done {
    /// With nothing to say.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more note.
    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// With a form of results.
    #[must_use]
    pub fn form(self, form: &Form) -> Self {
        self.payload(form.to_element())
    }

    /// With another payload, such as a URL (XEP-0066).
    #[must_use]
    pub fn payload(mut self, payload: Element) -> Self {
        self.payload.push(payload);
        self
    }
}

/// A word to people (XEP-0050 §3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How serious.
    pub kind: NoteKind,
    /// The text.
    pub text: String,
}

/// How serious a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// For information.
    Info,
    /// Something is odd, though not wrong.
    Warn,
    /// Something is wrong.
    Error,
}

impl Note {
    /// For information.
    pub fn info(text: &str) -> Self {
        Self::of(NoteKind::Info, text)
    }

    /// Something is odd, though not wrong.
    pub fn warn(text: &str) -> Self {
        Self::of(NoteKind::Warn, text)
    }

    /// Something is wrong.
    pub fn error(text: &str) -> Self {
        Self::of(NoteKind::Error, text)
    }

    fn of(kind: NoteKind, text: &str) -> Self {
        Self {
            kind,
            text: text.to_owned(),
        }
    }

    pub(super) fn to_element(&self) -> Element {
        let kind = match self.kind {
            NoteKind::Info => "info",
            NoteKind::Warn => "warn",
            NoteKind::Error => "error",
        };
        Element::new("note", COMMANDS)
            .attr("type", kind)
            .text(&self.text)
    }
}
