use proptest::prelude::*;

use super::super::needle::Needle;
use super::*;

fn expected(body: Option<&str>, head: bool) -> Expected {
    Expected { status: 200, body: body.map(Needle::new), head }
}

/// Feeds an answer in pieces of `size`: whether it was complete, its status, whether the body matched, and whether
/// the connection may be kept.
fn read(answer: &str, size: usize, expected: &Expected) -> Result<(bool, u16, bool, bool), Malformed> {
    let mut parser = Parser::new();
    parser.begin();
    let mut complete = false;
    for piece in answer.as_bytes().chunks(size) {
        complete = parser.feed(piece, expected)?;
    }
    Ok((complete, parser.status(), parser.body_matches(expected), parser.keep_alive()))
}

#[test]
fn answers_are_read_in_pieces_of_any_size() {
    let plain = expected(Some("hello"), false);
    let head = expected(None, true);
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n hello!", &plain, (true, 200, true, true)),
        ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &plain, (true, 503, false, true)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhelloo", &plain, (false, 200, true, true)),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", &plain, (true, 200, true, false)),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5, 5\r\n\r\nhello",
            &plain,
            (true, 200, true, true),
        ),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello", &plain, (true, 200, true, false)),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\nA;x=\"1\"\r\nlo world..\r\n0\r\na: b\r\n\r\n",
            &plain,
            (true, 200, true, true),
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n", &plain, (false, 200, false, true)),
        ("HTTP/1.1 204 No Content\r\n\r\n", &plain, (true, 204, false, true)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", &head, (true, 200, true, true)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            &plain,
            (true, 200, true, true),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1", &plain, (true, 200, true, false)),
    ];
    for (answer, expected, outcome) in cases {
        for size in [1, 2, 7, 40, 1000] {
            assert_eq!(read(answer, size, expected), Ok(outcome), "{size} {answer}");
        }
    }
}

#[test]
fn without_a_length_the_body_ends_with_the_connection() {
    let expected = expected(Some("bye"), false);
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"] {
        let mut parser = Parser::new();
        parser.begin();
        assert_eq!(parser.feed(head.as_bytes(), &expected), Ok(false));
        assert_eq!(parser.feed(b"good bye", &expected), Ok(false));
        assert!(parser.close() && parser.body_matches(&expected) && !parser.keep_alive());
    }
}

#[test]
fn a_close_in_the_middle_is_no_answer() {
    let expected = expected(None, false);
    for part in ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"] {
        let mut parser = Parser::new();
        parser.begin();
        assert_eq!(parser.feed(part.as_bytes(), &expected), Ok(false));
        assert!(!parser.close(), "{part}");
    }
}

#[test]
fn garbage_is_refused() {
    let plain = expected(None, false);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching\r\n\r\n".to_owned(),
        format!("{chunked}\r\n"),
        format!("{chunked}xyz\r\n"),
        format!("{chunked}1\r\nab\r\n"),
        format!("{chunked}ffffffffffffffff\r\n"),
        format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(HEAD)),
    ] {
        assert_eq!(read(&garbage, 1000, &plain), Err(Malformed), "{}", &garbage[..garbage.len().min(80)]);
    }
}

proptest! {
    #[test]
    fn chunks_of_any_kind_give_their_content(
        chunks in prop::collection::vec("[a-z]{1,30}", 0..8), size in 1_usize..50, text in "[a-z]{1,3}",
    ) {
        let mut answer = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n");
        for chunk in &chunks {
            answer += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        answer += "0\r\n\r\n";
        let contains = chunks.concat().contains(&text);
        prop_assert_eq!(read(&answer, size, &expected(Some(&text), false)), Ok((true, 200, contains, true)));
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter(answer in "HTTP/1.1 [1-5]0[0-4] A\r\n(content-length: [0-9]|transfer-encoding: chunked)\r\n\r\n[0-3a;\r\n]{0,20}", size in 1_usize..20) {
        let expected = expected(Some("a"), false);
        prop_assert_eq!(read(&answer, size, &expected), read(&answer, 1000, &expected));
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, size in 1_usize..50) {
        let mut parser = Parser::new();
        parser.begin();
        for piece in bytes.chunks(size) {
            if parser.feed(piece, &expected(None, false)).is_err() {
                break;
            }
        }
    }
}
