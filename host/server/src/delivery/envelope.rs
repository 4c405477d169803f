//! A stanza on its way through the server, with what the server itself keeps about it.

use std::{ops::Deref, sync::Arc};

use waxwing_xmpp::stanza::Stanza;

use super::receipt::DeliveryReceipt;

/// A stanza between the sender that handed it in and the sessions that get it. Cloning shares everything.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    stanza: Stanza,
    receipt: Option<Arc<DeliveryReceipt>>,
    bypasses_hooks: bool,
}

impl Envelope {
    /// A stanza that no hook may see: a hook itself has sent it.
    pub(crate) fn bypassing_hooks(stanza: Stanza) -> Self {
        Self {
            bypasses_hooks: true,
            ..Self::from(stanza)
        }
    }

    /// The stanza with the receipt that its sender's session is owed for it.
    pub(crate) fn with_receipt(stanza: Stanza, receipt: Option<Arc<DeliveryReceipt>>) -> Self {
        Self {
            receipt,
            ..Self::from(stanza)
        }
    }

    /// Whether hooks are passed over.
    pub(crate) fn bypasses_hooks(&self) -> bool {
        self.bypasses_hooks
    }

    /// The receipt, if there is one.
    pub(crate) fn receipt(&self) -> Option<&Arc<DeliveryReceipt>> {
        self.receipt.as_ref()
    }

    /// Takes the receipt out of the envelope, where it must not travel with the stanza: of an iq and of presence it ends when the
    /// server has dealt with them.
    pub(crate) fn take_receipt(&mut self) -> Option<Arc<DeliveryReceipt>> {
        self.receipt.take()
    }

    /// Gives the receipt of a message the message itself, as it is after the hooks: from here on it can be spooled.
    pub(crate) fn arm_receipt(&self) {
        if let Some(receipt) = &self.receipt {
            receipt.set_message(self.stanza.clone());
        }
    }

    /// Attaches a receipt; the message is set.
    pub(crate) fn attach(&mut self, receipt: Arc<DeliveryReceipt>) {
        receipt.set_message(self.stanza.clone());
        self.receipt = Some(receipt);
    }

    /// Shares the receipt of another copy.
    pub(crate) fn share_receipt(&mut self, receipt: &Arc<DeliveryReceipt>) {
        if self.receipt.is_none() {
            self.receipt = Some(Arc::clone(receipt));
        }
    }

    /// The receipt of a message; one without a receipt gets one that nobody is owed.
    pub(crate) fn receipt_or_new(&mut self) -> Arc<DeliveryReceipt> {
        if let Some(receipt) = &self.receipt {
            return Arc::clone(receipt);
        }
        let receipt = Arc::new(DeliveryReceipt::default());
        self.attach(Arc::clone(&receipt));
        receipt
    }

    /// The stanza.
    pub(crate) fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// The stanza alone.
    pub(crate) fn into_stanza(self) -> Stanza {
        self.stanza
    }

    /// Rewrites the stanza.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(Stanza) -> Stanza) {
        self.stanza = edit(self.stanza.clone());
    }

    /// Ends the receipt: nobody is given the message any more, since it was refused, or its sender got an error. It leaves the spool.
    pub(crate) fn end_receipt(&self) {
        if let Some(receipt) = &self.receipt {
            receipt.delivered();
        }
    }

    /// Puts the stanza in as hooks left it.
    pub(crate) fn replace(&mut self, stanza: Stanza) {
        self.stanza = stanza;
    }
}

impl From<Stanza> for Envelope {
    /// Nobody is owed a receipt for it, and hooks see it.
    fn from(stanza: Stanza) -> Self {
        Self {
            stanza,
            receipt: None,
            bypasses_hooks: false,
        }
    }
}

impl Deref for Envelope {
    type Target = Stanza;

    fn deref(&self) -> &Stanza {
        &self.stanza
    }
}
