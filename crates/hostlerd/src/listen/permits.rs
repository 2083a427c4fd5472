//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Hands out permits for connections.
#[derive(Debug, Clone)]
pub struct Permits {
    held: Arc<Mutex<Held>>,
    in_all: usize,
    per_address: usize,
}

#[derive(Debug, Default)]
struct Held {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Leave to have a connection, until dropped.
#[derive(Debug)]
pub struct Permit {
    held: Arc<Mutex<Held>>,
    address: Option<IpAddr>,
}

impl Permits {
    /// At most `in_all` at once, and `per_address` from one address.
    pub fn new(in_all: usize, per_address: usize) -> Self {
        Self { held: Arc::default(), in_all, per_address }
    }

    /// Leave for one more connection, or none.
    pub fn take(&self, address: Option<IpAddr>) -> Option<Permit> {
        let address = address.map(one_customer);
        let mut held = self.held.lock().expect("nothing panics while it holds this lock");
        if held.in_all >= self.in_all {
            return None;
        }
        if let Some(address) = address {
            let count = held.by_address.entry(address).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        held.in_all += 1;
        Some(Permit { held: Arc::clone(&self.held), address })
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.held.lock().expect("nothing panics while it holds this lock").in_all
    }
}

/// An IPv6 customer gets a whole /64, and can use a new address of it every time.
fn one_customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
        other => other,
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.held.lock().expect("nothing panics while it holds this lock");
        held.in_all -= 1;
        if let Some(address) = self.address
            && let Some(count) = held.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                // An attacker with many addresses must not leave an entry for each.
                held.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a38_one_address_cannot_take_every_connection() {
        let permits = Permits::new(3, 2);
        let kept: Vec<_> = (0..2).filter_map(|_| permits.take(address("192.0.2.1"))).collect();
        assert_eq!(kept.len(), 2);
        assert!(permits.take(address("192.0.2.1")).is_none());
        let other = permits.take(address("192.0.2.2")).unwrap();
        assert!(permits.take(address("192.0.2.3")).is_none(), "three in all");
        drop(other);
        assert!(permits.take(address("192.0.2.3")).is_some());
    }

    #[test]
    fn a38_addresses_of_one_ipv6_network_count_as_one() {
        let permits = Permits::new(9, 1);
        let _kept = permits.take(address("2001:db8::1")).unwrap();
        assert!(permits.take(address("2001:db8::2")).is_none());
        assert!(permits.take(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn permits_come_back_and_leave_no_entry_behind() {
        let permits = Permits::new(9, 9);
        drop(permits.take(address("192.0.2.1")));
        assert_eq!(permits.count(), 0);
        assert!(permits.held.lock().unwrap().by_address.is_empty());
    }
}
