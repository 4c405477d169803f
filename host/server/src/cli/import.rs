//! `waxwing user add --from FILE`

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, bail};
use waxwing_xmpp::jid;

use super::say;
use crate::{
    admin::{AccountCommand, AdminClient, AdminError, NewUser, Reply, Request},
    config::Config,
};

/// Accounts in one request.
const AT_ONCE: usize = 64;

/// A line of the file.
struct Line {
    number: usize,
    user: NewUser,
}

/// Makes all accounts of a file. None is made if any line is not an address and a password; a line whose account cannot be
/// made, such as one that is there already, does not stop the others.
pub(super) fn execute(file: &Path, config: &Config) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = parse(&text, file)?;
    let mut client = AdminClient::open(config)?;
    let mut made = 0_usize;
    for chunk in lines.chunks(AT_ONCE) {
        let users = chunk.iter().map(|line| line.user.clone()).collect();
        let import = Request::Account(AccountCommand::Import { users });
        let Reply::Imported(results) = client.call(import)? else {
            return Err(AdminError::Unexpected.into());
        };
        if results.len() != chunk.len() {
            return Err(AdminError::Unexpected.into());
        }
        for (line, result) in chunk.iter().zip(results) {
            if let Some(reason) = result {
                writeln!(
                    io::stderr(),
                    "{} line {}: {reason}",
                    file.display(),
                    line.number
                )?;
            } else {
                made = made.saturating_add(1);
            }
        }
    }
    let count = format!("{made} of {} accounts made", lines.len());
    if made < lines.len() {
        bail!("{count}; the lines above were not");
    }
    Ok(say(&count)?)
}

/// The lines of a file; empty ones are passed over.
fn parse(text: &str, file: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut bad = Vec::new();
    for (number, line) in (1_usize..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match user(line) {
            Ok(user) => lines.push(Line { number, user }),
            Err(reason) => bad.push(format!("line {number}: {reason}")),
        }
    }
    let Some(first) = bad.first() else {
        return Ok(lines);
    };
    let more = match bad.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more lines)"),
    };
    bail!("{} {first}{more}; no account was made", file.display())
}

fn user(line: &str) -> Result<NewUser, String> {
    let (address, password) = line
        .split_once('\t')
        .ok_or("not of the form jid<TAB>password")?;
    if jid::parse_bare(address)
        .ok()
        .is_none_or(|jid| jid.node().is_none())
    {
        return Err(format!(
            "`{address}` is not an account such as alice@localhost"
        ));
    }
    if password.is_empty() {
        return Err("the password is empty".to_owned());
    }
    Ok(NewUser {
        jid: address.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    fn error(text: &str) -> String {
        parse(text, Path::new("users"))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_addresses_and_passwords() {
        let lines = parse("a@b\tone two\r\n\nc@d\tthr\tee\n", Path::new("users")).unwrap();
        let read: Vec<_> = lines
            .iter()
            .map(|line| (line.number, &*line.user.jid, &*line.user.password))
            .collect();
        assert_eq!(read, [(1, "a@b", "one two"), (3, "c@d", "thr\tee")]);
    }

    #[test]
    fn names_the_line_of_a_mistake() {
        assert_eq!(
            error("a@b\tc\na@b c\n"),
            "users line 2: not of the form jid<TAB>password; no account was made"
        );
        assert_eq!(
            error("a@b\t\n"),
            "users line 1: the password is empty; no account was made"
        );
        assert_eq!(
            error("b\tc\nx\nx\n"),
            "users line 1: `b` is not an account such as alice@localhost (and 2 more lines); no account was made"
        );
    }
}
