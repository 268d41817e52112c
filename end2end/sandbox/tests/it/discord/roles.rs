//! Granting and taking roles, and the roles themselves.

use sandbox::discord::permissions::{ADMINISTRATOR, BAN_MEMBERS, MANAGE_ROLES};
use sandbox::discord::{
    APPLICATION, PERSON_ADA, PERSON_BARBARA, PERSON_LINUS, ROLE_BOT, ROLE_FOUNDER, ROLE_MEMBER,
    ROLE_MODERATOR, ROLE_PATRON, ROLE_TEAM,
};
use serde_json::json;

use super::Bench;

fn at(user: u64, role: u64) -> String {
    format!("/members/{user}/roles/{role}")
}

#[test]
fn a_role_is_given_and_taken_and_twice_changes_nothing() {
    let mut bench = Bench::unlimited();
    let ada = PERSON_ADA.to_string();
    for _ in 0..2 {
        assert_eq!(
            bench
                .guild("PUT", &at(PERSON_ADA, ROLE_MEMBER), None)
                .status,
            204
        );
        assert_eq!(bench.discord.roles_of(&ada), [ROLE_MEMBER.to_string()]);
    }
    for _ in 0..2 {
        assert_eq!(
            bench
                .guild("DELETE", &at(PERSON_ADA, ROLE_MEMBER), None)
                .status,
            204
        );
        assert!(bench.discord.roles_of(&ada).is_empty());
    }
    assert_eq!(bench.discord.audit_log_entries().len(), 2);
    let calls = &bench.discord.calls;
    let route = "/guilds/{guild}/members/{id}/roles/{id}";
    assert_eq!(
        (calls.count("PUT", route), calls.count("DELETE", route)),
        (2, 2)
    );
}

#[test]
fn every_refusal_of_a_role_has_its_code() {
    let mut bench = Bench::unlimited();
    let guild: u64 = bench.discord.guild_id().parse().unwrap();
    for (user, role, refusal) in [
        (PERSON_BARBARA, ROLE_MEMBER, (404, 10007)),
        (42, ROLE_MEMBER, (404, 10013)),
        (PERSON_ADA, 42, (404, 10011)),
        (PERSON_ADA, guild, (404, 10011)),
        (PERSON_ADA, ROLE_BOT, (400, 50028)),
        (PERSON_ADA, ROLE_FOUNDER, (403, 50013)),
    ] {
        for method in ["PUT", "DELETE"] {
            let got = bench.guild(method, &at(user, role), None);
            assert_eq!(got.refusal(), refusal, "{method} {user} {role}");
        }
    }
    let now = bench.now_ms;
    bench.discord.allow_bot(now, MANAGE_ROLES, false).unwrap();
    let got = bench.guild("PUT", &at(PERSON_ADA, ROLE_MEMBER), None);
    assert_eq!(got.refusal(), (403, 50013));
    assert!(bench.discord.roles_of(&PERSON_ADA.to_string()).is_empty());
}

#[test]
fn moving_the_bots_role_changes_what_it_may_grant() {
    let mut bench = Bench::unlimited();
    let now = bench.now_ms;
    let bot = ROLE_BOT.to_string();
    bench.discord.move_role(now, &bot, 2).unwrap();
    let got = bench.guild("PUT", &at(PERSON_ADA, ROLE_MEMBER), None);
    assert_eq!(got.status, 204);
    let got = bench.guild("PUT", &at(PERSON_ADA, ROLE_PATRON), None);
    assert_eq!(got.refusal(), (403, 50013));
    bench.discord.move_role(now, &bot, 6).unwrap();
    let got = bench.guild("PUT", &at(PERSON_ADA, ROLE_FOUNDER), None);
    assert_eq!(got.status, 204);
    let positions: Vec<i64> = bench
        .discord
        .guild
        .roles
        .values()
        .map(|role| role.position)
        .collect();
    let mut sorted = positions.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..7).collect::<Vec<_>>());
}

#[test]
fn administrator_stands_for_every_right_but_not_for_rank() {
    let mut bench = Bench::unlimited();
    let now = bench.now_ms;
    bench
        .discord
        .set_bot_permissions(now, ADMINISTRATOR)
        .unwrap();
    assert_eq!(
        bench
            .guild("PUT", &at(PERSON_ADA, ROLE_MODERATOR), None)
            .status,
        204
    );
    let got = bench.guild("PUT", &at(PERSON_ADA, ROLE_FOUNDER), None);
    assert_eq!(got.refusal(), (403, 50013));
}

