//! What lies in a session's mailbox.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use waxwing_xml::{Context, Element};
use waxwing_xmpp::stanza::{MessageType, Stanza, Type};

use super::{mailbox::Weigh, receipt::DeliveryReceipt};
use crate::offline::is_for_keeping;

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
    Stanza(Stanza),
    /// An answer: nobody hears when it is lost (RFC 6120 §8.3.1).
    Answer(Element),
}

/// What the copies of one stanza for several sessions share.
#[derive(Debug)]
struct Copies {
    /// The stanza as it is written; by the first session that writes it.
    wire: OnceLock<Vec<u8>>,
    /// About all of them, if somebody needs one that the sender does not.
    receipt: OnceLock<Arc<DeliveryReceipt>>,
    /// Copies of which it is not known what became of them.
    pending: AtomicUsize,
    /// One copy at least was delivered.
    delivered: AtomicBool,
}

impl QueuedStanza {
    /// The only copy.
    pub(crate) fn one(stanza: Stanza) -> Self {
        let weight = stanza.element().heap_bytes();
        Self {
            payload: Payload::Stanza(stanza),
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
    pub(crate) fn copies(stanza: &Stanza, count: usize) -> impl Iterator<Item = Self> {
        let copies = Arc::new(Copies {
            wire: OnceLock::new(),
            receipt: OnceLock::new(),
            pending: AtomicUsize::new(count),
            delivered: AtomicBool::new(false),
        });
        std::iter::repeat_n(stanza.clone(), count).map(move |stanza| Self {
            copies: Some(Arc::clone(&copies)),
            ..Self::one(stanza)
        })
    }

    /// The receipt about a message that is worth keeping: it can be put into the spool while it waits for its session.
    pub(crate) fn receipt(&mut self) -> Option<Arc<DeliveryReceipt>> {
        let Payload::Stanza(stanza) = &mut self.payload else {
            return None;
        };
        let Type::Message(MessageType::Chat | MessageType::Normal) = stanza.typed() else {
            return None;
        };
        if !is_for_keeping(stanza) {
            return None;
        }
        let Some(copies) = &self.copies else {
            return Some(DeliveryReceipt::of_message(stanza));
        };
        // One row in the spool is enough for all copies.
        let shared = copies
            .receipt
            .get_or_init(|| DeliveryReceipt::of_message(stanza));
        if stanza.companion::<DeliveryReceipt>().is_none() {
            stanza.accompany(Arc::clone(shared) as _);
        }
        Some(Arc::clone(shared))
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

    /// The client has it: it acknowledged it, or acknowledges nothing and it was written out.
    pub(crate) fn delivered(self) {
        self.leave_spool();
        if let Some(copies) = self.copies {
            copies.delivered.store(true, Ordering::Release);
            copies.pending.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// It need not be kept any more.
    fn leave_spool(&self) {
        if let Payload::Stanza(stanza) = &self.payload
            && let Some(receipt) = stanza.companion::<DeliveryReceipt>()
        {
            receipt.delivered();
        }
    }

    /// It could not be delivered. Returns the stanza if this leaves nobody who has it or may yet get it.
    pub(crate) fn undelivered(self) -> Option<Stanza> {
        if let Some(copies) = self.copies {
            let last = copies.pending.fetch_sub(1, Ordering::AcqRel) == 1;
            if !last || copies.delivered.load(Ordering::Acquire) {
                return None;
            }
        }
        match self.payload {
            Payload::Stanza(stanza) => Some(stanza),
            Payload::Answer(_) => None,
        }
    }

    /// A hook ended it: it was this session's last chance, from wherever it came. Returns the stanza if this leaves nobody
    /// who has it or may yet get it.
    pub(crate) fn refused(self) -> Option<Stanza> {
        self.leave_spool();
        self.undelivered()
    }

    /// The same, of which this session is given that stanza. What is not delivered is the one that came.
    pub(crate) fn altered(mut self, stanza: Stanza) -> Self {
        let is_other = self
            .stanza()
            .is_none_or(|own| own.element() != stanza.element());
        self.altered = is_other.then(|| stanza.into_element());
        self
    }

    /// Whether it is in the spool, under that id.
    pub(crate) fn is_spooled_as(&self, id: u64) -> bool {
        let receipt = self.stanza().and_then(Stanza::companion::<DeliveryReceipt>);
        let place = receipt.and_then(|receipt| receipt.position());
        place.is_some_and(|(_, kept)| kept == id)
    }

    /// What somebody sent; `None` for an answer of the server.
    pub(crate) fn stanza(&self) -> Option<&Stanza> {
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
