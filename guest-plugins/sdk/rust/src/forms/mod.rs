//! Data forms (XEP-0004), with the `FORM_TYPE` of XEP-0068 and the whole numbers of XEP-0122.
//!
//! A plugin builds a [`Form`], sends it, and gives what comes back to [`Form::receive`]: that checks the submission against
//! the form and hands over [`Values`] that need no further checks.
//!
//! ```
//! use waxwing_plugin::forms::{Field, Form, FormError, Received};
//! use waxwing_plugin::{Parsed, Payload};
//!
//! let form = Form::new("urn:example:bots")
//!     .title("Bot Configuration")
//!     .field(Field::text("botname", "The name of your bot").required())
//!     .field(Field::boolean("public", "Public bot?", true))
//!     .field(Field::list("maxsubs", "Maximum number of subscribers").option("10", "Ten").option("20", "Twenty"));
//!
//! let submission = Form::read(&Parsed::parse(
//!     "<x xmlns='jabber:x:data' type='submit'>
//!         <field var='botname'><value>joogle</value></field>
//!         <field var='public'><value>0</value></field>
//!     </x>",
//! )?)?;
//! let Received::Submitted(values) = form.receive(&submission)? else {
//!     panic!("it was not cancelled");
//! };
//! assert_eq!(values.text("botname"), Some("joogle"));
//! assert_eq!(values.boolean("public"), Some(false));
//! assert_eq!(values.text("maxsubs"), None);
//!
//! let empty = Form::read(&Parsed::parse("<x xmlns='jabber:x:data' type='submit'/>")?)?;
//! assert_eq!(form.receive(&empty).unwrap_err(), FormError::Missing("botname".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod field;
mod kind;
mod table;
mod validate;
mod validation;
mod values;

pub use error::FormError;
pub use field::{Choice, Field};
pub use kind::{FieldKind, FormKind};
pub use table::{Item, Reported, Table};
pub use validation::{Range, Validation};
pub use values::{Received, Values};

use crate::{Element, Payload};

/// The namespace of data forms.
pub const DATA: &str = "jabber:x:data";

/// The field that says what the other fields' names mean (XEP-0068).
pub const FORM_TYPE: &str = "FORM_TYPE";

/// A form: to fill in, filled in, cancelled, or a result.
#[derive(Clone, Debug, PartialEq, Payload)]
#[payload(name = "x", ns = "jabber:x:data")]
pub struct Form {
    /// What it is for.
    #[payload(attr = "type")]
    pub kind: FormKind,
    /// A title for people.
    #[payload(child)]
    pub title: Option<String>,
    /// Instructions for people, each a line.
    #[payload(children)]
    pub instructions: Vec<String>,
    /// What the items have, in a result with several of them.
    #[payload(nested)]
    pub reported: Option<Reported>,
    /// The items.
    #[payload(nested)]
    pub items: Vec<Item>,
    /// The fields, in the order in which they are shown.
    #[payload(nested)]
    pub fields: Vec<Field>,
    /// Elements of other protocols.
    #[payload(other)]
    pub others: Vec<Element>,
}

impl Form {
    fn empty(kind: FormKind) -> Self {
        Self {
            kind,
            title: None,
            instructions: Vec::new(),
            reported: None,
            items: Vec::new(),
            fields: Vec::new(),
            others: Vec::new(),
        }
    }

    /// A form to fill in, whose field names belong to that `FORM_TYPE`.
    pub fn new(form_type: &str) -> Self {
        Self::empty(FormKind::Form).field(Field::hidden(FORM_TYPE, form_type))
    }

    /// A form to fill in without a `FORM_TYPE`, for people only.
    pub fn untyped() -> Self {
        Self::empty(FormKind::Form)
    }

    /// A filled-in form.
    pub fn submit() -> Self {
        Self::empty(FormKind::Submit)
    }

    /// A refusal to fill a form in.
    pub fn cancel() -> Self {
        Self::empty(FormKind::Cancel)
    }

    /// A result, to be given fields.
    pub fn result() -> Self {
        Self::empty(FormKind::Result)
    }

    /// With a title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    /// With instructions; a text of several lines becomes several instructions.
    #[must_use]
    pub fn instructions(mut self, text: &str) -> Self {
        self.instructions.extend(text.lines().map(str::to_owned));
        self
    }

    /// With one more field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The field of that name.
    pub fn get(&self, var: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.var.as_deref() == Some(var))
    }

    /// What the fields' names mean (XEP-0068).
    pub fn form_type(&self) -> Option<&str> {
        self.get(FORM_TYPE)?.value()
    }

    /// Checks what came back against this form.
    ///
    /// Fields that this form does not have are ignored. A field that was left out keeps the value it had, which is for the
    /// caller to know; only a hidden one has its value from this form. The `FORM_TYPE` may be left out, but not differ.
    pub fn receive(&self, submission: &Form) -> Result<Received, FormError> {
        match submission.kind {
            FormKind::Cancel => Ok(Received::Cancelled),
            FormKind::Submit => validate::submission(self, submission).map(Received::Submitted),
            FormKind::Form | FormKind::Result => Err(FormError::NotSubmitted),
        }
    }
}