#[test]
fn roles_are_made_changed_moved_and_deleted() {
    let mut bench = Bench::unlimited();
    let got = bench.guild(
        "POST",
        "/roles",
        Some(json!({"name": "Guest", "permissions": "0"})),
    );
    let id = got.body["id"].as_str().unwrap().to_owned();
    assert_eq!((got.status, &got.body["position"]), (200, &json!(1)));
    let path = format!("/roles/{id}");
    let got = bench.guild(
        "PATCH",
        &path,
        Some(json!({"name": "Visitor", "color": 255})),
    );
    assert_eq!(
        (&got.body["name"], &got.body["color"]),
        (&json!("Visitor"), &json!(255))
    );
    let got = bench.guild("PATCH", "/roles", Some(json!([{"id": id, "position": 3}])));
    let position = |id: &str| {
        got.body
            .as_array()
            .unwrap()
            .iter()
            .find(|role| role["id"] == id)
            .unwrap()["position"]
            .as_i64()
    };
    assert_eq!(position(&id), Some(3));
    assert_eq!(position(&ROLE_MEMBER.to_string()), Some(1));
    assert_eq!(position(&ROLE_TEAM.to_string()), Some(4));
    bench.guild("PUT", &format!("/members/{PERSON_LINUS}/roles/{id}"), None);
    let counts = bench.guild("GET", "/roles/member-counts", None).body;
    assert_eq!(counts[&id], 1);
    assert_eq!(bench.guild("DELETE", &path, None).status, 204);
    assert_eq!(bench.guild("GET", &path, None).refusal(), (404, 10011));
    assert!(bench.discord.roles_of(&PERSON_LINUS.to_string()).is_empty());
}

#[test]
fn changing_roles_is_refused_above_oneself_and_beyond_ones_rights() {
    let mut bench = Bench::unlimited();
    let founder = format!("/roles/{ROLE_FOUNDER}");
    let own = format!("/roles/{ROLE_BOT}");
    let everyone = format!("/roles/{}", bench.discord.guild_id());
    let member = format!("/roles/{ROLE_MEMBER}");
    let name = json!({"name": "Mine"});
    for path in [&founder, &own] {
        assert_eq!(
            bench.guild("PATCH", path, Some(name.clone())).refusal(),
            (403, 50013)
        );
    }
    assert_eq!(
        bench.guild("DELETE", &founder, None).refusal(),
        (403, 50013)
    );
    assert_eq!(bench.guild("DELETE", &own, None).refusal(), (400, 50028));
    assert_eq!(
        bench.guild("DELETE", &everyone, None).refusal(),
        (400, 50028)
    );
    let more = json!({"permissions": BAN_MEMBERS.to_string()});
    assert_eq!(
        bench.guild("PATCH", &member, Some(more.clone())).refusal(),
        (403, 50013)
    );
    assert_eq!(
        bench.guild("POST", "/roles", Some(more)).refusal(),
        (403, 50013)
    );
    let up = json!([{"id": ROLE_MEMBER.to_string(), "position": 6}]);
    assert_eq!(
        bench.guild("PATCH", "/roles", Some(up)).refusal(),
        (403, 50013)
    );
    let long = json!({"name": "n".repeat(101)});
    assert_eq!(
        bench.guild("POST", "/roles", Some(long)).refusal(),
        (400, 50035)
    );
}

#[test]
fn what_is_done_by_hand_shows_in_the_api_and_names_the_owner() {
    let mut bench = Bench::unlimited();
    let now = bench.now_ms;
    let ada = PERSON_ADA.to_string();
    let role = bench.discord.create_role(now, "Legacy", 0).unwrap();
    bench.discord.add_role_by_hand(now, &ada, &role).unwrap();
    bench.discord.rename_role(now, &role, "Old guard").unwrap();
    let got = bench.guild("GET", &format!("/members/{ada}"), None);
    assert_eq!(got.body["roles"], json!([role]));
    let got = bench.guild("GET", &format!("/roles/{role}"), None);
    assert_eq!(got.body["name"], "Old guard");
    let owner = bench.discord.guild.owner_id;
    assert!(
        bench
            .discord
            .audit_log_entries()
            .iter()
            .all(|entry| entry.user_id == owner)
    );
    bench.discord.delete_role(now, &role).unwrap();
    assert!(bench.discord.roles_of(&ada).is_empty());
    let bot_role = ROLE_BOT.to_string();
    assert!(bench.discord.delete_role(now, &bot_role).is_err());
    assert!(
        bench
            .discord
            .add_role_by_hand(now, &ada, &bot_role)
            .is_err()
    );
    assert!(
        bench
            .discord
            .member_leave(&APPLICATION.to_string())
            .is_err()
    );
}
