//! Members: listing, joining by token, leaving, bans.

use sandbox::discord::permissions::{
    BAN_MEMBERS, CREATE_INSTANT_INVITE, KICK_MEMBERS, MANAGE_NICKNAMES, MANAGE_ROLES,
    VIEW_AUDIT_LOG,
};
use sandbox::discord::{
    APPLICATION, PERSON_ADA, PERSON_BARBARA, PERSON_GRACE, PERSON_OWNER, ROLE_BOT, ROLE_FOUNDER,
    ROLE_MEMBER,
};
use serde_json::json;

use super::Bench;
use super::oauth::bearer;

#[test]
fn listing_pages_through_everybody_and_needs_the_intent() {
    let mut bench = Bench::unlimited();
    for number in 0..25 {
        let name = format!("Person {number:02}");
        let id = bench
            .discord
            .create_user(bench.now_ms, &name, true)
            .unwrap();
        bench.discord.member_join(bench.now_ms, &id).unwrap();
    }
    let total = bench.discord.guild.members.len();
    assert_eq!(
        bench
            .guild("GET", "/members", None)
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let (mut seen, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = bench
            .guild("GET", &format!("/members?limit=10&after={after}"), None)
            .body;
        let ids: Vec<String> = page
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["user"]["id"].as_str().unwrap().to_owned())
            .collect();
        let Some(last) = ids.last() else { break };
        after.clone_from(last);
        seen.extend(ids);
    }
    assert_eq!(seen.len(), total);
    assert!(seen.is_sorted_by_key(|id| id.parse::<u64>().unwrap()));
    assert_eq!(
        bench.guild("GET", "/members?limit=1001", None).refusal(),
        (400, 50035)
    );
    assert_eq!(
        bench.guild("GET", "/members?limit=0", None).refusal(),
        (400, 50035)
    );
    bench.discord.application.intents.members = false;
    assert_eq!(
        bench.guild("GET", "/members?limit=10", None).refusal(),
        (403, 50001)
    );
    assert_eq!(
        bench
            .guild("GET", &format!("/members/{PERSON_ADA}"), None)
            .status,
        200
    );
}

#[test]
fn absence_is_told_apart_from_nonexistence() {
    let mut bench = Bench::unlimited();
    let path = |id: u64| format!("/members/{id}");
    assert_eq!(
        bench.guild("GET", &path(PERSON_BARBARA), None).refusal(),
        (404, 10007)
    );
    assert_eq!(bench.guild("GET", &path(42), None).refusal(), (404, 10013));
    assert_eq!(
        bench.guild("GET", "/members/abc", None).refusal(),
        (400, 50035)
    );
    assert_eq!(
        bench.bot("GET", "/guilds/42/members/1", None).refusal(),
        (404, 10004)
    );
    let guild = bench.discord.guild_id();
    let path = format!("/guilds/{guild}/members/{PERSON_ADA}");
    for auth in ["", "Bot wrong", "Bearer wrong"] {
        let got = bench.ask(auth, "GET", &path, None);
        assert_eq!(got.refusal(), (401, 0));
        assert_eq!(got.body["message"], "401: Unauthorized");
    }
}

#[test]
fn a_person_joins_by_their_own_token_and_their_roles_count_only_on_arrival() {
    let mut bench = Bench::unlimited();
    let path = format!("/members/{PERSON_BARBARA}");
    let token = bearer(&mut bench, PERSON_BARBARA, "identify guilds.join");
    let body = json!({"access_token": token, "roles": [ROLE_MEMBER.to_string()]});
    let got = bench.guild("PUT", &path, Some(body.clone()));
    assert_eq!(got.status, 201);
    assert_eq!(got.body["roles"], json!([ROLE_MEMBER.to_string()]));
    let barbara = PERSON_BARBARA.to_string();
    bench
        .discord
        .remove_role_by_hand(bench.now_ms, &barbara, &ROLE_MEMBER.to_string())
        .unwrap();
    assert_eq!(bench.guild("PUT", &path, Some(body)).status, 204);
    assert!(bench.discord.roles_of(&barbara).is_empty());
}

