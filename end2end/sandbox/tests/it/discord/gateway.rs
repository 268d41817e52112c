//! The gateway as an engine: frames in, frames out, no sockets.

use sandbox::discord::permissions::VIEW_AUDIT_LOG;
use sandbox::discord::{Frame, PERSON_ADA, PERSON_BARBARA, PERSON_GRACE, ROLE_MEMBER};
use serde_json::{Value, json};

use super::Bench;

const GUILDS: u64 = 1;
const MEMBERS: u64 = 2;
const MODERATION: u64 = 4;

pub fn say(bench: &mut Bench, connection: u64, frame: &Value) {
    let (now, wall) = (bench.now_ms, bench.wall_ms);
    bench
        .discord
        .gateway_receive(connection, now, wall, &frame.to_string());
}

fn identify(bench: &Bench, intents: u64) -> Value {
    json!({"op": 2, "d": {
        "token": bench.discord.bot_token(),
        "intents": intents,
        "properties": {"os": "linux", "browser": "test", "device": "test"},
    }})
}

/// A connection that said who it is; what it was told so far is still to be taken.
pub fn identified(bench: &mut Bench, intents: u64) -> u64 {
    let connection = bench.discord.gateway_open("v=10&encoding=json");
    let hello = identify(bench, intents);
    say(bench, connection, &hello);
    connection
}

fn taken(bench: &mut Bench, connection: u64) -> Vec<Result<Value, u16>> {
    bench
        .discord
        .gateway_take(connection)
        .into_iter()
        .map(|frame| match frame {
            Frame::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
            Frame::Close(code, _) => Err(code),
        })
        .collect()
}

/// The dispatches waiting, by name.
pub fn events(bench: &mut Bench, connection: u64) -> Vec<(String, Value)> {
    taken(bench, connection)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|frame| frame["op"] == 0)
        .map(|frame| (frame["t"].as_str().unwrap().to_owned(), frame["d"].clone()))
        .collect()
}

