//! Signs chat messages: a hook to begin with.
use waxwing_plugin::prelude::*;

struct Signature {
    text: String,
}

impl Plugin for Signature {
    fn manifest() -> Manifest {
        manifest!("signs chat messages")
            .setting(Setting::text("text", "what to append").default("' (signed)'"))
            .inbound(InboundFilter::messages().of_types(&["chat"]))
    }
    fn init(_: Scope) -> Result<Self, String> {
        let text = config::text("text").unwrap_or_default();
        Ok(Self { text })
    }
}
impl Inbound for Signature {
    fn filter(&self, stanza: &Stanza) -> Verdict {
        let Some(body) = stanza.body() else {
            return Verdict::Pass;
        };
        let draft = Draft::new(stanza);
        let signed = format!("{body}{}", self.text);
        draft.set_text(&Name::new("jabber:client", "body"), 0, &signed);
        Verdict::Replace(draft)
    }
}
waxwing_plugin::plugin!(Signature: Inbound);

#[cfg(test)]
mod tests {
    use super::*;
    use waxwing_plugin::harness::{Harness, Outcome};

    #[test]
    fn signs_chat_messages_only() -> Result<(), String> {
        let mut signature = Harness::<Signature>::new().config("text", "!").start()?;
        assert_eq!(
            signature
                .inbound("<message to='romeo@localhost' type='chat'><body>hi</body></message>"),
            "<message from='juliet@localhost/balcony' to='romeo@localhost' type='chat'><body>hi!</body></message>"
        );
        assert_eq!(signature.inbound("<presence/>"), Outcome::NotAsked);
        Ok(())
    }
}
