//! Messages, commands, and answers to people who use them.

use sandbox::discord::{APPLICATION, CHANNEL_GENERAL, PERSON_ADA, PERSON_BARBARA};
use serde_json::{Value, json};

use super::Bench;

#[test]
fn the_bot_writes_to_people_it_shares_the_server_with() {
    let mut bench = Bench::unlimited();
    let open = |bench: &mut Bench, person: u64| {
        let body = json!({"recipient_id": person.to_string()});
        bench.bot("POST", "/users/@me/channels", Some(body))
    };
    let got = open(&mut bench, PERSON_ADA);
    let channel = got.body["id"].as_str().unwrap().to_owned();
    assert_eq!(open(&mut bench, PERSON_ADA).body["id"], channel);
    let path = format!("/channels/{channel}/messages");
    let sent = bench.bot(
        "POST",
        &path,
        Some(json!({"content": "Welcome", "embeds": [{"title": "Hello"}]})),
    );
    assert_eq!(sent.body["author"]["id"], APPLICATION.to_string());
    assert_eq!(bench.discord.messages().len(), 1);
    let read = bench.bot("GET", &path, None);
    assert_eq!(read.body[0]["content"], "Welcome");
    assert_eq!(
        bench.bot("POST", &path, Some(json!({}))).refusal(),
        (400, 50006)
    );
    let long = json!({"content": "x".repeat(2001)});
    assert_eq!(bench.bot("POST", &path, Some(long)).refusal(), (400, 50035));
    let ada = PERSON_ADA.to_string();
    bench.discord.set_dms_closed(&ada, true).unwrap();
    let hello = json!({"content": "Hello"});
    assert_eq!(
        bench.bot("POST", &path, Some(hello.clone())).refusal(),
        (403, 50007)
    );

    let outside = open(&mut bench, PERSON_BARBARA).body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/channels/{outside}/messages");
    assert_eq!(
        bench.bot("POST", &path, Some(hello.clone())).refusal(),
        (403, 50007)
    );
    assert_eq!(open(&mut bench, 42).refusal(), (404, 10013));
    let path = format!("/channels/{CHANNEL_GENERAL}/messages");
    assert_eq!(bench.bot("POST", &path, Some(hello)).status, 200);
    assert_eq!(
        bench.bot("GET", "/channels/42", None).refusal(),
        (404, 10003)
    );
}

#[test]
fn an_enforced_nonce_sends_once_in_a_few_minutes() {
    let mut bench = Bench::unlimited();
    let path = format!("/channels/{CHANNEL_GENERAL}/messages");
    let once = json!({"content": "Once", "nonce": "msg-1", "enforce_nonce": true});
    let first = bench.bot("POST", &path, Some(once.clone()));
    let second = bench.bot("POST", &path, Some(once.clone()));
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(bench.discord.messages().len(), 1);
    // Without the switch a nonce says nothing, and after a few minutes it is forgotten.
    let loose = json!({"content": "Once", "nonce": "msg-1"});
    bench.bot("POST", &path, Some(loose));
    assert_eq!(bench.discord.messages().len(), 2);
    bench.now_ms += 4 * 60 * 1000;
    bench.bot("POST", &path, Some(once));
    assert_eq!(bench.discord.messages().len(), 3);
    for nonce in [json!("x".repeat(26)), json!(1.5), json!([])] {
        let body = json!({"content": "Once", "nonce": nonce});
        assert_eq!(bench.bot("POST", &path, Some(body)).refusal(), (400, 50035));
    }
}

#[test]
fn commands_are_replaced_as_a_whole_and_keep_their_ids() {
    let mut bench = Bench::unlimited();
    let base = format!("/applications/{APPLICATION}/commands");
    let why = json!({"name": "why", "description": "Why do I have what I have"});
    let seats = json!({
        "name": "seats", "description": "Seats in use", "type": 1,
        "default_member_permissions": "32",
        "options": [{"type": 3, "name": "company", "description": "Which", "required": true}],
    });
    let first = bench.bot("PUT", &base, Some(json!([why, seats]))).body;
    assert_eq!(first.as_array().unwrap().len(), 2);
    let second = bench.bot("PUT", &base, Some(json!([seats]))).body;
    assert_eq!(second[0]["id"], first[1]["id"]);
    assert_ne!(second[0]["version"], first[1]["version"]);
    assert_eq!(
        bench.bot("GET", &base, None).body.as_array().unwrap().len(),
        1
    );
    assert_eq!(bench.bot("POST", &base, Some(why.clone())).status, 201);
    assert_eq!(bench.bot("POST", &base, Some(why.clone())).status, 200);
    let one = format!("{base}/{}", second[0]["id"].as_str().unwrap());
    let got = bench.bot("PATCH", &one, Some(json!({"description": "Taken seats"})));
    assert_eq!(
        (&got.body["description"], &got.body["name"]),
        (&json!("Taken seats"), &json!("seats"))
    );
    assert_eq!(bench.bot("DELETE", &one, None).status, 204);
    assert_eq!(bench.bot("GET", &one, None).refusal(), (404, 10063));
    let local = format!(
        "/applications/{APPLICATION}/guilds/{}/commands",
        bench.discord.guild_id()
    );
    let got = bench.bot("PUT", &local, Some(json!([why])));
    assert_eq!(got.body[0]["guild_id"], bench.discord.guild_id());
    for (field, body) in [
        ("name", json!({"description": "x"})),
        ("name", json!({"name": "Has Space", "description": "x"})),
        ("description", json!({"name": "fine"})),
    ] {
        let got = bench.bot("PUT", &base, Some(json!([body])));
        assert_eq!(got.refusal(), (400, 50035));
        assert!(got.body["errors"]["0"][field]["_errors"][0]["code"].is_string());
    }
    assert_eq!(
        bench
            .bot("GET", "/applications/42/commands", None)
            .refusal(),
        (404, 10002)
    );
    assert_eq!(
        bench.bot("GET", "/applications/@me", None).body["id"],
        APPLICATION.to_string()
    );
    bench.bot("GET", "/oauth2/applications/@me", None);
}

