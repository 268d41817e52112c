//! An event's envelope, and whose truth it hints at. The payload is not kept.

use crate::db::dirty::SubjectKind;
use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the body is not an event (line {line}, column {column})")]
    NotAnEvent { line: usize, column: usize },
    #[error("an id in the event is too long or has strange characters")]
    BadId,
}

/// What is kept of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub id: String,
    pub r#type: String,
    /// Unix seconds, as Stripe gives it.
    pub created: i64,
    pub livemode: bool,
    pub object_id: Option<String>,
    pub customer_id: Option<String>,
    /// The charge that a refund or dispute is about.
    pub charge_id: Option<String>,
}

/// Whose truth an event hints at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A Stripe customer, ours or not.
    Customer(String),
    /// A charge that was refunded or disputed: a dispute names no customer.
    Charge(String),
    Plans,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    created: i64,
    livemode: bool,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "object")]
    kind: Option<String>,
    #[serde(default)]
    customer: Option<IdField>,
    #[serde(default)]
    charge: Option<IdField>,
}

/// An id, an expanded object, or something else that we do not look into.
#[derive(Deserialize)]
#[serde(untagged)]
enum IdField {
    Id(String),
    Object { id: String },
    Other(serde::de::IgnoredAny),
}

impl IdField {
    fn id(self) -> Option<String> {
        match self {
            Self::Id(id) | Self::Object { id } => Some(id),
            Self::Other(_) => None,
        }
    }
}

/// Stripe's ids; anything else does not get near our rows or logs.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'.')
}

impl Envelope {
    /// Reads a verified body. Types we do not know are events too.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeError> {
        let event: Event =
            serde_json::from_slice(body).map_err(|error| EnvelopeError::NotAnEvent {
                line: error.line(),
                column: error.column(),
            })?;
        Self::of(event)
    }

    /// Reads an event as `GET /v1/events` answers it.
    pub fn from_value(value: serde_json::Value) -> Result<Self, EnvelopeError> {
        let event: Event =
            serde_json::from_value(value).map_err(|error| EnvelopeError::NotAnEvent {
                line: error.line(),
                column: error.column(),
            })?;
        Self::of(event)
    }

    fn of(event: Event) -> Result<Self, EnvelopeError> {
        let object = event.data.object;
        let customer_id = match object.kind.as_deref() {
            Some("customer") => object.id.clone(),
            _ => object.customer.and_then(IdField::id),
        };
        let charge_id = match object.kind.as_deref() {
            Some("charge") => object.id.clone(),
            _ => object.charge.and_then(IdField::id),
        };
        let envelope = Self {
            id: event.id,
            r#type: event.r#type,
            created: event.created,
            livemode: event.livemode,
            object_id: object.id,
            customer_id,
            charge_id,
        };
        let optional = [
            &envelope.object_id,
            &envelope.customer_id,
            &envelope.charge_id,
        ];
        if is_id(&envelope.id)
            && is_id(&envelope.r#type)
            && optional.into_iter().flatten().all(|id| is_id(id))
        {
            Ok(envelope)
        } else {
            Err(EnvelopeError::BadId)
        }
    }

    /// Whom to mark dirty; `None`: not for us.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        let family = |prefix: &str| self.r#type.starts_with(prefix);
        if family("product.") || family("price.") {
            return Some(Subject::Plans);
        }
        let moved_back = self.r#type == "charge.refunded"
            || family("charge.refund.")
            || family("charge.dispute.")
            || family("refund.");
        if moved_back && let Some(charge) = &self.charge_id {
            return Some(Subject::Charge(charge.clone()));
        }
        let ours = [
            "checkout.session.",
            "customer.",
            "invoice.",
            "charge.",
            "payment_method.",
        ]
        .into_iter()
        .any(family);
        match &self.customer_id {
            Some(customer) if ours => Some(Subject::Customer(customer.clone())),
            _ => None,
        }
    }
}

