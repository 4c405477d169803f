//! What the filters of hooks have in common.

/// What filters of hooks have in common: what they may be narrowed to, their order, and what becomes of a fault.
macro_rules! narrowed {
    ($filter:ident, $fail_open:literal $(, $narrowing:ident)*) => {
        impl $filter {
            $(narrowed!($narrowing);)*

            /// Higher runs first.
            #[must_use]
            pub fn priority(mut self, priority: i32) -> Self {
                self.0.priority = priority;
                self
            }

            #[doc = $fail_open]
            #[must_use]
            pub fn fail_open(mut self) -> Self {
                self.0.on_fault = FaultPolicy::Open;
                self
            }
        }
    };
    (recipients) => {
        /// Only to addressees of these classes.
        #[must_use]
        pub fn only_to(mut self, recipients: Recipients) -> Self {
            self.0.recipients = recipients;
            self
        }
    };
    (senders) => {
        /// Only from senders of these classes.
        #[must_use]
        pub fn only_from(mut self, senders: Senders) -> Self {
            self.0.senders = senders;
            self
        }

        /// Only from others: not from the account's own sessions, nor from the server.
        #[must_use]
        pub fn from_others(self) -> Self {
            self.only_from(Senders::OTHER_ACCOUNT | Senders::REMOTE | Senders::COMPONENT)
        }
    };
    (types) => {
        /// Only of these types; `normal` and `available` stand for an absent attribute.
        #[must_use]
        pub fn of_types(mut self, types: &[&str]) -> Self {
            self.0.types = types.iter().map(|&kind| kind.to_owned()).collect();
            self
        }
    };
    (payload) => {
        /// Only with such a child.
        #[must_use]
        pub fn with_payload(mut self, namespace: &str, local: &str) -> Self {
            self.0.payload = Some(Name::new(namespace, local));
            self
        }
    };
}

pub(crate) use narrowed;
