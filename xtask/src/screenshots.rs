//! `cargo xtask screenshots`: the pictures in `docs/images`, of what the programs are today.
//!
//! ```text
//! build ─► demo ─► its pictures ─► lab's libvirt ─► hostlerd ─► a real guest ─► its picture
//! ```
//! The lab and the server's state are kept in `build/`, so that a second time is quicker; a lab of
//! its own, so that `cargo xtask run` may go on beside it.

use hostler_lab::{Lab, LabOptions, Result, guest};

use crate::arguments::{Arguments, Grammar, Words};
use crate::product::{DEMO_VMS, Programs, Server};
use crate::{lab, needs, paths, run, say, ui};

/// `screenshots`.
pub(crate) const GRAMMAR: Grammar = Grammar { switches: &[], options: &[], words: Words::None };

/// The name of the lab, and of the server's state.
const NAME: &str = "pictures";

/// Makes all pictures.
///
/// # Errors
/// When something cannot be built or started, or a picture would not show what it should.
pub(crate) fn main(_: &Arguments) -> Result<()> {
    needs::browser()?;
    let programs = run::build()?;
    say::step("pictures of the demo");
    let demo = programs.running_demo(DEMO_VMS)?;
    ui::screenshots(demo.login(), None)?;
    drop(demo);

    needs::guest()?;
    let images = guest::build(&guest::checkout_dir(), &mut |line| say::step(line))?;
    let options = LabOptions::in_checkout(NAME);
    let lab = lab::start(&options)?;
    let taken = of_a_real_guest(programs, &lab, &images.disk_qcow2);
    let stopped = lab::stop(&options);
    taken.and(stopped)
}

fn of_a_real_guest(programs: Programs, lab: &Lab, disk: &std::path::Path) -> Result<()> {
    let server = Server::start(programs, &paths::build().join(NAME), Some(&lab.uri()))?;
    run::boot(&server, disk)?;
    say::step("a picture of the guest's console");
    ui::screenshots(&server.admin_link()?, Some(run::VM))
}
