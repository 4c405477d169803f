//! Ad-hoc commands (XEP-0050): dialogues of forms between a person and the plugin.
//!
//! A command is a small state machine. Its state says which page is on; [`Command::show`] makes the page of a state, and
//! [`Command::submit`] takes what was filled in, checked against that page's form, to the next state or to the end. The
//! rest is done here: sessions, `prev` (to the state before), `cancel`, expiry, and the errors of XEP-0050 §4.4.
//!
//! States are payloads, so that they can be kept in the host's memory between requests, where they survive traps and
//! reloads: derive [`Payload`](crate::payload), most often on an enum with a variant for each page. A session belongs to the full JID
//! that began it; its id is of no use to anybody else.
//!
//! ```
//! use waxwing_plugin::commands::{Caller, Command, Commands, Input, Page, CommandStep};
//! use waxwing_plugin::forms::{Field, Form};
//! use waxwing_plugin::prelude::*;
//!
//! struct Order;
//!
//! #[derive(Payload)]
//! #[payload(ns = "urn:example:order")]
//! enum Step {
//!     #[payload(name = "dish")]
//!     Dish,
//!     #[payload(name = "confirm")]
//!     Confirm {
//!         #[payload(attr)]
//!         dish: String,
//!     },
//! }
//!
//! impl Command for Order {
//!     type State = Step;
//!
//!     fn node(&self) -> &str {
//!         "order"
//!     }
//!     fn label(&self) -> &str {
//!         "Order something to eat"
//!     }
//!     fn start(&self, _: &Caller) -> Result<CommandStep<Step>, StanzaError> {
//!         Ok(CommandStep::Ask(Step::Dish))
//!     }
//!     fn show(&self, step: &Step, _: &Caller) -> Page {
//!         match step {
//!             Step::Dish => Page::next(Form::untyped().field(Field::text("dish", "What?").required())),
//!             Step::Confirm { dish } => Page::last(Form::untyped().title(&format!("Order {dish}?"))),
//!         }
//!     }
//!     fn submit(&self, step: Step, input: &Input, _: &Caller) -> Result<CommandStep<Step>, StanzaError> {
//!         Ok(match step {
//!             Step::Dish => CommandStep::Ask(Step::Confirm { dish: input.text("dish").to_owned() }),
//!             Step::Confirm { dish } => CommandStep::done(&format!("One {dish} is on its way.")),
//!         })
//!     }
//! }
//!
//! // An iq handler that serves it: `self.commands.handle(request)`.
//! let commands = Commands::new().with(Order);
//! # let _ = commands;
//! ```

mod command;
mod errors;
mod listing;
mod page;
mod reply;
mod request;
mod run;
mod session;

pub use command::{Caller, Command, CommandStep, Input};
pub use page::{Done, Note, NoteKind, Page};

use std::time::Duration;

use command::Erased;

/// The namespace of commands, and the node under which service discovery lists them.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";

/// The commands of a plugin.
pub struct Commands {
    list: Vec<Box<dyn Erased>>,
    lifetime: Duration,
}

impl Commands {
    /// None yet; sessions last ten minutes from their last step.
    pub fn new() -> Self {
        Self {
            list: Vec::new(),
            lifetime: Duration::from_mins(10),
        }
    }

    /// With one more. Each has a node of its own; of two with one node, the first serves.
    #[must_use]
    pub fn with(mut self, command: impl Command) -> Self {
        self.list.push(Box::new(command));
        self
    }

    /// How long a session lasts from its last step.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    fn find(&self, node: &str) -> Option<&dyn Erased> {
        let mut list = self.list.iter();
        list.find(|command| command.node() == node)
            .map(AsRef::as_ref)
    }
}

impl Default for Commands {
    fn default() -> Self {
        Self::new()
    }
}
