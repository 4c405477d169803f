//! How many connections are open: in all, and from each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use crate::{
    config::Limits,
    metrics::{self, router::Limit},
};

/// ConnectionLimits that an address may open at once, in seconds of what it may open on average.
const BURST: NonZeroU32 = NonZeroU32::new(4).unwrap();
/// Addresses of which it is remembered how fast they opened connections, before those are forgotten that have not lately.
const REMEMBERED: usize = 10_000;

type Rates = DefaultKeyedRateLimiter<IpAddr>;

/// Counts connections against the limits.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    open: Arc<AtomicUsize>,
    limit: Arc<AtomicUsize>,
    addresses: Arc<Addresses>,
}

/// What each address has.
#[derive(Debug)]
struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
    /// Most for each; 0: no limit.
    most: usize,
    rates: Option<Rates>,
    limits_loopback: bool,
}

/// One open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    open: Arc<AtomicUsize>,
    /// Where it counts too.
    address: Option<(IpAddr, Arc<Addresses>)>,
}

impl ConnectionLimits {
    /// None yet, and at most so many. Shards that accept at the same moment may pass the limit by one each.
    pub(crate) fn new(most: usize, limits: &Limits) -> Self {
        let quota = NonZeroU32::new(limits.connections_per_second_per_address)
            .map(|second| Quota::per_second(second).allow_burst(second.saturating_mul(BURST)));
        let rates = quota.map(RateLimiter::keyed);
        Self {
            open: Arc::default(),
            limit: Arc::new(AtomicUsize::new(most)),
            addresses: Arc::new(Addresses {
                open: Mutex::default(),
                most: limits.connections_per_address,
                rates,
                limits_loopback: limits.limit_loopback,
            }),
        }
    }

    /// Registers its figure.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let open = Arc::clone(&self.open);
        metrics::gauge(
            registry,
            "waxwing_streams",
            "Open connections of clients",
            move || metrics::count(open.load(Ordering::Relaxed)),
        );
    }

    /// From now on at most so many.
    pub(crate) fn limit_to(&self, most: usize) {
        self.limit.store(most, Ordering::Relaxed);
    }

    /// True if no more may be accepted just now.
    pub(crate) fn is_full(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= self.limit.load(Ordering::Relaxed)
    }

    /// Counts one more, of which it is not known yet for which address it counts.
    pub(crate) fn unassigned(&self) -> ConnectionSlot {
        self.open.fetch_add(1, Ordering::Relaxed);
        ConnectionSlot {
            open: Arc::clone(&self.open),
            address: None,
        }
    }

    /// Counts one more, from that address, unless it has too many or opens them too fast.
    pub(crate) fn slot(&self, address: IpAddr) -> Result<ConnectionSlot, Limit> {
        let address = self.addresses.count(address)?;
        let mut slot = self.unassigned();
        slot.address = address.map(|address| (address, Arc::clone(&self.addresses)));
        Ok(slot)
    }
}

impl Addresses {
    /// Counts a connection; `None` where there is nothing to count.
    fn count(&self, address: IpAddr) -> Result<Option<IpAddr>, Limit> {
        let address = owner(address);
        if address.is_loopback() && !self.limits_loopback {
            return Ok(None);
        }
        if let Some(rates) = &self.rates {
            if rates.len() > REMEMBERED {
                rates.retain_recent();
            }
            rates
                .check_key(&address)
                .map_err(|_| Limit::ConnectionRate)?;
        }
        if self.most == 0 {
            return Ok(None);
        }
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return Err(Limit::Connections);
        }
        *count = count.saturating_add(1);
        Ok(Some(address))
    }

    fn forget(&self, address: IpAddr) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// The address that a connection counts for: one host has a whole network of 64 bits by IPv6.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some((address, addresses)) = &self.address {
            addresses.forget(*address);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_figure_follows_the_open_connections() {
        let connections = ConnectionLimits::new(10, &Limits::default());
        let mut registry = Registry::default();
        connections.register(&mut registry);
        let scraped = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        let slot = || connections.slot("192.0.2.1".parse().unwrap());
        let slots = [slot().unwrap(), slot().unwrap()];
        assert!(scraped().contains("\nwaxwing_streams 2\n"), "{}", scraped());
        drop(slots);
        assert!(scraped().contains("\nwaxwing_streams 0\n"), "{}", scraped());
    }

    fn limited() -> ConnectionLimits {
        let limits = Limits {
            connections_per_address: 2,
            connections_per_second_per_address: 0,
            ..Limits::default()
        };
        ConnectionLimits::new(10, &limits)
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let connections = limited();
        let slot = |address: &str| connections.slot(address.parse().unwrap());
        let first = slot("192.0.2.1").unwrap();
        let _second = slot("::ffff:192.0.2.1").unwrap();
        assert_eq!(slot("192.0.2.1").unwrap_err(), Limit::Connections);
        let _others = [
            slot("192.0.2.2"),
            slot("127.0.0.1"),
            slot("127.0.0.1"),
            slot("127.0.0.1"),
        ];
        drop(first);
        let _again = slot("192.0.2.1").unwrap();
        assert_eq!(slot("192.0.2.1").unwrap_err(), Limit::Connections);
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let connections = limited();
        let slot = |address: &str| connections.slot(address.parse().unwrap());
        let _slots = [slot("2001:db8::1").unwrap(), slot("2001:db8::2:1").unwrap()];
        assert_eq!(slot("2001:db8::3").unwrap_err(), Limit::Connections);
        assert!(slot("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn an_address_opens_so_many_in_a_second() {
        let limits = Limits {
            connections_per_second_per_address: 2,
            ..Limits::default()
        };
        let connections = ConnectionLimits::new(1_000, &limits);
        let slot = || connections.slot("192.0.2.1".parse().unwrap());
        let opened = (0..100).take_while(|_| slot().is_ok()).count();
        assert!((8..20).contains(&opened), "{opened}");
        assert_eq!(slot().unwrap_err(), Limit::ConnectionRate);
    }
}
