//! How many accounts one address may make. An IPv6 address counts as its /64, since that is what one customer has.

use waxwing_plugin::prelude::*;

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
        let taken = Taken {
            key: format!("address/{}", network(address)),
        };
        let count = memory::add(&taken.key, 1, Some(self.seconds))
            .map_err(|_| ErrorCondition::ResourceConstraint)?;
        if count > self.accounts {
            taken.give_back();
            return Err(StanzaError::new(ErrorCondition::ResourceConstraint)
                .of_type(ErrorType::Wait)
                .with_text("too many accounts were made from your address; try again later"));
        }
        Ok(taken)
    }
}

impl Taken {
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
