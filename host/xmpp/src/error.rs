//! Errors as a peer sees them: stanza errors (RFC 6120 §8.3), which answer one stanza, and stream errors (§4.9), which end
//! the stream. Their texts are ours and fixed by the code that raises them: what failed inside goes into the log.

mod stanza;
mod stream;

pub use stanza::{Condition, ErrorType, StanzaError};
pub use stream::{StreamCondition, StreamError};
