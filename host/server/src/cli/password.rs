//! Passwords: asked for without echo, or read from standard input.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail};

/// Longest password read, in bytes.
const MAX_PASSWORD: u64 = 1024;

/// The password for an account: the one line of standard input if `from_stdin`, else as typed, twice the same.
pub(super) fn read(jid: &str, from_stdin: bool) -> anyhow::Result<String> {
    let password = if from_stdin {
        only_line(io::stdin().lock())?
    } else {
        prompt(jid)?
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password)
}

/// All of `input`, which is one line with or without its end. More lines are an error: part of what was meant would be left out.
fn only_line(input: impl Read) -> anyhow::Result<String> {
    let mut text = Vec::new();
    // Room for a line end, and for one byte that shows that more follows.
    let limit = MAX_PASSWORD.saturating_add(3);
    input
        .take(limit)
        .read_to_end(&mut text)
        .context("cannot read standard input")?;
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if u64::try_from(line.len())? > MAX_PASSWORD {
        bail!("the password is longer than {MAX_PASSWORD} bytes");
    }
    let is_end = |rest: &[u8]| rest.is_empty();
    if !lines.next().is_none_or(is_end) || lines.next().is_some() {
        bail!("standard input has more than one line; a password is one line");
    }
    Ok(std::str::from_utf8(line)
        .context("the password is not in UTF-8")?
        .to_owned())
}

fn prompt(jid: &str) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for the password on; use --password-stdin");
    }
    let ask =
        |prompt: String| rpassword::prompt_password(prompt).context("cannot read the password");
    let password = ask(format!("Password for {jid}: "))?;
    if ask("Once more: ".to_owned())? != password {
        bail!("the passwords differ");
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::only_line;

    fn error(input: &[u8]) -> String {
        only_line(input).unwrap_err().to_string()
    }

    #[test]
    fn reads_one_line() {
        let longest = "a".repeat(1024);
        for (input, wanted) in [
            ("a b", "a b"),
            ("a b\n", "a b"),
            ("a\r\n", "a"),
            ("", ""),
            (&format!("{longest}\r\n"), &longest),
        ] {
            assert_eq!(only_line(input.as_bytes()).unwrap(), wanted);
        }
        let long = "a".repeat(1025);
        assert_eq!(
            error(long.as_bytes()),
            "the password is longer than 1024 bytes"
        );
        assert_eq!(error(b"\xff"), "the password is not in UTF-8");
    }

    /// A second line was dropped without a word, and the account got a weaker password than was meant.
    #[test]
    fn refuses_a_second_line() {
        let longest = "a".repeat(1024);
        for input in [
            "ab\ncd",
            "ab\r\ncd\n",
            "\nab\n",
            "ab\n\n",
            &format!("{longest}\r\nb"),
            &format!("a\n{longest}{longest}"),
        ] {
            assert_eq!(
                error(input.as_bytes()),
                "standard input has more than one line; a password is one line"
            );
        }
    }
}
