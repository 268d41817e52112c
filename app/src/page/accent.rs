//! The community's colour, moved until it can be read.

/// One colour for light paper and one for dark, as `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shades<T = String> {
    pub light: T,
    pub dark: T,
}

/// Used where no accent is given.
pub const FALLBACK: Shades<&'static str> = Shades {
    light: "#4b3fb5",
    dark: "#b3abff",
};

/// The papers of `style/main.css`, against which contrast is measured.
const LIGHT_PAPER: [f64; 3] = [0.985, 0.982, 0.972];
const DARK_PAPER: [f64; 3] = [0.075, 0.082, 0.105];
/// More than the 4.5 of WCAG 2.2 (1.4.3), so that the accent also stands on tinted paper.
const WANTED: f64 = 5.2;

/// Two shades of `#rgb` or `#rrggbb` with its hue kept and its lightness moved until the
/// contrast is met on either paper; none when it is not such a colour.
#[must_use]
pub fn shades(colour: &str) -> Option<Shades> {
    let (lightness, a, b) = to_oklab(parse(colour)?);
    let meets = |paper: [f64; 3], step: f64| {
        let mut lightness = lightness.clamp(0.2, 0.95);
        loop {
            let candidate = from_oklab(lightness, a, b);
            let next = lightness + step;
            if contrast(candidate, paper) >= WANTED || !(0.0..=1.0).contains(&next) {
                return hex(candidate);
            }
            lightness = next;
        }
    };
    Some(Shades {
        light: meets(LIGHT_PAPER, -0.01),
        dark: meets(DARK_PAPER, 0.01),
    })
}

/// A value that may stand in a style sheet: a colour and nothing that could end it.
#[must_use]
pub fn is_css_colour(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 64
        && value.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, '#' | '(' | ')' | ',' | '.' | '%' | '/' | ' ' | '-' | '+')
        })
}

fn parse(colour: &str) -> Option<[f64; 3]> {
    let digits = colour.trim().strip_prefix('#')?;
    if !digits.is_ascii() {
        return None;
    }
    let long = match digits.len() {
        3 => digits.chars().flat_map(|c| [c, c]).collect::<String>(),
        6 => digits.to_owned(),
        _ => return None,
    };
    let mut channels = [0.0; 3];
    for (i, channel) in channels.iter_mut().enumerate() {
        *channel = f64::from(u8::from_str_radix(long.get(i * 2..i * 2 + 2)?, 16).ok()?) / 255.0;
    }
    Some(channels)
}

fn linear(channel: f64) -> f64 {
    if channel <= 0.040_45 {
        channel / 12.92
    } else {
        ((channel + 0.055) / 1.055).powf(2.4)
    }
}

fn gamma(channel: f64) -> f64 {
    let channel = channel.clamp(0.0, 1.0);
    if channel <= 0.003_130_8 {
        channel * 12.92
    } else {
        1.055 * channel.powf(1.0 / 2.4) - 0.055
    }
}

/// Oklab as Björn Ottosson published it (2020), which CSS Color 4 took over.
#[expect(
    clippy::many_single_char_names,
    reason = "the names of the published formula"
)]
fn to_oklab(rgb: [f64; 3]) -> (f64, f64, f64) {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    (
        0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
    )
}

#[expect(
    clippy::many_single_char_names,
    reason = "the names of the published formula"
)]
fn from_oklab(lightness: f64, a: f64, b: f64) -> [f64; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ]
    .map(gamma)
}

/// Contrast ratio of WCAG 2.2.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |rgb: [f64; 3]| {
        let [r, g, b] = rgb.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte before the cast"
)]
fn hex(rgb: [f64; 3]) -> String {
    let [r, g, b] = rgb.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::{DARK_PAPER, FALLBACK, LIGHT_PAPER, contrast, is_css_colour, parse, shades};

    #[test]
    fn every_accent_can_be_read_on_both_papers() {
        for colour in [
            "#ffff00", "#000000", "#ffffff", "#5865f2", "#0f6b4f", "#c2410c", "#f0a", "#00ffff",
            "#7f7f7f",
        ] {
            let found = shades(colour).expect(colour);
            let light = parse(&found.light).expect("light");
            let dark = parse(&found.dark).expect("dark");
            assert!(
                contrast(light, LIGHT_PAPER) >= 4.5,
                "{colour} light {}",
                found.light
            );
            assert!(
                contrast(dark, DARK_PAPER) >= 4.5,
                "{colour} dark {}",
                found.dark
            );
        }
    }

    #[test]
    fn a_readable_accent_is_left_as_it_is() {
        assert_eq!(shades("#0f6b4f").expect("colour").light, "#0f6b4f");
    }

    #[test]
    fn the_fallback_can_be_read() {
        let light = parse(FALLBACK.light).expect("light");
        let dark = parse(FALLBACK.dark).expect("dark");
        assert!(contrast(light, LIGHT_PAPER) >= 4.5 && contrast(dark, DARK_PAPER) >= 4.5);
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        for wrong in ["red", "#12", "#12345g", "", "#ééé", "123456"] {
            assert_eq!(shades(wrong), None, "{wrong}");
        }
        assert!(is_css_colour("oklch(0.5 0.1 270)") && is_css_colour("#abc"));
        for wrong in ["", "red;}body{display:none", "url(\"x\")", "</style>"] {
            assert!(!is_css_colour(wrong), "{wrong}");
        }
    }
}
