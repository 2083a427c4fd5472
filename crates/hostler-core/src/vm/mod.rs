//! Virtual machines: asked ([`spec`]), seen ([`observed`]), told ([`status`]),
//! what may happen next ([`lifecycle`]), what changing one would do ([`change`]), how
//! foreign ones become ours ([`adoption`]), and what sizes are offered for them ([`instance_type`]).
//! Asked, seen and told are types that never mix.

pub mod adoption;
pub mod change;
pub mod check;
pub mod cloud_init;
pub mod devices;
pub mod guest;
pub mod instance_type;
pub mod lifecycle;
pub mod observed;
pub mod spec;
pub mod status;

pub use guest::GuestInfo;
pub use instance_type::{InstanceType, Preference, TypeRef};
pub use lifecycle::{Action, Admission, Denial, admit};
pub use observed::{Governance, ObservedVm, PowerState, Tag};
pub use spec::VmSpec;
pub use status::{VmState, VmStatus};
