//! One request to a command.

use super::command::{Caller, CommandStep, Erased, Input};
use super::page::{Done, Note, Page};
use super::request::{Action, Request};
use super::session::{Session, Sessions};
use super::{COMMANDS, Commands, errors, reply};
use crate::forms::{Form, Received, Values};
use crate::{Answer, Element, ErrorCondition, Name, Stanza, StanzaError};

impl Commands {
    /// Answers a request: `<command/>`, or a question of service discovery about commands.
    pub fn handle(&self, request: &Stanza) -> Answer {
        let Some(caller) = Caller::of(request) else {
            return Err(ErrorCondition::UnexpectedRequest.into());
        };
        if request.payload(&Name::new(COMMANDS, "command")).is_none() {
            return self.discover(request, &caller);
        }
        let asked = Request::read(request)?;
        let action = asked.action()?;
        let Some(command) = self.find(&asked.node) else {
            return Err(ErrorCondition::ItemNotFound.into());
        };
        if !command.permits(&caller) {
            return Err(ErrorCondition::Forbidden.into());
        }
        let sessions = Sessions::of(&caller.jid);
        let (session, began) = match &asked.session {
            Some(id) => (sessions.find(id, &asked.node)?, false),
            None if action == Action::Execute => (Session::begin(&asked.node), true),
            None => return Err(errors::bad_session()),
        };
        let run = Run {
            command,
            caller,
            sessions,
            session,
            lifetime: self.lifetime,
        };
        if began {
            run.begin().map(Some)
        } else {
            run.step(action, asked.form.as_ref()).map(Some)
        }
    }
}

/// A step of a dialogue.
struct Run<'a> {
    command: &'a dyn Erased,
    caller: Caller,
    sessions: Sessions,
    session: Session,
    lifetime: std::time::Duration,
}

impl Run<'_> {
    fn begin(self) -> Result<Element, StanzaError> {
        let turn = self.command.start(&self.caller)?;
        self.turn(turn)
    }

    fn step(mut self, action: Action, form: Option<&Form>) -> Result<Element, StanzaError> {
        if action == Action::Cancel {
            return self.cancel();
        }
        let page = self.page()?;
        match self.meant(action, &page)? {
            Action::Prev => {
                self.session.states.pop();
                self.show(None)
            }
            action => match values(&page, form)? {
                Received::Cancelled => self.cancel(),
                Received::Submitted(values) => self.submit(&Input::new(values, action)),
            },
        }
    }

    /// The action that was meant, if the page allows it (XEP-0050 §3.4).
    fn meant(&self, action: Action, page: &Page) -> Result<Action, StanzaError> {
        let action = match action {
            Action::Execute if page.has_next => Action::Next,
            Action::Execute => Action::Complete,
            named => named,
        };
        let allowed = match action {
            Action::Next => page.has_next,
            Action::Complete => page.can_complete,
            Action::Prev => self.has_prev(),
            Action::Execute | Action::Cancel => true,
        };
        allowed.then_some(action).ok_or_else(errors::bad_action)
    }

    fn has_prev(&self) -> bool {
        self.session.states.len() > 1
    }

    fn state(&self) -> Result<&Element, StanzaError> {
        let state = self.session.states.last();
        state.ok_or_else(errors::session_expired)
    }

    fn page(&self) -> Result<Page, StanzaError> {
        self.command.show(self.state()?, &self.caller)
    }

    fn submit(self, input: &Input) -> Result<Element, StanzaError> {
        let turn = self.command.submit(self.state()?, input, &self.caller)?;
        self.turn(turn)
    }

    fn turn(mut self, turn: CommandStep<Element>) -> Result<Element, StanzaError> {
        match turn {
            CommandStep::Ask(state) => {
                self.session.states.push(state);
                self.show(None)
            }
            // A dialogue that has not begun stays nowhere.
            CommandStep::Stay(note) if self.session.states.is_empty() => {
                self.turn(CommandStep::Done(Done::new().note(note)))
            }
            CommandStep::Stay(note) => self.show(Some(note)),
            CommandStep::Done(done) => {
                let answer = reply::completed(&self.session.node, &self.session.id, done);
                // A command without pages leaves nothing behind.
                if !self.session.states.is_empty() {
                    self.end()?;
                }
                Ok(answer)
            }
        }
    }

    /// Shows the page of the present state.
    fn show(self, note: Option<Note>) -> Result<Element, StanzaError> {
        let mut page = self.page()?;
        page.notes.extend(note);
        let has_prev = self.has_prev();
        let answer = reply::executing(&self.session.node, &self.session.id, &page, has_prev);
        self.sessions
            .keep(&self.caller.jid, self.session, self.lifetime)?;
        Ok(answer)
    }

    fn cancel(self) -> Result<Element, StanzaError> {
        self.command.cancelled(self.state()?, &self.caller);
        let answer = reply::canceled(&self.session.node, &self.session.id);
        self.end()?;
        Ok(answer)
    }

    fn end(mut self) -> Result<(), StanzaError> {
        self.session.states.clear();
        self.sessions
            .keep(&self.caller.jid, self.session, self.lifetime)
    }
}

/// What was filled in, checked against the page. A page without fields needs no form sent back.
fn values(page: &Page, form: Option<&Form>) -> Result<Received, StanzaError> {
    let received = match form {
        Some(form) => page.form.receive(form),
        None if page.form.fields.is_empty() => Ok(Received::Submitted(Values::default())),
        None => return Err(errors::bad_payload("the form is missing")),
    };
    received.map_err(|error| errors::bad_payload(&error.to_string()))
}
