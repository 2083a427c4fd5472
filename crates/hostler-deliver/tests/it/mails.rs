//! Mail: what is written, what is said, and what a server may say.

use expect_test::expect_file;
use hostler_core::alert::notice::{Status, Undelivered};

use crate::notices::{HOSTILE, alert, firing, many, notice, receiver, resolved};
use crate::postbox::{Begins, Postbox, Script, WILLING};

/// The configuration of a receiver there, with more keys.
fn config(postbox: &Postbox, tls: &str, more: &str) -> String {
    format!(
        "smtp = {{ host = 'localhost', port = {}, tls = '{tls}', ca_file = '{}', \
         from = 'Hostler <hostler@example.org>', to = ['ops@example.org', 'Ada <ada@example.org>'] \
         {more} }}",
        postbox.port,
        postbox.authority.display()
    )
}

/// With a user and a password.
fn login(postbox: &Postbox) -> String {
    let password = postbox.files.with("password", "password-of-ours\n");
    format!(", username = 'hostler', password_file = '{}'", password.display())
}

/// What came of one delivery in the clear.
async fn told(script: Script) -> (Result<(), Undelivered>, Postbox) {
    let postbox = Postbox::new(Begins::Never, script).await;
    let came = receiver(&config(&postbox, "none", "")).deliver(&firing()).await;
    (came, postbox)
}

#[tokio::test]
async fn d22_a_mail_goes_out_by_starttls_and_logged_in() {
    let postbox = Postbox::new(Begins::WhenAsked, WILLING).await;
    let receiver = receiver(&config(&postbox, "starttls", &login(&postbox)));
    receiver.deliver(&firing()).await.unwrap();
    let heard = postbox.heard();
    assert_eq!(
        heard[..8],
        [
            "EHLO example.org",
            "STARTTLS",
            "(TLS)",
            "EHLO example.org",
            "AUTH PLAIN AGhvc3RsZXIAcGFzc3dvcmQtb2Ytb3Vycw==",
            "MAIL FROM:<hostler@example.org>",
            "RCPT TO:<ops@example.org>",
            "RCPT TO:<ada@example.org>",
        ]
    );
    assert_eq!(postbox.mails().len(), 1);
}

#[tokio::test]
async fn d22_a_mail_goes_out_by_tls_from_the_first_byte() {
    let postbox = Postbox::new(Begins::AtOnce, WILLING).await;
    receiver(&config(&postbox, "implicit", &login(&postbox))).deliver(&firing()).await.unwrap();
    assert!(!postbox.heard().contains(&"STARTTLS".to_owned()));
    assert_eq!(postbox.mails().len(), 1);
}

#[tokio::test]
async fn what_a_mail_says_is_the_same_each_time() {
    for (what, notice) in [("firing", firing()), ("resolved", resolved()), ("many", many())] {
        let postbox = Postbox::new(Begins::Never, WILLING).await;
        let receiver = receiver(&config(&postbox, "none", ""));
        receiver.deliver(&notice).await.unwrap();
        receiver.deliver(&notice).await.unwrap();
        let mails = postbox.mails();
        assert_eq!(mails[0], mails[1]);
        let path = format!("{}/tests/it/golden/mail.{what}.eml", env!("CARGO_MANIFEST_DIR"));
        expect_file![path].assert_eq(&mails[0].replace("\r\n", "\n"));
    }
}

#[tokio::test]
async fn a_name_adds_no_header_no_recipient_and_no_second_mail() {
    let postbox = Postbox::new(Begins::Never, WILLING).await;
    let subject = ", subject = 'VM {{ $labels.vm }}'";
    let receiver = receiver(&config(&postbox, "none", subject));
    let mut hostile = notice(vec![alert(HOSTILE, Status::Firing)]);
    hostile.receiver = HOSTILE.into();
    receiver.deliver(&hostile).await.unwrap();
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1);
    let (head, body) = mails[0].split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .collect();
    let expected = [
        "From",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "Auto-Submitted",
        "X-Hostler-Receiver",
        "To",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(names, expected, "{head}");
    let recipients = postbox.heard().iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!(recipients, 2);
    let html = body.split("text/html").nth(1).unwrap();
    assert!(!html.contains("<script>") && !html.contains("<!channel>"), "{html}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_wanted() {
    let script: Script =
        &[("", "220 hi"), ("EHLO", "250-hi\r\n250 AUTH PLAIN"), ("QUIT", "221 bye")];
    let postbox = Postbox::new(Begins::Never, script).await;
    let failure = receiver(&config(&postbox, "starttls", &login(&postbox)))
        .deliver(&firing())
        .await
        .unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("offers no STARTTLS"), "{failure}");
    assert_eq!(postbox.heard(), ["EHLO example.org"]);
}

#[tokio::test]
async fn what_is_said_before_tls_is_not_taken_for_what_is_said_under_it() {
    let script: Script = &[
        ("", "220 hi"),
        ("EHLO", "250 STARTTLS"),
        ("EHLO", "250-hi\r\n250 STARTTLS"),
        ("STARTTLS", "220 go ahead\r\n250-fake\r\n250 AUTH PLAIN"),
    ];
    // The first line of an EHLO's answer is a greeting, and offers nothing.
    let postbox = Postbox::new(Begins::WhenAsked, script).await;
    let failure = receiver(&config(&postbox, "starttls", "")).deliver(&firing()).await.unwrap_err();
    assert!(failure.told.contains("offers no STARTTLS"), "{failure}");
    let script: Script = &[
        ("", "220 hi"),
        ("EHLO", "250-hi\r\n250 STARTTLS"),
        ("STARTTLS", "220 go ahead\r\n250-fake\r\n250 AUTH PLAIN"),
    ];
    let postbox = Postbox::new(Begins::WhenAsked, script).await;
    let failure = receiver(&config(&postbox, "starttls", "")).deliver(&firing()).await.unwrap_err();
    assert!(failure.told.contains("spoke on before TLS began"), "{failure}");
    assert_eq!(postbox.heard().last().unwrap(), "STARTTLS");
}