fn names(bench: &mut Bench, connection: u64) -> Vec<String> {
    events(bench, connection)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn a_client_is_greeted_identifies_and_is_shown_the_server() {
    let mut bench = Bench::new();
    let connection = bench.discord.gateway_open("v=10&encoding=json");
    let greeting = taken(&mut bench, connection);
    let greeting = greeting[0].as_ref().unwrap();
    assert_eq!(
        (&greeting["op"], &greeting["d"]["heartbeat_interval"]),
        (&json!(10), &json!(41_250))
    );
    say(&mut bench, connection, &json!({"op": 1, "d": null}));
    assert_eq!(taken(&mut bench, connection)[0].as_ref().unwrap()["op"], 11);
    let hello = identify(&bench, GUILDS | MEMBERS);
    say(&mut bench, connection, &hello);
    let told = events(&mut bench, connection);
    let [(ready, ready_data), (create, guild)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((ready.as_str(), create.as_str()), ("READY", "GUILD_CREATE"));
    assert_eq!(ready_data["guilds"][0]["unavailable"], true);
    assert_eq!(ready_data["user"]["bot"], true);
    assert_eq!(guild["member_count"], 7);
    assert_eq!(
        guild["members"].as_array().unwrap().len(),
        1,
        "all need GUILD_PRESENCES"
    );
    let everybody = json!({"op": 8, "d": {
        "guild_id": bench.discord.guild_id(), "query": "", "limit": 0, "nonce": "n",
    }});
    say(&mut bench, connection, &everybody);
    let told = events(&mut bench, connection);
    assert_eq!(told[0].0, "GUILD_MEMBERS_CHUNK");
    assert_eq!(told[0].1["members"].as_array().unwrap().len(), 7);
    assert_eq!(bench.discord.sessions.live(), 1);
    let left =
        bench.bot("GET", "/gateway/bot", None).body["session_start_limit"]["remaining"].clone();
    assert_eq!(left, 999);
}

#[test]
fn a_client_that_may_not_is_closed_with_the_code_that_says_why() {
    let mut bench = Bench::new();
    let token = bench.discord.bot_token();
    let with = |more: Value| {
        let mut frame = json!({"op": 2, "d": {"token": token, "intents": 1, "properties": {}}});
        for (key, value) in more.as_object().unwrap() {
            frame["d"][key] = value.clone();
        }
        frame
    };
    for (frame, code) in [
        (with(json!({"token": "wrong"})), 4004),
        (with(json!({"intents": 1_u64 << 40})), 4013),
        (with(json!({"intents": 1 << 8})), 4014),
        (with(json!({"intents": 1 << 15})), 4014),
        (with(json!({"shard": [2, 2]})), 4010),
        (json!({"op": 8, "d": {}}), 4003),
        (json!({"op": 99, "d": {}}), 4001),
        (json!("nonsense"), 4002),
        (
            json!({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}),
            4004,
        ),
    ] {
        let connection = bench.discord.gateway_open("v=10");
        say(&mut bench, connection, &frame);
        assert_eq!(
            taken(&mut bench, connection).last(),
            Some(&Err(code)),
            "{frame}"
        );
    }
    let connection = bench.discord.gateway_open("v=3");
    assert_eq!(taken(&mut bench, connection), [Err(4012)]);
    let connection = identified(&mut bench, GUILDS);
    let hello = identify(&bench, GUILDS);
    say(&mut bench, connection, &hello);
    assert_eq!(taken(&mut bench, connection).last(), Some(&Err(4005)));
    bench.discord.gateway_refuse(Some(4011));
    let connection = identified(&mut bench, GUILDS);
    assert_eq!(taken(&mut bench, connection).last(), Some(&Err(4011)));
    bench.discord.gateway_refuse(None);
    bench.discord.application.intents.members = false;
    let connection = identified(&mut bench, GUILDS | MEMBERS);
    assert_eq!(taken(&mut bench, connection).last(), Some(&Err(4014)));
    let connection = bench.discord.gateway_open("v=10");
    for _ in 0..121 {
        say(&mut bench, connection, &json!({"op": 1, "d": null}));
    }
    assert_eq!(taken(&mut bench, connection).last(), Some(&Err(4008)));
}

#[test]
fn events_are_told_to_those_who_asked_for_them() {
    let mut bench = Bench::unlimited();
    let all = identified(&mut bench, GUILDS | MEMBERS | MODERATION);
    let few = identified(&mut bench, GUILDS);
    for connection in [all, few] {
        names(&mut bench, connection);
    }
    let now = bench.now_ms;
    let (ada, grace, barbara) = (
        PERSON_ADA.to_string(),
        PERSON_GRACE.to_string(),
        PERSON_BARBARA.to_string(),
    );
    let member = ROLE_MEMBER.to_string();
    bench.discord.member_join(now, &barbara).unwrap();
    bench.discord.add_role_by_hand(now, &ada, &member).unwrap();
    bench.guild("DELETE", &format!("/members/{ada}/roles/{member}"), None);
    bench.guild("DELETE", &format!("/members/{ada}/roles/{member}"), None);
    bench.discord.member_leave(&barbara).unwrap();
    bench.discord.ban(now, &grace, None).unwrap();
    bench.discord.unban(now, &grace).unwrap();
    let role = bench.discord.create_role(now, "Guest", 0).unwrap();
    let made = names(&mut bench, all);
    assert_eq!(
        made[..7],
        [
            "GUILD_MEMBER_ADD",
            "GUILD_MEMBER_UPDATE",
            "GUILD_MEMBER_UPDATE",
            "GUILD_MEMBER_REMOVE",
            "GUILD_BAN_ADD",
            "GUILD_MEMBER_REMOVE",
            "GUILD_BAN_REMOVE",
        ]
    );
    assert_eq!(made[7], "GUILD_ROLE_CREATE");
    assert!(
        made[8..].iter().all(|name| name == "GUILD_ROLE_UPDATE"),
        "the others moved up"
    );
    bench.discord.rename_role(now, &role, "Visitor").unwrap();
    bench.discord.delete_role(now, &role).unwrap();
    let told = names(&mut bench, few);
    assert!(
        told.iter().all(|name| name.starts_with("GUILD_ROLE_")),
        "{told:?}"
    );
    assert!(told.contains(&"GUILD_ROLE_DELETE".to_owned()));
    bench.discord.allow_bot(now, VIEW_AUDIT_LOG, true).unwrap();
    names(&mut bench, all);
    bench.discord.add_role_by_hand(now, &ada, &member).unwrap();
    let told = events(&mut bench, all);
    assert_eq!(told[0].0, "GUILD_MEMBER_UPDATE");
    assert_eq!(told[0].1["roles"], json!([member]));
    assert_eq!(told[1].0, "GUILD_AUDIT_LOG_ENTRY_CREATE");
    assert_eq!(
        told[1].1["user_id"],
        bench.discord.guild.owner_id.to_string()
    );
}

#[test]
fn a_lost_connection_resumes_where_it_was() {
    let mut bench = Bench::new();
    let first = identified(&mut bench, GUILDS | MEMBERS);
    let told = taken(&mut bench, first);
    let ready = told[1].as_ref().unwrap();
    let session = ready["d"]["session_id"].as_str().unwrap().to_owned();
    let seen = told.last().unwrap().as_ref().unwrap()["s"]
        .as_u64()
        .unwrap();
    let wall = bench.wall_ms;
    bench.discord.gateway_closed(first, None, wall);
    let (now, ada) = (bench.now_ms, PERSON_ADA.to_string());
    let member = ROLE_MEMBER.to_string();
    bench.discord.add_role_by_hand(now, &ada, &member).unwrap();
    bench
        .discord
        .remove_role_by_hand(now, &ada, &member)
        .unwrap();

    let resume = |seq: u64, session: &str| json!({"op": 6, "d": {"token": Bench::new().discord.bot_token(), "session_id": session, "seq": seq}});
    let second = bench.discord.gateway_open("v=10");
    say(&mut bench, second, &resume(seen, &session));
    let told = taken(&mut bench, second);
    let sequence: Vec<u64> = told[1..]
        .iter()
        .map(|frame| frame.as_ref().unwrap()["s"].as_u64().unwrap())
        .collect();
    assert_eq!(sequence, [seen + 1, seen + 2, seen + 3]);
    assert_eq!(told.last().unwrap().as_ref().unwrap()["t"], "RESUMED");

    let third = bench.discord.gateway_open("v=10");
    say(&mut bench, third, &resume(seen + 99, &session));
    assert_eq!(taken(&mut bench, third).last(), Some(&Err(4007)));
    let fourth = bench.discord.gateway_open("v=10");
    say(&mut bench, fourth, &resume(0, "unknown"));
    let told = taken(&mut bench, fourth);
    let last = told.last().unwrap().as_ref().unwrap();
    assert_eq!((&last["op"], &last["d"]), (&json!(9), &json!(false)));

    bench.discord.gateway_closed(second, None, wall);
    bench.wall_ms += 180_001;
    let late = bench.discord.gateway_open("v=10");
    say(&mut bench, late, &resume(seen, &session));
    assert_eq!(
        taken(&mut bench, late).last().unwrap().as_ref().unwrap()["op"],
        9
    );
}

#[test]
fn a_client_that_says_goodbye_ends_its_session() {
    let mut bench = Bench::new();
    let connection = identified(&mut bench, GUILDS);
    let told = taken(&mut bench, connection);
    let session = told[1].as_ref().unwrap()["d"]["session_id"].clone();
    let wall = bench.wall_ms;
    bench.discord.gateway_closed(connection, Some(1000), wall);
    let next = bench.discord.gateway_open("v=10");
    let token = bench.discord.bot_token();
    say(
        &mut bench,
        next,
        &json!({"op": 6, "d": {"token": token, "session_id": session, "seq": 1}}),
    );
    assert_eq!(
        taken(&mut bench, next).last().unwrap().as_ref().unwrap()["op"],
        9
    );
}

#[test]
fn trouble_can_be_made() {
    let mut bench = Bench::new();
    let connection = identified(&mut bench, GUILDS | MEMBERS);
    taken(&mut bench, connection);
    bench.discord.gateway_reconnect();
    assert_eq!(taken(&mut bench, connection)[0].as_ref().unwrap()["op"], 7);
    bench.discord.gateway_down(true);
    assert_eq!(taken(&mut bench, connection), [Err(4000)]);
    let shut = bench.discord.gateway_open("v=10");
    assert_eq!(taken(&mut bench, shut), [Err(1001)]);
    bench.discord.gateway_down(false);
    let connection = identified(&mut bench, GUILDS);
    taken(&mut bench, connection);
    let now = bench.now_ms;
    bench.discord.remove_bot(now).unwrap();
    assert_eq!(names(&mut bench, connection), ["GUILD_DELETE"]);
    let ada = PERSON_ADA.to_string();
    bench
        .discord
        .add_role_by_hand(now, &ada, &ROLE_MEMBER.to_string())
        .unwrap();
    assert!(names(&mut bench, connection).is_empty());
    bench.discord.restore_bot(now).unwrap();
    assert!(names(&mut bench, connection).contains(&"GUILD_CREATE".to_owned()));
    bench.discord.gateway_invalidate(false);
    let told = taken(&mut bench, connection);
    assert_eq!(told[0].as_ref().unwrap()["op"], 9);
    let hello = identify(&bench, GUILDS);
    say(&mut bench, connection, &hello);
    assert_eq!(names(&mut bench, connection)[0], "READY");
    bench.discord.set_token("another.token.here");
    assert_eq!(taken(&mut bench, connection), [Err(4004)]);
    assert_eq!(
        bench
            .ask("Bot another.token.here", "GET", "/users/@me", None)
            .status,
        200
    );
}
