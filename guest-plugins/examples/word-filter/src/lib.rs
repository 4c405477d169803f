//! Judges the words of messages: drops or bounces a message that has one of the configured words in a body or subject, or
//! masks the words with asterisks. Other payloads (formatted copies of the text) are removed from a masked message.
use waxwing_plugin::prelude::*;

const CLIENT: &str = "jabber:client";
const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";

struct WordFilter {
    /// In lower case.
    words: Vec<String>,
    action: Action,
}

enum Action {
    Drop,
    Bounce,
    Mask,
}

impl Plugin for WordFilter {
    fn manifest() -> Manifest {
        Manifest::new(
            "word-filter",
            env!("CARGO_PKG_VERSION"),
            "drops, bounces or masks messages by their words",
        )
        .setting(Setting::texts("words", "whole words to look for, in any case").default("[]"))
        .setting(Setting::text("action", "drop, bounce or mask").default("'mask'"))
        .inbound(InboundFilter::messages().of_types(&[
            "normal",
            "chat",
            "groupchat",
            "headline",
        ]))
    }

    fn init(_: Scope) -> Result<Self, String> {
        let words = config::texts("words")
            .unwrap_or_default()
            .iter()
            .map(|word| word.to_lowercase())
            .collect();
        let action = match config::text("action").as_deref() {
            Some("drop") => Action::Drop,
            Some("bounce") => Action::Bounce,
            Some("mask") | None => Action::Mask,
            Some(other) => {
                return Err(format!(
                    "action is `{other}`; use `drop`, `bounce` or `mask`"
                ));
            }
        };
        Ok(Self { words, action })
    }
}

impl Inbound for WordFilter {
    fn filter(&self, stanza: &Stanza) -> Verdict {
        let mut draft = None;
        for local in ["body", "subject"] {
            let name = Name::new(CLIENT, local);
            for (index, text) in (0..).zip(stanza.texts(&name)) {
                let Some(masked) = self.masked(&text.value) else {
                    continue;
                };
                match self.action {
                    Action::Drop => return Verdict::Drop,
                    Action::Bounce => return Verdict::Bounce(refusal()),
                    Action::Mask => {
                        draft
                            .get_or_insert_with(|| Draft::new(stanza))
                            .set_text(&name, index, &masked);
                    }
                }
            }
        }
        let Some(draft) = draft else {
            return Verdict::Pass;
        };
        draft.remove(&Name::new(XHTML_IM, "html"));
        Verdict::Replace(draft)
    }
}

impl WordFilter {
    /// The text with its words masked; none if there are none in it, as in nearly all texts.
    fn masked(&self, text: &str) -> Option<String> {
        let is_clean = text.split(is_between).all(|word| !self.is_listed(word));
        if is_clean {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(is_between) {
            let word = piece.trim_end_matches(is_between);
            if self.is_listed(word) {
                out.extend(word.chars().map(|_| '*'));
                out.extend(piece.strip_prefix(word));
            } else {
                out.push_str(piece);
            }
        }
        Some(out)
    }

    fn is_listed(&self, word: &str) -> bool {
        !word.is_empty()
            && self
                .words
                .iter()
                .any(|listed| listed.chars().eq(word.chars().flat_map(char::to_lowercase)))
    }
}

/// Whether a character separates words.
fn is_between(c: char) -> bool {
    !c.is_alphanumeric()
}

fn refusal() -> StanzaError {
    StanzaError::new(ErrorCondition::PolicyViolation)
        .with_text("the message contains words that are not allowed here")
}

waxwing_plugin::plugin!(WordFilter: Inbound);

#[cfg(test)]
mod tests;
