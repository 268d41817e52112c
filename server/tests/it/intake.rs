//! Many webhooks at once: they share transactions, and none suffers for another.

use crate::on_both;
use crate::support::{WEBHOOK_SECRET, World};
use reqwest::StatusCode;
use sandbox::clock::Clock;
use sandbox::stripe::sign;
use server::db::Kind;
use sqlx::Executor;
use tokio::task::JoinSet;

const MANY: usize = 20;

/// Sends an event nobody has to do anything about; answers its id and what became of it.
async fn send(base: String, id: String) -> (String, StatusCode) {
    let body = format!(
        r#"{{"id":"{id}","object":"event","type":"topup.created","created":1,"livemode":false,"data":{{"object":{{"id":"tu_1"}}}}}}"#
    );
    let signature = sign(&body, WEBHOOK_SECRET, Clock::wall_ms() / 1000);
    let answer = reqwest::Client::new()
        .post(format!("{base}/webhooks/stripe"))
        .header("stripe-signature", signature)
        .body(body)
        .send()
        .await
        .unwrap();
    (id, answer.status())
}

async fn events_that_wait_share_a_transaction_and_a_bad_one_keeps_no_other_out(world: &World) {
    let state = &world.state;
    let (refuse, hold, allow) = match state.db.kind() {
        Kind::Sqlite => (
            "CREATE TRIGGER refuse BEFORE INSERT ON inbox WHEN NEW.id = 'evt_bad' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "SELECT 1",
            "DROP TRIGGER refuse",
        ),
        Kind::Postgres => (
            "ALTER TABLE inbox ADD CONSTRAINT refuse CHECK (id <> 'evt_bad')",
            "LOCK TABLE inbox IN EXCLUSIVE MODE",
            "ALTER TABLE inbox DROP CONSTRAINT refuse",
        ),
    };
    let mut tx = state.db.begin().await.unwrap();
    tx.execute(refuse).await.unwrap();
    tx.commit().await.unwrap();

    // While somebody writes, they gather.
    let mut writing = state.db.begin().await.unwrap();
    writing.execute(hold).await.unwrap();
    let mut sending = JoinSet::new();
    for number in 0..MANY {
        sending.spawn(send(world.base.clone(), format!("evt_{number}")));
        // Twice in one batch is once in the inbox.
        sending.spawn(send(world.base.clone(), format!("evt_{number}")));
    }
    sending.spawn(send(world.base.clone(), "evt_bad".to_owned()));
    while state.intake.waits() < MANY {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, 0);
    writing.rollback().await.unwrap();
    for (id, status) in sending.join_all().await {
        let expected = if id == "evt_bad" {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        assert_eq!(status, expected, "{id}");
    }
    assert_eq!(state.intake.waits(), 0);
    let many = i64::try_from(MANY).unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, many);

    // Stripe sends it again, and it is stored then.
    let mut tx = state.db.begin().await.unwrap();
    tx.execute(allow).await.unwrap();
    tx.commit().await.unwrap();
    let (_, again) = send(world.base.clone(), "evt_bad".to_owned()).await;
    assert_eq!(again, StatusCode::OK);
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, many + 1);
}
on_both!(events_that_wait_share_a_transaction_and_a_bad_one_keeps_no_other_out);
