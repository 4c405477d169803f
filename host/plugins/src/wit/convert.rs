//! Between the interfaces' types and those of `waxwing-xmpp`.

use waxwing_xmpp::error::{Condition, ErrorType, StanzaError};
use waxwing_xmpp::ns;

use crate::fault::Fault;
use crate::wit::bindings::waxwing::plugin::types::{self as wit, ErrorCondition};
use crate::wit::xml::payload;

/// The longest text of an error that a guest may have sent, in bytes.
const MAX_TEXT: usize = 1_000;

/// The stanza error that a guest asks for. An application's condition is as strictly parsed as a payload.
pub(crate) fn stanza_error(error: wit::StanzaError) -> Result<StanzaError, Fault> {
    let mut result = StanzaError::new(condition(error.condition));
    if let Some(kind) = error.kind {
        result.kind = error_type(kind);
    }
    result.text = error.text.map(|text| cut(&text).to_owned());
    result.application = payload(error.application.as_deref())?;
    match &result.application {
        Some(application) if application.ns() == ns::STANZA_ERRORS => Err(Fault::Answer(
            "an application's condition is in the namespace of the defined ones".to_owned(),
        )),
        _ => Ok(result),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or(text)
}

const fn error_type(kind: wit::ErrorType) -> ErrorType {
    match kind {
        wit::ErrorType::Auth => ErrorType::Auth,
        wit::ErrorType::Cancel => ErrorType::Cancel,
        wit::ErrorType::Continue => ErrorType::Continue,
        wit::ErrorType::Modify => ErrorType::Modify,
        wit::ErrorType::Wait => ErrorType::Wait,
    }
}

const fn condition(condition: ErrorCondition) -> Condition {
    match condition {
        ErrorCondition::BadRequest => Condition::BadRequest,
        ErrorCondition::Conflict => Condition::Conflict,
        ErrorCondition::FeatureNotImplemented => Condition::FeatureNotImplemented,
        ErrorCondition::Forbidden => Condition::Forbidden,
        ErrorCondition::Gone => Condition::Gone,
        ErrorCondition::InternalServerError => Condition::InternalServerError,
        ErrorCondition::ItemNotFound => Condition::ItemNotFound,
        ErrorCondition::JidMalformed => Condition::JidMalformed,
        ErrorCondition::NotAcceptable => Condition::NotAcceptable,
        ErrorCondition::NotAllowed => Condition::NotAllowed,
        ErrorCondition::NotAuthorized => Condition::NotAuthorized,
        ErrorCondition::PolicyViolation => Condition::PolicyViolation,
        ErrorCondition::RecipientUnavailable => Condition::RecipientUnavailable,
        ErrorCondition::Redirect => Condition::Redirect,
        ErrorCondition::RegistrationRequired => Condition::RegistrationRequired,
        ErrorCondition::RemoteServerNotFound => Condition::RemoteServerNotFound,
        ErrorCondition::RemoteServerTimeout => Condition::RemoteServerTimeout,
        ErrorCondition::ResourceConstraint => Condition::ResourceConstraint,
        ErrorCondition::ServiceUnavailable => Condition::ServiceUnavailable,
        ErrorCondition::SubscriptionRequired => Condition::SubscriptionRequired,
        ErrorCondition::UndefinedCondition => Condition::UndefinedCondition,
        ErrorCondition::UnexpectedRequest => Condition::UnexpectedRequest,
    }
}
