//! The community's name, colour and picture.

use super::{ConfigError, Get, StripeSettings, invalid};
use app::page::{Community, accent};

pub(super) fn community(get: &Get, stripe: &StripeSettings) -> Result<Community, ConfigError> {
    let (accent_light, accent_dark) = match get("COMMUNITY_ACCENT") {
        Some(colour) => {
            let shades = accent::shades(&colour)
                .ok_or_else(|| invalid("COMMUNITY_ACCENT", "a colour like #0f766e"))?;
            (shades.light, shades.dark)
        }
        None => (
            accent::FALLBACK.light.to_owned(),
            accent::FALLBACK.dark.to_owned(),
        ),
    };
    Ok(Community {
        name: get("COMMUNITY_NAME").unwrap_or_else(|| "The Revenue Council".to_owned()),
        accent_light,
        accent_dark,
        logo: get("COMMUNITY_LOGO"),
        test_mode: !stripe.live,
    })
}