/// Registers `why`, connects, and lets Ada use it: the interaction's id and token.
fn used(bench: &mut Bench) -> (String, String) {
    let base = format!("/applications/{APPLICATION}/commands");
    bench.bot(
        "PUT",
        &base,
        Some(json!([{"name": "why", "description": "Why"}])),
    );
    let connection = super::gateway::identified(bench, 0);
    let (now, wall) = (bench.now_ms, bench.wall_ms);
    let ada = PERSON_ADA.to_string();
    let id = bench
        .discord
        .use_command(now, wall, &ada, "why", &Value::Null)
        .unwrap();
    let events = super::gateway::events(bench, connection);
    let (name, event) = events.last().unwrap();
    assert_eq!(name, "INTERACTION_CREATE");
    assert_eq!(event["id"], id);
    assert_eq!(event["member"]["user"]["id"], ada);
    (id, event["token"].as_str().unwrap().to_owned())
}

#[test]
fn an_interaction_is_answered_once_and_in_time() {
    let mut bench = Bench::unlimited();
    let (id, token) = used(&mut bench);
    let path = format!("/interactions/{id}/{token}/callback");
    let answer = json!({"type": 4, "data": {"content": "You pay", "flags": 64}});
    let wrong = format!("/interactions/{id}/wrong/callback");
    assert_eq!(
        bench
            .ask("", "POST", &wrong, Some(answer.clone()))
            .refusal(),
        (404, 10062)
    );
    bench.wall_ms += 3_000;
    let got = bench.ask(
        "",
        "POST",
        &format!("{path}?with_response=true"),
        Some(answer.clone()),
    );
    assert_eq!(got.status, 200);
    assert_eq!(got.body["interaction"]["response_message_ephemeral"], true);
    assert_eq!(
        bench.ask("", "POST", &path, Some(answer.clone())).refusal(),
        (400, 40060)
    );
    assert!(bench.discord.interactions()[0].ephemeral());

    let (id, token) = used(&mut bench);
    bench.wall_ms += 3_001;
    let path = format!("/interactions/{id}/{token}/callback");
    assert_eq!(
        bench.ask("", "POST", &path, Some(answer)).refusal(),
        (404, 10062)
    );
}

#[test]
fn a_deferred_answer_is_filled_in_later() {
    let mut bench = Bench::unlimited();
    let (id, token) = used(&mut bench);
    let path = format!("/interactions/{id}/{token}/callback");
    assert_eq!(
        bench
            .ask("", "POST", &path, Some(json!({"type": 5})))
            .status,
        204
    );
    let hook = format!("/webhooks/{APPLICATION}/{token}");
    let original = format!("{hook}/messages/@original");
    let encoded = format!("{hook}/messages/%40original");
    assert_eq!(
        bench.ask("", "GET", &original, None).refusal(),
        (404, 10008)
    );
    let got = bench.ask("", "PATCH", &encoded, Some(json!({"content": "Done"})));
    assert_eq!(got.body["content"], "Done");
    let got = bench.ask(
        "",
        "PATCH",
        &original,
        Some(json!({"content": "Really done"})),
    );
    assert!(got.body["edited_timestamp"].is_string());
    assert_eq!(
        bench.ask("", "GET", &original, None).body["content"],
        "Really done"
    );
    assert_eq!(
        bench
            .ask("", "POST", &hook, Some(json!({"content": "More"})))
            .status,
        200
    );
    bench.wall_ms += 900_001;
    assert_eq!(
        bench
            .ask("", "POST", &hook, Some(json!({"content": "Late"})))
            .refusal(),
        (401, 50027)
    );
}
