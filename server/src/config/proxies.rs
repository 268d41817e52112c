//! Networks in `TRUSTED_PROXIES`: single addresses or CIDR.

use super::ConfigError;
use std::net::IpAddr;

/// An address and how many leading bits of it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    addr: IpAddr,
    bits: u8,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (addr, bits) = match text.split_once('/') {
            Some((addr, bits)) => (addr, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse::<IpAddr>().ok()?.to_canonical();
        let most = if addr.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { addr, bits })
    }

    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let keep = u32::from(self.bits);
            keep == 0 || (a ^ b) >> (width - keep) == 0
        };
        match (self.addr, other.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                same(u128::from(u32::from(a)), u128::from(u32::from(b)), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
            _ => false,
        }
    }
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    #[must_use]
    pub fn contain(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(addr))
    }
}

/// Reads each entry of `TRUSTED_PROXIES`.
pub fn parse(entries: &[String]) -> Result<Networks, ConfigError> {
    entries
        .iter()
        .map(|entry| {
            Network::parse(entry).ok_or_else(|| ConfigError::Invalid {
                name: "TRUSTED_PROXIES",
                why: format!("{entry} is neither an address nor a network like 10.0.0.0/8"),
            })
        })
        .collect::<Result<_, _>>()
        .map(Networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say() {
        let networks =
            parse(&["10.0.0.0/8".into(), "192.168.1.7".into(), "fd00::/8".into()]).unwrap();
        for (addr, held) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.168.1.7", true),
            ("192.168.1.8", false),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(networks.contain(addr.parse().unwrap()), held, "{addr}");
        }
        assert!(parse(&["10.0.0.0/33".into()]).is_err());
        assert!(parse(&["proxy".into()]).is_err());
        assert!(
            parse(&["0.0.0.0/0".into()])
                .unwrap()
                .contain("8.8.8.8".parse().unwrap())
        );
    }
}