#[test]
fn joining_is_refused_for_reasons() {
    let mut bench = Bench::unlimited();
    let path = format!("/members/{PERSON_BARBARA}");
    let barbara = PERSON_BARBARA.to_string();
    let good = bearer(&mut bench, PERSON_BARBARA, "identify guilds.join");
    let adas = bearer(&mut bench, PERSON_ADA, "identify guilds.join");
    let narrow = bearer(&mut bench, PERSON_BARBARA, "identify");
    for token in [adas.as_str(), narrow.as_str(), "invented"] {
        let got = bench.guild("PUT", &path, Some(json!({"access_token": token})));
        assert_eq!(got.refusal(), (403, 50025));
    }
    let got = bench.guild("PUT", &path, Some(json!({})));
    assert_eq!(got.refusal(), (400, 50035));
    assert_eq!(
        got.body["errors"]["access_token"]["_errors"][0]["code"],
        "BASE_TYPE_REQUIRED"
    );
    let above = json!({"access_token": good, "roles": [ROLE_FOUNDER.to_string()]});
    assert_eq!(
        bench.guild("PUT", &path, Some(above)).refusal(),
        (403, 50013)
    );
    let join = json!({"access_token": good});
    let now = bench.now_ms;
    bench.discord.ban(now, &barbara, None).unwrap();
    assert_eq!(
        bench.guild("PUT", &path, Some(join.clone())).refusal(),
        (403, 40007)
    );
    bench.discord.unban(now, &barbara).unwrap();
    bench
        .discord
        .allow_bot(now, CREATE_INSTANT_INVITE, false)
        .unwrap();
    assert_eq!(
        bench.guild("PUT", &path, Some(join.clone())).refusal(),
        (403, 50013)
    );
    bench
        .discord
        .allow_bot(now, CREATE_INSTANT_INVITE, true)
        .unwrap();
    bench.discord.allow_bot(now, MANAGE_ROLES, false).unwrap();
    let with_role = json!({"access_token": good, "roles": [ROLE_MEMBER.to_string()]});
    assert_eq!(
        bench.guild("PUT", &path, Some(with_role)).refusal(),
        (403, 50013)
    );
    assert!(!bench.discord.is_member(&barbara));
    bench.now_ms += 604_800_000;
    assert_eq!(
        bench.guild("PUT", &path, Some(join)).refusal(),
        (403, 50025)
    );
}

#[test]
fn the_bots_place_is_lost_and_found() {
    let mut bench = Bench::unlimited();
    let now = bench.now_ms;
    let ada = format!("/members/{PERSON_ADA}");
    bench.discord.remove_bot(now).unwrap();
    assert_eq!(bench.guild("GET", "", None).refusal(), (403, 50001));
    assert_eq!(bench.guild("GET", &ada, None).refusal(), (403, 50001));
    assert_eq!(bench.bot("GET", "/users/@me/guilds", None).body, json!([]));
    assert!(!bench.discord.guild.roles.contains_key(&ROLE_BOT));
    bench.discord.restore_bot(now).unwrap();
    let role = format!("{ada}/roles/{ROLE_MEMBER}");
    assert_eq!(bench.guild("PUT", &role, None).status, 204);
    let above = format!("{ada}/roles/{ROLE_FOUNDER}");
    assert_eq!(bench.guild("PUT", &above, None).refusal(), (403, 50013));
    assert!(bench.discord.restore_bot(now).is_err());
}

