//! Reading and writing `<query xmlns='jabber:iq:register'/>`.

use waxwing_plugin::prelude::*;

/// The namespace of the registration query.
pub const REGISTER: &str = "jabber:iq:register";

/// What a client sent.
pub struct Form {
    pub remove: bool,
    pub username: Option<String>,
    pub password: Option<String>,
}

impl Form {
    /// Reads the query of a request. `<remove/>` must stand alone (XEP-0077 §3.2).
    pub fn read(request: &Stanza) -> Result<Self, StanzaError> {
        let Some(query) = request.payload(&Name::new(REGISTER, "query")) else {
            return Err(ErrorCondition::BadRequest.into());
        };
        let field = |local| query.child(&Name::new(REGISTER, local));
        let remove = field("remove").is_some();
        if remove && query.children().len() != 1 {
            return Err(ErrorCondition::BadRequest.into());
        }
        let text = |local| field(local).map(|element| element.text());
        Ok(Self {
            remove,
            username: text("username"),
            password: text("password"),
        })
    }

    /// User name and password, neither empty.
    pub fn complete(&self) -> Result<(&str, &str), StanzaError> {
        match (self.username.as_deref(), self.password.as_deref()) {
            (Some(username), Some(password)) if !username.is_empty() && !password.is_empty() => {
                Ok((username, password))
            }
            _ => Err(StanzaError::new(ErrorCondition::NotAcceptable)
                .with_text("Please fill in all fields.")),
        }
    }
}

/// The form for somebody without an account (XEP-0077 §3.1, example 2).
pub fn empty(instructions: &str) -> Element {
    Element::new("query", REGISTER)
        .field("instructions", instructions)
        .field("username", "")
        .field("password", "")
}

/// The form for somebody with one: the name, never the password.
pub fn registered(username: &str) -> Element {
    Element::new("query", REGISTER)
        .field("registered", "")
        .field("username", username)
        .field("password", "")
}
