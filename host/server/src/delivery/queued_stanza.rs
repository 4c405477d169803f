//! What lies in a session's mailbox.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use waxwing_xml::{Context, Element};
use waxwing_xmpp::stanza::Stanza;

use super::{
    envelope::Envelope, mailbox::Weigh, receipt::DeliveryReceipt, worth_keeping::can_be_spooled,
};

/// A stanza on its way to one session. It is said once what became of it: by [`delivered`](Self::delivered) or
/// [`undelivered`](Self::undelivered).
#[derive(Debug)]
pub(crate) struct QueuedStanza {
    payload: Payload,
    /// What this session alone is given instead.
    altered: Option<Element>,
    copies: Option<Arc<Copies>>,
    weight: usize,
}

#[derive(Debug)]
enum Payload {
    /// Its sender may be owed an answer when it is lost.
    Stanza(Envelope),
    /// An answer: nobody hears when it is lost (RFC 6120 §8.3.1).
    Answer(Element),
}

/// What the copies of one stanza for several sessions share.
#[derive(Debug)]
struct Copies {
    /// The stanza as it is written; by the first session that writes it.
    wire: OnceLock<Vec<u8>>,
    fate: Mutex<Fate>,
}

/// What became of them.
#[derive(Debug)]
struct Fate {
    /// Copies of which it is not known what became of them.
    pending: usize,
    /// One copy at least was delivered.
    delivered: bool,
    /// About all of them, if somebody needs one that the sender does not.
    receipt: Option<Arc<DeliveryReceipt>>,
}

impl QueuedStanza {
    /// The only copy.
    pub(crate) fn one(stanza: impl Into<Envelope>) -> Self {
        let envelope = stanza.into();
        let weight = envelope.element().heap_bytes();
        Self {
            payload: Payload::Stanza(envelope),
            altered: None,
            copies: None,
            weight,
        }
    }

    /// An answer to the session itself.
    pub(crate) fn answer(element: Element) -> Self {
        let weight = element.heap_bytes();
        Self {
            payload: Payload::Answer(element),
            altered: None,
            copies: None,
            weight,
        }
    }

    /// So many copies.
    pub(crate) fn copies(envelope: Envelope, count: usize) -> impl Iterator<Item = Self> {
        let copies = Arc::new(Copies {
            wire: OnceLock::new(),
            fate: Mutex::new(Fate {
                pending: count,
                delivered: false,
                receipt: None,
            }),
        });
        std::iter::repeat_n(envelope, count).map(move |envelope| Self {
            copies: Some(Arc::clone(&copies)),
            ..Self::one(envelope)
        })
    }

    /// The receipt of a message that may go into the spool while it waits for its session.
    pub(crate) fn receipt(&mut self) -> Option<Arc<DeliveryReceipt>> {
        let Payload::Stanza(envelope) = &mut self.payload else {
            return None;
        };
        if !can_be_spooled(envelope) {
            return None;
        }
        let Some(copies) = &self.copies else {
            return Some(envelope.receipt_or_new());
        };
        // One row in the spool is enough for all copies, and none is needed once a session has one of them for good.
        let mut fate = copies.fate.lock();
        let shared = fate
            .receipt
            .get_or_insert_with(|| envelope.receipt_or_new());
        let shared = Arc::clone(shared);
        if fate.delivered {
            shared.delivered();
        }
        drop(fate);
        envelope.share_receipt(&shared);
        Some(shared)
    }

    /// Appends the stanza as it is written on a stream in this context; all copies are for streams of the same context.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        match self.copies.as_ref().filter(|_| self.altered.is_none()) {
            None => self.element().write(context, out),
            Some(copies) => out.extend_from_slice(copies.wire.get_or_init(|| {
                let mut wire = Vec::new();
                self.element().write(context, &mut wire);
                wire
            })),
        }
    }

    /// The client has it: it acknowledged it, or acknowledges nothing and it was written out. It need not be kept any more.
    pub(crate) fn delivered(self) {
        let own = self.envelope().and_then(Envelope::receipt).cloned();
        let shared = self.copies.as_ref().and_then(|copies| {
            let mut fate = copies.fate.lock();
            fate.delivered = true;
            fate.pending = fate.pending.saturating_sub(1);
            fate.receipt.clone()
        });
        if let Some(receipt) = own.or(shared) {
            receipt.delivered();
        }
    }

    /// It could not be delivered. Returns the stanza if this leaves nobody who has it or may yet get it.
    pub(crate) fn undelivered(self) -> Option<Envelope> {
        let mut shared = None;
        if let Some(copies) = &self.copies {
            let mut fate = copies.fate.lock();
            fate.pending = fate.pending.saturating_sub(1);
            if fate.pending > 0 || fate.delivered {
                return None;
            }
            shared = fate.receipt.take();
        }
        let Payload::Stanza(mut stanza) = self.payload else {
            return None;
        };
        // Another copy may have been put into the spool: it is there for this one too.
        if let Some(shared) = shared {
            stanza.share_receipt(&shared);
        }
        Some(stanza)
    }

    /// A hook ended it: it was this session's last chance, from wherever it came. Returns the stanza if this leaves nobody
    /// who has it or may yet get it; it leaves the spool then.
    pub(crate) fn refused(self) -> Option<Envelope> {
        let stanza = self.undelivered()?;
        stanza.end_receipt();
        Some(stanza)
    }

    /// The same, of which this session is given that stanza. What is not delivered is the one that came.
    pub(crate) fn altered(mut self, stanza: Stanza) -> Self {
        let is_other = self
            .envelope()
            .is_none_or(|own| own.element() != stanza.element());
        self.altered = is_other.then(|| stanza.into_element());
        self
    }

    /// What somebody sent; `None` for an answer of the server.
    pub(crate) fn envelope(&self) -> Option<&Envelope> {
        match &self.payload {
            Payload::Stanza(stanza) => Some(stanza),
            Payload::Answer(_) => None,
        }
    }

    /// The stanza as this session is given it.
    pub(crate) fn element(&self) -> &Element {
        if let Some(altered) = &self.altered {
            return altered;
        }
        match &self.payload {
            Payload::Stanza(stanza) => stanza.element(),
            Payload::Answer(element) => element,
        }
    }
}

impl Weigh for QueuedStanza {
    fn weight(&self) -> usize {
        self.weight
    }
}
