//! The client's address, as far as it can be known behind proxies.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;

use crate::config::Networks;
use crate::state::AppState;

/// Where a request comes from. In the request's extensions after [`know_client`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// What limits count by: the address, or for IPv6 its /64, of which one customer has all.
    #[must_use]
    pub fn limit_key(self) -> String {
        match self.0 {
            IpAddr::V4(addr) => addr.to_string(),
            IpAddr::V6(addr) => {
                let [a, b, c, d, ..] = addr.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
            }
        }
    }
}

/// Requests that did not come through [`know_client`] share one unknown address.
impl<S: Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get()
            .copied()
            .unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

/// Middleware: finds out the client's address. Wants the server to be made with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub async fn know_client(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let forwarded = request
            .headers()
            .get_all("x-forwarded-for")
            .iter()
            .map(|value| value.to_str().unwrap_or_default());
        let addr = client_addr(peer.ip(), forwarded, &state.config.trusted_proxies);
        request.extensions_mut().insert(ClientAddr(addr));
    }
    next.run(request).await
}

/// The peer, or, when the peer is one of our proxies, the right-most address in
/// `X-Forwarded-For` that is none: what stands further left was written by others. An entry
/// that is no address ends the search at the proxy that passed it on.
pub fn client_addr<'h>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'h str>,
    proxies: &Networks,
) -> IpAddr {
    let mut client = peer.to_canonical();
    for entry in forwarded.rev().flat_map(|value| value.rsplit(',')) {
        if !proxies.contain(client) {
            break;
        }
        let Some(addr) = entry_addr(entry) else {
            break;
        };
        client = addr;
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`.
fn entry_addr(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(entry)
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|addr| addr.ip()))
        .ok()
        .map(|addr| addr.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn networks(list: &str) -> Networks {
        let variables = [
            ("PUBLIC_URL", "https://members.example.org"),
            (
                "ENCRYPTION_KEY",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
            ("DISCORD_CLIENT_ID", "11"),
            ("DISCORD_CLIENT_SECRET", "s"),
            ("DISCORD_BOT_TOKEN", "t"),
            ("DISCORD_GUILD_ID", "12"),
            ("TRUSTED_PROXIES", list),
        ];
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Config::read(|name| value(name).map(|(_, value)| (*value).to_owned()))
            .unwrap()
            .trusted_proxies
    }

    #[test]
    fn forwarded_addresses_are_believed_only_of_our_proxies() {
        let proxies = "10.0.0.0/8, 192.168.1.7, fd00::/8";
        for (trusted, peer, forwarded, expected) in [
            // Nobody is believed by default.
            ("", "203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("", "127.0.0.1", &["198.51.100.1"], "127.0.0.1"),
            // A stranger's header means nothing.
            (proxies, "203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            (proxies, "10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the client wrote itself stands to the left.
            (
                proxies,
                "10.0.0.1",
                &["1.2.3.4, 198.51.100.1"],
                "198.51.100.1",
            ),
            (
                proxies,
                "10.0.0.1",
                &["1.2.3.4", "198.51.100.1"],
                "198.51.100.1",
            ),
            (
                proxies,
                "10.0.0.1",
                &["198.51.100.1, 192.168.1.7"],
                "198.51.100.1",
            ),
            (
                proxies,
                "10.0.0.1",
                &["198.51.100.1", "192.168.1.7,10.9.9.9"],
                "198.51.100.1",
            ),
            (proxies, "10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (proxies, "10.0.0.1", &[], "10.0.0.1"),
            // What is no address ends the search.
            (proxies, "10.0.0.1", &[""], "10.0.0.1"),
            (proxies, "10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            (
                proxies,
                "10.0.0.1",
                &["198.51.100.1, , 10.2.2.2"],
                "10.2.2.2",
            ),
            (proxies, "10.0.0.1", &["198.51.100.1;"], "10.0.0.1"),
            // Ports, brackets and both families.
            (proxies, "10.0.0.1", &["198.51.100.1:5555"], "198.51.100.1"),
            (proxies, "fd00::1", &["2001:db8::7"], "2001:db8::7"),
            (proxies, "fd00::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            (proxies, "fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
            (
                proxies,
                "::ffff:10.0.0.1",
                &["198.51.100.1"],
                "198.51.100.1",
            ),
            (
                proxies,
                "10.0.0.1",
                &["::ffff:198.51.100.1"],
                "198.51.100.1",
            ),
            (proxies, "::ffff:203.0.113.9", &[], "203.0.113.9"),
            (
                "0.0.0.0/0, ::/0",
                "10.0.0.1",
                &["1.2.3.4, 5.6.7.8"],
                "1.2.3.4",
            ),
        ] {
            assert_eq!(
                client_addr(
                    peer.parse().unwrap(),
                    forwarded.iter().copied(),
                    &networks(trusted)
                ),
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded:?} believing {trusted:?}"
            );
        }
    }

    #[test]
    fn one_ipv6_customer_is_one_key() {
        let key = |text: &str| ClientAddr(text.parse().unwrap()).limit_key();
        assert_eq!(key("2001:db8:1:2:3::4"), key("2001:db8:1:2:ffff::"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("192.0.2.1"), "192.0.2.1");
    }
}
