//! The promises of [`crate::Console`].

use hostler_core::vm::PowerState;
use hostler_core::vm::devices::GraphicsSpec;
use hostler_core::vm::observed::ConsoleKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::trial::{Check, Made, Trial, check, fail, refused, skip};
use crate::{ConsoleStream, Kind, StopMode};

/// Reads until the text comes, the stream ends or the guest's time is over.
async fn hears(t: &Trial<'_>, stream: &mut dyn ConsoleStream, text: &str) -> Check {
    let mut heard = Vec::new();
    let listening = async {
        let mut piece = [0; 1024];
        while let Ok(size @ 1..) = stream.read(&mut piece).await {
            heard.extend(piece.iter().take(size));
            if heard.windows(text.len()).any(|window| window == text.as_bytes()) {
                return true;
            }
        }
        false
    };
    let found = tokio::time::timeout(t.setting.boot_within, listening).await;
    let heard = String::from_utf8_lossy(&heard);
    check(found == Ok(true), || format!("`{text}` did not come, but: {heard}"))
}

/// Reads until the stream ends; whatever comes before is of no interest.
async fn ends(t: &Trial<'_>, stream: &mut dyn ConsoleStream) -> Check {
    let draining = async {
        let mut piece = [0; 1024];
        while let Ok(1..) = stream.read(&mut piece).await {}
    };
    match tokio::time::timeout(t.setting.boot_within, draining).await {
        Ok(()) => Ok(()),
        Err(_) => fail("the stream stays open"),
    }
}

/// A running VM with a serial console, guest or no guest.
async fn with_serial(t: &Trial<'_>) -> Check<Made> {
    let mut spec = t.spec();
    spec.serial_console = true;
    let made = t.make(spec, Vec::new()).await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    Ok(made)
}

async fn serial(
    t: &Trial<'_>,
    made: &Made,
    take_over: bool,
) -> Check<crate::Result<Box<dyn ConsoleStream>>> {
    Ok(t.console()?.open(&t.cx(), &made.vm, ConsoleKind::Serial, take_over).await)
}

pub(super) async fn serial_console_of_a_running_vm_speaks(t: &Trial<'_>) -> Check {
    let (made, image) = t.booted().await?;
    let mut stream = serial(t, &made, false).await??;
    hears(t, &mut *stream, &image.says).await
}

pub(super) async fn vnc_console_begins_with_its_version_and_needs_no_password(
    t: &Trial<'_>,
) -> Check {
    let mut spec = t.spec();
    spec.graphics = Some(GraphicsSpec::Vnc);
    let made = t.make(spec, Vec::new()).await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    let mut stream = t.console()?.open(&t.cx(), &made.vm, ConsoleKind::Vnc, false).await?;
    let greeting = async {
        let mut version = [0; 12];
        stream.read_exact(&mut version).await?;
        // Answering with the same version is always allowed.
        stream.write_all(&version).await?;
        let mut types = vec![0; usize::from(stream.read_u8().await?)];
        stream.read_exact(&mut types).await?;
        std::io::Result::Ok((version, types))
    };
    match tokio::time::timeout(t.setting.call_within, greeting).await {
        Err(_) => fail("no greeting came"),
        Ok(Err(error)) => fail(format!("the greeting broke off: {error}")),
        Ok(Ok((version, types))) => {
            let text = String::from_utf8_lossy(&version);
            check(text.starts_with("RFB 003.00"), || format!("its version is `{text}`"))?;
            check(types.contains(&1), || format!("its security types are {types:?}"))
        }
    }
}

pub(super) async fn console_of_a_stopped_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    refused(serial(t, &made, false).await?.map(drop), &[Kind::Conflict])?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn console_in_use_is_a_conflict_without_take_over(t: &Trial<'_>) -> Check {
    let made = with_serial(t).await?;
    let first = serial(t, &made, false).await??;
    refused(serial(t, &made, false).await?.map(drop), &[Kind::Conflict])?;
    drop(first);
    // Dropping it frees it, if not in the same moment.
    let until = tokio::time::Instant::now() + t.setting.boot_within;
    while tokio::time::Instant::now() < until {
        match serial(t, &made, false).await? {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == Kind::Conflict => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    fail("it stays in use after it was closed")
}

pub(super) async fn take_over_disconnects_the_other(t: &Trial<'_>) -> Check {
    let made = with_serial(t).await?;
    let mut first = serial(t, &made, false).await??;
    let _second = serial(t, &made, true).await??;
    ends(t, &mut *first).await
}

pub(super) async fn console_closes_when_the_vm_is_turned_off(t: &Trial<'_>) -> Check {
    let made = with_serial(t).await?;
    let mut stream = serial(t, &made, false).await??;
    if t.provider.power().is_none() {
        return skip("the provider has no group power");
    }
    t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?;
    ends(t, &mut *stream).await
}
