//! How many accounts one address may make, and how many one stream. An IPv6 address counts as its /64, since that is what one
//! customer has.

use waxwing_plugin::prelude::*;

/// How long a stream's count is remembered: a client has at most 600 seconds to authenticate.
const STREAM_SECONDS: u32 = 3_600;

pub struct RateLimit {
    accounts: i64,
    seconds: u32,
}

/// One use, which can be given back when no account came of it.
pub struct Taken {
    key: String,
}

impl RateLimit {
    /// The configured limit; none if it is switched off.
    pub fn configured() -> Result<Option<Self>, String> {
        if config::boolean("rate_limit") == Some(false) {
            return Ok(None);
        }
        let accounts = config::integer("rate_limit.accounts").unwrap_or(5);
        let seconds = config::integer("rate_limit.seconds").unwrap_or(3_600);
        if accounts < 1 {
            return Err(format!(
                "rate_limit.accounts is {accounts}; it must be at least 1, or write rate_limit = false"
            ));
        }
        let seconds = u32::try_from(seconds).ok().filter(|&seconds| seconds > 0);
        let seconds = seconds.ok_or("rate_limit.seconds must be between 1 and 4294967295")?;
        Ok(Some(Self { accounts, seconds }))
    }

    /// Counts one account for the stream's address, or refuses.
    pub fn take(&self, on: &PreAuthStream) -> Result<Taken, StanzaError> {
        let address = on.address.as_deref().unwrap_or("unknown");
        let key = format!("address/{}", network(address));
        Taken::below(self.accounts, key, self.seconds)?.ok_or_else(|| {
            StanzaError::new(ErrorCondition::ResourceConstraint)
                .of_type(ErrorType::Wait)
                .with_text("too many accounts were made from your address; try again later")
        })
    }
}

/// How many accounts a client may make on one stream (XEP-0077 §3.1 lets the server refuse a second).
pub struct PerStream(i64);

impl PerStream {
    /// The configured number, 1 unless the operator sets another.
    pub fn configured() -> Result<Self, String> {
        let accounts = config::integer("accounts_per_stream").unwrap_or(1);
        if accounts < 1 {
            return Err(format!(
                "accounts_per_stream is {accounts}; it must be at least 1"
            ));
        }
        Ok(Self(accounts))
    }

    /// Counts one account for the stream, or refuses.
    pub fn take(&self, on: &PreAuthStream) -> Result<Taken, StanzaError> {
        let taken = Taken::below(self.0, format!("stream/{}", on.id), STREAM_SECONDS)?;
        taken.ok_or_else(|| {
            let text = match self.0 {
                1 => "one account for each stream".to_owned(),
                accounts => format!("{accounts} accounts for each stream"),
            };
            StanzaError::new(ErrorCondition::NotAcceptable).with_text(&text)
        })
    }
}

impl Taken {
    /// Counts one more under the key, unless that would exceed the limit.
    fn below(limit: i64, key: String, seconds: u32) -> Result<Option<Self>, StanzaError> {
        let taken = Self { key };
        let count = memory::add(&taken.key, 1, Some(seconds))
            .map_err(|_| ErrorCondition::ResourceConstraint)?;
        if count > limit {
            taken.give_back();
            return Ok(None);
        }
        Ok(Some(taken))
    }

    pub fn give_back(self) {
        // A counter that cannot be written is one that was never taken from.
        let _ = memory::add(&self.key, -1, None);
    }
}

fn network(address: &str) -> String {
    match address.parse() {
        Ok(std::net::IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}
