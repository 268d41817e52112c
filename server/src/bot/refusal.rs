//! Closes after which nobody reconnects, and what to mend.

pub const UNREACHABLE: &str = "There is no connection to Discord's gateway. Roles still follow payments; that somebody joined, or that a role was changed by hand, is not heard of until it is back. It is tried again by itself, and this closes when it works.";

/// Discord's list of closes that a new try does not mend.
#[must_use]
pub fn is_final(code: u16) -> bool {
    matches!(code, 4004 | 4010..=4014)
}

/// What a final close means, and what to do.
#[must_use]
pub fn advice(code: u16) -> String {
    let (what, todo) = match code {
        4004 => (
            "it does not accept DISCORD_BOT_TOKEN",
            "Make a new token in Discord's developer portal (your application, Bot, Reset Token), set DISCORD_BOT_TOKEN",
        ),
        4011 => (
            "the bot is in more servers than one connection may serve",
            "Rollcall guards one server: take the bot out of the others, or give it an application of its own",
        ),
        4012 => (
            "it no longer speaks version 10 of its protocol",
            "Install a newer Rollcall",
        ),
        4013 => (
            "it does not know the intents that were asked for",
            "Install a newer Rollcall",
        ),
        4014 => (
            "the Server Members Intent is switched off",
            "In Discord's developer portal open your application, Bot, Privileged Gateway Intents, and switch Server Members Intent on",
        ),
        _ => (
            "it does not accept the bot's shard",
            "Install a newer Rollcall",
        ),
    };
    format!(
        "Discord's gateway refuses the bot ({code}): {what}. {todo}; then start the server again. Roles still follow payments, but that somebody joined, or that a role was changed by hand, is not heard of until then."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_final_close_says_what_to_mend() {
        let finals: Vec<u16> = (4000..4100).filter(|code| is_final(*code)).collect();
        assert_eq!(finals, [4004, 4010, 4011, 4012, 4013, 4014]);
        let all: HashSet<String> = finals.iter().map(|code| advice(*code)).collect();
        assert_eq!(all.len(), finals.len());
        assert!(advice(4004).contains("DISCORD_BOT_TOKEN"));
        assert!(advice(4014).contains("Server Members Intent"));
    }
}
