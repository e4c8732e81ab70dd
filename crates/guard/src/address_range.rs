//! Addresses of proxies: one, or a network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// An address, or a network in CIDR's notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    network: IpAddr,
    bits: u32,
}

impl AddressRange {
    /// Whether an address lies in one of these; one that nobody knows does not.
    #[must_use]
    pub fn any(ranges: &[Self], address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
    }

    fn contains(&self, address: IpAddr) -> bool {
        // A listener on [::] gives IPv4 in IPv6's form.
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(self.bits);
                let of = |address: u32| address.checked_shr(shift).unwrap_or(0);
                of(network.to_bits()) == of(address.to_bits())
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(self.bits);
                let of = |address: u128| address.checked_shr(shift).unwrap_or(0);
                of(network.to_bits()) == of(address.to_bits())
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "it is neither an address nor a network such as 10.0.0.0/8";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| wrong)?;
        let network = network.to_canonical();
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong)?;
        if (1..=most).contains(&bits) {
            Ok(Self { network, bits })
        } else {
            Err(wrong)
        }
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.network, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::AddressRange;

    #[test]
    fn an_address_lies_in_its_own_network_alone() {
        for (range, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::1", "::1", "::2"),
        ] {
            let ranges = [range.parse::<AddressRange>().unwrap()];
            let lies = |text: &str| AddressRange::any(&ranges, Some(text.parse().unwrap()));
            assert!(lies(inside), "{inside} in {range}");
            assert!(!lies(outside), "{outside} in {range}");
            assert!(!AddressRange::any(&ranges, None));
        }
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/0",
            "::/129",
            "10.0.0.0/x",
        ] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