#[tokio::test]
async fn a_server_with_a_bad_certificate_gets_no_mail_and_no_password() {
    for (begins, tls) in [(Begins::AtOnce, "implicit"), (Begins::WhenAsked, "starttls")] {
        let postbox = Postbox::new(begins, WILLING).await;
        let other = Postbox::new(begins, WILLING).await;
        let own = postbox.authority.display().to_string();
        let config = config(&postbox, tls, &login(&postbox))
            .replace(&own, &other.authority.display().to_string());
        let failure = receiver(&config).deliver(&firing()).await.unwrap_err();
        assert!(!failure.is_retryable && failure.told.contains("is not trusted"), "{failure}");
        assert!(postbox.mails().is_empty());
        assert!(!postbox.heard().iter().any(|line| line.starts_with("AUTH")));
    }
}

#[tokio::test]
async fn f36_a_mail_server_is_tried_again_or_given_up_by_what_it_says() {
    let (came, _) = told(&[("", "421 too busy")]).await;
    assert!(came.unwrap_err().is_retryable);
    let (came, _) = told(&[("", "554 not you")]).await;
    assert!(!came.unwrap_err().is_retryable);
    let (came, _) = told(&[("", "SSH-2.0-OpenSSH_9.2")]).await;
    assert!(came.unwrap_err().told.contains("is not SMTP"));
    // It hangs up when it hears MAIL.
    let (came, _) = told(&[("", "220 hi"), ("EHLO", "250 hi")]).await;
    assert!(came.unwrap_err().is_retryable);
    let (came, _) = told(&[
        ("", "220 hi"),
        ("EHLO", "250 hi"),
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go on"),
        ("*", "552 5.3.4 too large"),
    ])
    .await;
    let failure = came.unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("552 5.3.4 too large"), "{failure}");
    let gone = Postbox::new(Begins::Never, WILLING).await;
    let config = config(&gone, "none", "").replace(&format!("port = {}", gone.port), "port = 1");
    let failure = receiver(&config).deliver(&firing()).await.unwrap_err();
    assert!(failure.is_retryable && failure.told.contains("cannot be reached"), "{failure}");
}

#[tokio::test]
async fn a_recipient_who_is_refused_does_not_keep_the_mail_from_others() {
    let (came, postbox) = told(&[
        ("", "220 hi"),
        ("EHLO", "250 hi"),
        ("MAIL", "250 ok"),
        ("RCPT TO:<ops@", "550 no such user"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go on"),
        ("*", "250 taken"),
    ])
    .await;
    assert_eq!((came, postbox.mails().len()), (Ok(()), 1));
    let (came, postbox) = told(&[
        ("", "220 hi"),
        ("EHLO", "250 hi"),
        ("MAIL", "250 ok"),
        ("RCPT", "550 no such user"),
    ])
    .await;
    let failure = came.unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("ops@example.org"), "{failure}");
    assert!(postbox.mails().is_empty());
    // One who may be taken later: nobody gets it twice.
    let (came, postbox) = told(&[
        ("", "220 hi"),
        ("EHLO", "250 hi"),
        ("MAIL", "250 ok"),
        ("RCPT TO:<ada@", "450 greylisted"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go on"),
    ])
    .await;
    assert!(came.unwrap_err().is_retryable);
    assert!(postbox.mails().is_empty());
}

#[tokio::test]
async fn a36_a_refused_password_is_not_repeated() {
    let script: Script = &[
        ("", "220 hi"),
        ("EHLO", "250-hi\r\n250 AUTH PLAIN"),
        ("AUTH", "535 not password-of-ours (AGhvc3RsZXIAcGFzc3dvcmQtb2Ytb3Vycw==)"),
    ];
    let postbox = Postbox::new(Begins::AtOnce, script).await;
    let failure = receiver(&config(&postbox, "implicit", &login(&postbox)))
        .deliver(&firing())
        .await
        .unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("logging in: 535"), "{failure}");
    assert!(!failure.told.contains("password-of-ours"), "{failure}");
    assert!(!failure.told.contains("AGhvc3Rs"), "{failure}");
}

#[tokio::test]
async fn login_is_spoken_where_plain_is_not() {
    let script: Script = &[
        ("", "220 hi"),
        ("EHLO", "250-hi\r\n250 AUTH LOGIN"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ("aG9zdGxlcg==", "334 UGFzc3dvcmQ6"),
        ("cGFzc3dvcmQtb2Ytb3Vycw==", "235 welcome"),
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go on"),
        ("*", "250 taken"),
    ];
    let postbox = Postbox::new(Begins::AtOnce, script).await;
    receiver(&config(&postbox, "implicit", &login(&postbox))).deliver(&firing()).await.unwrap();
    assert_eq!(postbox.mails().len(), 1);
}
