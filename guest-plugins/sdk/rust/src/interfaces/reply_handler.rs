//! The interface `reply-handler`: replies to the plugin's requests.

use crate::{Plugin, Stanza};

/// Receives the replies to requests sent by `router::request` (interface `reply-handler`, granted as `reply-handler`).
pub trait ReplyHandler: Plugin {
    /// The reply: an iq of type result or error.
    fn answered(&self, token: u64, reply: &Stanza);

    /// The request timed out.
    fn timed_out(&self, token: u64);
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::ReplyHandler;
    use crate::harness::Harness;

    impl<P: ReplyHandler> Harness<P> {
        /// Gives the answer to the request of a token, as whom it was sent to.
        pub fn reply(&mut self, token: u64, xml: &str) -> Result<(), String> {
            let sent = self.world.sent.iter();
            let mut asked = sent.filter(|sent| sent.token == Some(token));
            let asked = asked.next().ok_or("the plugin sent no such request")?;
            let to = asked.stanza.attribute("to").unwrap_or_default().to_owned();
            let reply = self.stamped(&to, xml)?;
            self.call(|plugin| plugin.answered(token, &reply))
        }

        /// No answer comes to the request of a token.
        pub fn time_out(&mut self, token: u64) -> Result<(), String> {
            self.call(|plugin| plugin.timed_out(token))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_reply_handler {
    ($plugin:ty) => {
        impl $crate::bindings::reply_handler::exports::waxwing::plugin::reply_handler::Guest for Component {
            fn answered(token: u64, reply: &$crate::Stanza) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::ReplyHandler>::answered(plugin, token, reply)))
            }

            fn timed_out(token: u64) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::ReplyHandler>::timed_out(plugin, token)))
            }
        }
        $crate::bindings::reply_handler::export_reply_handler!(Component with_types_in $crate::bindings::reply_handler);
    };
}
