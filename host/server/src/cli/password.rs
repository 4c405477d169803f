//! Passwords: asked for without echo, or read from standard input.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail};

/// Longest password read, in bytes.
const MAX_PASSWORD: u64 = 1024;

/// The password for an account: the first line of standard input if `from_stdin`, else as typed, twice the same.
pub(super) fn read(jid: &str, from_stdin: bool) -> anyhow::Result<String> {
    let password = if from_stdin {
        first_line(io::stdin().lock())?
    } else {
        prompt(jid)?
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password)
}

fn first_line(input: impl Read) -> anyhow::Result<String> {
    let mut text = Vec::new();
    let limit = MAX_PASSWORD.saturating_add(2);
    input
        .take(limit)
        .read_to_end(&mut text)
        .context("cannot read standard input")?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if u64::try_from(line.len())? > MAX_PASSWORD {
        bail!("the password is longer than {MAX_PASSWORD} bytes");
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
    use super::first_line;

    #[test]
    fn reads_the_first_line_only() {
        for (input, wanted) in [("a b", "a b"), ("a b\n", "a b"), ("a\r\nb", "a"), ("", "")] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), wanted);
        }
        let long = "a".repeat(1025);
        assert_eq!(
            first_line(long.as_bytes()).unwrap_err().to_string(),
            "the password is longer than 1024 bytes"
        );
        assert_eq!(
            first_line(&b"\xff"[..]).unwrap_err().to_string(),
            "the password is not in UTF-8"
        );
    }
}