impl Subject {
    /// The dirty subject when the customer is not linked to a payer.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Customer(_) => SubjectKind::Customer,
            Self::Charge(_) => SubjectKind::Charge,
            Self::Plans => SubjectKind::Plans,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(r#type: &str, object: &str) -> String {
        format!(
            r#"{{"id":"evt_1","object":"event","type":"{type}","created":1,"livemode":false,"data":{{"object":{object}}}}}"#
        )
    }

    #[test]
    fn the_customer_is_found_wherever_it_stands() {
        for (kind, object, customer) in [
            (
                "customer.subscription.updated",
                r#"{"id":"sub_1","object":"subscription","customer":"cus_1"}"#,
                Some("cus_1"),
            ),
            (
                "checkout.session.completed",
                r#"{"id":"cs_1","object":"checkout.session","customer":{"id":"cus_2","object":"customer"}}"#,
                Some("cus_2"),
            ),
            (
                "customer.deleted",
                r#"{"id":"cus_3","object":"customer"}"#,
                Some("cus_3"),
            ),
            (
                "invoice.paid",
                r#"{"id":"in_1","object":"invoice","customer":null}"#,
                None,
            ),
            (
                "charge.dispute.created",
                r#"{"id":"dp_1","object":"dispute","charge":"ch_1"}"#,
                None,
            ),
            ("account.updated", r#"{"id":"acct_1","customer":7}"#, None),
        ] {
            let envelope = Envelope::parse(event(kind, object).as_bytes()).unwrap();
            assert_eq!(envelope.customer_id.as_deref(), customer, "{kind}");
        }
    }

    #[test]
    fn types_lead_to_their_subject_or_are_not_for_us() {
        let subject = |kind: &str| {
            Envelope::parse(event(kind, r#"{"id":"x_1","customer":"cus_1"}"#).as_bytes())
                .unwrap()
                .subject()
        };
        assert_eq!(subject("price.updated"), Some(Subject::Plans));
        assert_eq!(
            subject("invoice.paid"),
            Some(Subject::Customer("cus_1".into()))
        );
        for kind in [
            "charge.dispute.created",
            "charge.refund.updated",
            "refund.created",
        ] {
            let object = r#"{"id":"x_1","object":"dispute","charge":"ch_1"}"#;
            let envelope = Envelope::parse(event(kind, object).as_bytes()).unwrap();
            assert_eq!(
                envelope.subject(),
                Some(Subject::Charge("ch_1".into())),
                "{kind}"
            );
        }
        let refunded = r#"{"id":"ch_2","object":"charge","customer":"cus_1"}"#;
        let envelope = Envelope::parse(event("charge.refunded", refunded).as_bytes()).unwrap();
        assert_eq!(envelope.subject(), Some(Subject::Charge("ch_2".into())));
        let charged = Envelope::parse(event("charge.succeeded", refunded).as_bytes()).unwrap();
        assert_eq!(charged.subject(), Some(Subject::Customer("cus_1".into())));
        assert_eq!(subject("terminal.reader.action_failed"), None);
        assert_eq!(subject("something.new"), None);
    }

    #[test]
    fn what_is_not_an_event_is_refused_without_a_panic() {
        let deep = "[".repeat(200_000);
        let nested = event(
            "invoice.paid",
            &format!("{{\"id\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)),
        );
        let whole = event("invoice.paid", r#"{"id":"in_1"}"#);
        let truncated = &whole.as_bytes()[..whole.len() - 3];
        let strange = event("invoice.paid", r#"{"id":"in_1\n"}"#);
        for body in [
            b"".as_slice(),
            b"null",
            b"{}",
            b"\xff\xfe",
            deep.as_bytes(),
            nested.as_bytes(),
            truncated,
            strange.as_bytes(),
        ] {
            assert!(Envelope::parse(body).is_err());
        }
    }
}
