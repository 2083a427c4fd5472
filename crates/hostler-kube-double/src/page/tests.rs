//! Tokens as they were recorded.

use super::*;

fn token(revision: Option<u64>, after: &str) -> Token {
    Token { revision, after: after.to_owned() }
}

#[test]
fn recorded_tokens_are_read_and_written_to_the_byte() {
    for (text, expected) in [
        (
            "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MzAxLCJzdGFydCI6Ii9wMlx1MDAwMCJ9",
            token(Some(301), "p2"),
        ),
        ("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoicDNcdTAwMDAifQ", token(None, "p3")),
        (
            "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MzY2LCJzdGFydCI6Ii9wOVx1MDAwMCJ9",
            token(Some(366), "p9"),
        ),
    ] {
        assert_eq!(Token::decode(text), Ok(expected.clone()));
        assert_eq!(Token::decode(&expected.encode()), Ok(expected.clone()));
        assert_eq!(expected.encode(), text);
    }
}

#[test]
fn a_list_of_all_namespaces_goes_on_by_namespace_and_name() {
    let key = Key::new("default", "p2");
    let one = Token::after(301, &key, None);
    assert_eq!(one.after, "default/p2");
    assert!(one.is_before(&Key::new("default", "p3"), None));
    assert!(!one.is_before(&key, None));
    assert!(!one.is_before(&Key::new("another", "z"), None));
}

#[test]
fn garbage_is_refused_as_recorded() {
    let refused = Token::decode("zzz").expect_err("no token");
    assert_eq!(
        refused.message(),
        "invalid continue token: continue key is not valid: invalid character 'Ï' looking for \
         beginning of value"
    );
    assert!(Token::decode("!").is_err());
}