#[test]
fn editing_kicking_and_banning_obey_rights_and_hierarchy() {
    let mut bench = Bench::unlimited();
    let now = bench.now_ms;
    let ada = format!("/members/{PERSON_ADA}");
    let owner = format!("/members/{PERSON_OWNER}");
    let nick = json!({"nick": "Countess"});
    assert_eq!(
        bench.guild("PATCH", &ada, Some(nick.clone())).refusal(),
        (403, 50013)
    );
    bench
        .discord
        .allow_bot(now, MANAGE_NICKNAMES, true)
        .unwrap();
    let got = bench.guild("PATCH", &ada, Some(nick.clone()));
    assert_eq!(got.body["nick"], "Countess");
    assert_eq!(
        bench.guild("PATCH", &owner, Some(nick)).refusal(),
        (403, 50013)
    );
    let got = bench.guild("PATCH", "/members/@me", Some(json!({"nick": null})));
    assert_eq!(got.body["user"]["id"], APPLICATION.to_string());
    let roles = json!({"roles": [ROLE_MEMBER.to_string(), bench.discord.guild_id()]});
    let got = bench.guild("PATCH", &ada, Some(roles));
    assert_eq!(got.body["roles"], json!([ROLE_MEMBER.to_string()]));
    let roles = json!({"roles": [ROLE_FOUNDER.to_string()]});
    assert_eq!(
        bench.guild("PATCH", &ada, Some(roles)).refusal(),
        (403, 50013)
    );

    assert_eq!(bench.guild("DELETE", &ada, None).refusal(), (403, 50013));
    bench.discord.allow_bot(now, KICK_MEMBERS, true).unwrap();
    assert_eq!(bench.guild("DELETE", &owner, None).refusal(), (403, 50013));
    assert_eq!(bench.guild("DELETE", &ada, None).status, 204);
    assert!(!bench.discord.is_member(&PERSON_ADA.to_string()));

    let grace = format!("/bans/{PERSON_GRACE}");
    assert_eq!(
        bench.guild("PUT", &grace, Some(json!({}))).refusal(),
        (403, 50013)
    );
    bench.discord.allow_bot(now, BAN_MEMBERS, true).unwrap();
    assert_eq!(bench.guild("GET", &grace, None).refusal(), (404, 10026));
    let owner = format!("/bans/{PERSON_OWNER}");
    assert_eq!(
        bench.guild("PUT", &owner, Some(json!({}))).refusal(),
        (403, 50013)
    );
    assert_eq!(bench.guild("PUT", &grace, Some(json!({}))).status, 204);
    assert!(!bench.discord.is_member(&PERSON_GRACE.to_string()));
    assert_eq!(
        bench.guild("GET", &grace, None).body["user"]["username"],
        "grace.hopper"
    );
    assert_eq!(
        bench
            .guild("GET", "/bans", None)
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(bench.guild("DELETE", &grace, None).status, 204);
    assert_eq!(bench.guild("DELETE", &grace, None).refusal(), (404, 10026));
}

#[test]
fn the_server_its_channels_and_its_log_can_be_read() {
    let mut bench = Bench::unlimited();
    let got = bench.guild("GET", "?with_counts=true", None);
    assert_eq!(got.body["approximate_member_count"], 7);
    assert_eq!(got.body["roles"].as_array().unwrap().len(), 7);
    assert!(
        bench
            .guild("GET", "", None)
            .body
            .get("approximate_member_count")
            .is_none()
    );
    bench.guild("GET", "/channels", None);
    bench.guild("GET", "/members/search?query=ada&limit=5", None);
    assert_eq!(
        bench.guild("GET", "/audit-logs", None).refusal(),
        (403, 50013)
    );
    let now = bench.now_ms;
    bench.discord.allow_bot(now, VIEW_AUDIT_LOG, true).unwrap();
    let auth = format!("Bot {}", bench.discord.bot_token());
    let guild = bench.discord.guild_id();
    let path = format!("/guilds/{guild}/members/{PERSON_ADA}/roles/{ROLE_MEMBER}");
    bench.ask_because(&auth, "PUT", &path, None, Some("Bezahlt%20%E2%9C%93%20a+b"));
    let read = bench.guild("GET", "/audit-logs?limit=1", None).body;
    let entry = &read["audit_log_entries"][0];
    assert_eq!(entry["reason"], "Bezahlt ✓ a+b");
    assert_eq!(entry["action_type"], 25);
    assert_eq!(entry["user_id"], APPLICATION.to_string());
    assert_eq!(entry["target_id"], PERSON_ADA.to_string());
    assert_eq!(entry["changes"][0]["key"], "$add");
    assert_eq!(entry["changes"][0]["new_value"][0]["name"], "Member");
    let long = "x".repeat(513);
    let got = bench.ask_because(&auth, "PUT", &path, None, Some(&long));
    assert_eq!(got.refusal(), (400, 50035));
}
