//! What the author of a command writes.

use super::errors;
use super::page::{Done, Note, Page};
use super::request::Action;
use crate::forms::Values;
use crate::{Element, Parsed, Payload, Stanza, StanzaError, config, jid};

/// A command: see the [module](super).
pub trait Command: 'static {
    /// Where a dialogue is; `()` for a command with one page.
    type State: Payload;

    /// Its name for programs, unique among the commands of a server.
    fn node(&self) -> &str;

    /// Its name for people.
    fn label(&self) -> &str;

    /// Whether the caller may see and use it; asked at each step.
    fn permits(&self, caller: &Caller) -> bool {
        let _ = caller;
        true
    }

    /// Begins a dialogue.
    fn start(&self, caller: &Caller) -> Result<CommandStep<Self::State>, StanzaError>;

    /// The page of a state. It must depend on nothing that changes while people fill it in, since what they send is
    /// checked against it.
    fn show(&self, state: &Self::State, caller: &Caller) -> Page;

    /// Takes what was filled in to the next state. After an error the dialogue is where it was.
    fn submit(
        &self,
        state: Self::State,
        input: &Input,
        caller: &Caller,
    ) -> Result<CommandStep<Self::State>, StanzaError>;

    /// Told when the caller cancels a dialogue; not when it expires.
    fn cancelled(&self, state: Self::State, caller: &Caller) {
        let _ = (state, caller);
    }
}

/// Who uses a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The full JID.
    pub jid: String,
    /// The served domain on whose behalf the request is handled.
    pub host: String,
    /// The language of the request.
    pub lang: Option<String>,
}

impl Caller {
    pub(super) fn of(request: &Stanza) -> Option<Self> {
        let head = request.head();
        Some(Self {
            jid: head.sender?,
            host: request.host(),
            lang: head.lang,
        })
    }

    /// Whether the caller is an administrator of [`Caller::host`]: `admins` in that domain's `[[host]]`. Ask in
    /// [`Command::permits`], since the operator may change it at any time.
    pub fn is_admin(&self) -> bool {
        config::is_admin(&self.host, &self.jid)
    }

    /// The account's bare JID.
    pub fn account(&self) -> &str {
        jid::bare(&self.jid)
    }
}

/// What was filled in on a page.
#[derive(Clone, Debug)]
pub struct Input {
    /// The values, valid as the page's form wants them.
    pub values: Values,
    /// Whether the caller wants to finish here: what [`Page::or_complete`] allows.
    pub completes: bool,
}

impl Input {
    pub(super) fn new(values: Values, action: Action) -> Self {
        Self {
            values,
            completes: action == Action::Complete,
        }
    }

    /// The text of a field with one value; empty if it was left out.
    pub fn text(&self, var: &str) -> &str {
        self.values.text(var).unwrap_or_default()
    }
}

/// Where a dialogue goes.
#[derive(Debug)]
pub enum CommandStep<S> {
    /// To the page of that state.
    Ask(S),
    /// It stays where it was, with a word why.
    Stay(Note),
    /// To its end.
    Done(Done),
}

impl<S> CommandStep<S> {
    /// To its end, with a word.
    pub fn done(text: &str) -> Self {
        Self::Done(Done::new().note(Note::info(text)))
    }

    /// It stays where it was, since what was filled in cannot be.
    pub fn again(text: &str) -> Self {
        Self::Stay(Note::error(text))
    }
}

/// A command whose state is an element, whatever its type.
pub(super) trait Erased {
    fn node(&self) -> &str;
    fn label(&self) -> &str;
    fn permits(&self, caller: &Caller) -> bool;
    fn start(&self, caller: &Caller) -> Result<CommandStep<Element>, StanzaError>;
    fn show(&self, state: &Element, caller: &Caller) -> Result<Page, StanzaError>;
    fn submit(
        &self,
        state: &Element,
        input: &Input,
        caller: &Caller,
    ) -> Result<CommandStep<Element>, StanzaError>;
    fn cancelled(&self, state: &Element, caller: &Caller);
}

impl<C: Command> Erased for C {
    fn node(&self) -> &str {
        Command::node(self)
    }

    fn label(&self) -> &str {
        Command::label(self)
    }

    fn permits(&self, caller: &Caller) -> bool {
        Command::permits(self, caller)
    }

    fn start(&self, caller: &Caller) -> Result<CommandStep<Element>, StanzaError> {
        Command::start(self, caller).map(erase)
    }

    fn show(&self, state: &Element, caller: &Caller) -> Result<Page, StanzaError> {
        Ok(Command::show(self, &restore(state)?, caller))
    }

    fn submit(
        &self,
        state: &Element,
        input: &Input,
        caller: &Caller,
    ) -> Result<CommandStep<Element>, StanzaError> {
        Command::submit(self, restore(state)?, input, caller).map(erase)
    }

    fn cancelled(&self, state: &Element, caller: &Caller) {
        if let Ok(state) = restore(state) {
            Command::cancelled(self, state, caller);
        }
    }
}

fn erase<S: Payload>(turn: CommandStep<S>) -> CommandStep<Element> {
    match turn {
        CommandStep::Ask(state) => CommandStep::Ask(state.to_element()),
        CommandStep::Stay(note) => CommandStep::Stay(note),
        CommandStep::Done(done) => CommandStep::Done(done),
    }
}

/// A state that cannot be read was kept by another version of the plugin: that dialogue is over.
fn restore<S: Payload>(state: &Element) -> Result<S, StanzaError> {
    let parsed = Parsed::parse(&state.to_xml()).map_err(|_| errors::session_expired())?;
    S::read(&parsed).map_err(|_| errors::session_expired())
}
