//! The mail server's modules, unpacked and loaded.

use std::process::Command;

use hostler_lab::{mail, run_quietly};

#[test]
fn a_mail_server_is_unpacked_once_and_loads() {
    let root = mail::fetch(&mut |line| eprintln!("{line}")).unwrap();
    assert_eq!(root, mail::fetch(&mut |line| panic!("it was there: {line}")).unwrap());
    let modules = mail::need_modules();
    assert!(modules.starts_with(&root), "{}", modules.display());
    let mut python = Command::new("/usr/bin/python3");
    python.env("PYTHONPATH", modules).args(["-c", "import aiosmtpd.smtp"]);
    run_quietly(&mut python).unwrap();
}
