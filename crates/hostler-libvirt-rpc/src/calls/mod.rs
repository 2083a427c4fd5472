//! The typed procedures, one file per kind of thing. Each is one round trip unless it says
//! otherwise, and can fail as [`Connection::call`](crate::Connection::call) can.

mod blocks;
mod devices;
mod domains;
mod guests;
mod host;
mod jobs;
mod networks;
mod pools;
mod snapshots;
mod streams;
mod volumes;

/// What the list procedures want as their first number: results, not only a count.
const NEED_RESULTS: i32 = 1;

/// Writes methods of [`Connection`](crate::Connection) that only put their arguments on the wire
/// and take the reply off it. `-> [T]` is a list that is followed by its count.
macro_rules! calls {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:tt $(<$inner:ty>)?
            = $procedure:ident($($value:expr),* $(,)?);
    )+) => {
        impl crate::connection::Connection {
            $(
                $(#[$doc])*
                pub async fn $name(
                    &self, $($argument: $type),*
                ) -> crate::error::Result<crate::calls::calls!(@type $result $(<$inner>)?)> {
                    let reply = self
                        .call(crate::procedure::$procedure, &crate::calls::calls!(@tuple $($value),*))
                        .await?;
                    crate::calls::calls!(@reply $result, reply)
                }
            )+
        }
    };
    (@type [$element:ty]) => { Vec<$element> };
    (@type $result:tt $(<$inner:ty>)?) => { $result $(<$inner>)? };
    (@tuple) => { () };
    (@tuple $($value:expr),+) => { ($($value,)+) };
    (@reply [$element:ty], $reply:ident) => {{
        // The count repeats the list's length.
        let (list, _count): (Vec<$element>, u32) = $reply;
        Ok(list)
    }};
    (@reply $result:tt, $reply:ident) => { Ok($reply) };
}
pub(crate) use calls;
