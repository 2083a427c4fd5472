//! What virt-api says to who opens a console. It looks at the instance, then at the
//! server on its node, and only then is there a stream:
//!
//! | answer | is |
//! |---|---|
//! | 400 `No serial consoles are present`, `No graphics devices are present` | no such device: unsupported |
//! | 400 `VMI is not running`, `… because phase is Scheduling …` | the VM is in another state |
//! | 409 `VMI is in failed status` | the same |
//! | 400 with `websocket` | something on the way lets no WebSocket through |
//! | 500 with `Active VNC connection` | somebody else has the screen, and was to keep it |
//! | 500 with `bad handshake` alone | the server on its node refused, and before KubeVirt 1.7.1 nobody told why |
//! | 500 with `websocket` or `virt-handler` | the server on its node does not answer |
//!
//! One node whose server is gone says nothing of the cluster, so none of these
//! count against its health.

use hostler_provider::Kind;

use super::{Cause, Seen, Sorted, Verb, WrongState, sorted, wrong_state};

pub(super) fn by_words(seen: &Seen<'_>) -> Option<Sorted> {
    if seen.verb != Verb::Stream {
        return None;
    }
    let refused = |kind, message: &str| Some(sorted(kind, Cause::Refused, message));
    match seen.answer.status {
        400 if seen.has("No serial consoles are present") => {
            refused(Kind::Unsupported, "it has no serial console")
        }
        400 if seen.has("No graphics devices are present") => {
            refused(Kind::Unsupported, "it has no screen")
        }
        400 if seen.has("because phase is") => Some(wrong_state(WrongState::NotRunning)),
        400 if seen.has("websocket") || seen.has("Bad Request") => refused(
            Kind::Unsupported,
            "something between us and the cluster lets no WebSocket through; have its proxy pass \
             the header Upgrade",
        ),
        500 if seen.has("Active VNC connection") => Some(wrong_state(WrongState::InUse)),
        500 if seen.has("bad handshake") => refused(
            Kind::Unavailable,
            "the server on its node refuses; it may be in use, so that taking it over helps",
        ),
        500 if seen.has("websocket") || seen.has("virt-handler") => {
            refused(Kind::Unavailable, "virt-handler on its node does not answer")
        }
        _ => None,
    }
}
