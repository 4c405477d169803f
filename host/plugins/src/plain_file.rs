//! Reading and writing files that may have been replaced by something else: a pipe on which nobody writes, a device
//! without end, a file that would fill the memory. Opening, reading and writing those must neither block nor take more
//! memory than the file may have.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Reads a plain file of at most `most` bytes; links are followed.
///
/// # Errors
/// What the system says; or, of kind [`io::ErrorKind::InvalidInput`], what is there instead of a plain file; or, of
/// kind [`io::ErrorKind::FileTooLarge`], that the file is larger. No more than `most` bytes and one are read, also of a
/// file that grows meanwhile.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a device can do something to it, so that the path is looked at first.
    ensure_plain(&std::fs::metadata(path)?)?;
    // Another file may have taken its place since: a pipe is opened without waiting for its writer.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let metadata = file.metadata()?;
    ensure_plain(&metadata)?;
    ensure_size(metadata.len(), most)?;
    read_to_end(&file, metadata.len(), most)
}

/// Reads a plain file of at most `most` bytes that is UTF-8 text.
///
/// # Errors
/// Those of [`read`], and one of kind [`io::ErrorKind::InvalidData`] for other bytes than UTF-8.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read(path, most)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is no text in UTF-8"))
}

/// An error of kind [`io::ErrorKind::InvalidInput`] that says what is there, unless it is a plain file.
///
/// # Errors
/// That one.
pub fn ensure_plain(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, not a plain file"),
    ))
}

/// Writes a file in one step: a reader finds the old content or the new content, also after a crash. The draft lies
/// beside the file under its name with `.part` added. An entry of that name is removed first.
///
/// # Errors
/// What the system says. The old file is as it was.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    // A crash may have left a draft with another mode, and opening a pipe would wait for its reader.
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

fn ensure_size(length: u64, most: u64) -> io::Result<()> {
    if length <= most {
        return Ok(());
    }
    let most = if most >= 1 << 20 {
        format!("{} MiB", most >> 20)
    } else {
        format!("{} KiB", most >> 10)
    };
    Err(io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("the file is larger than {most}"),
    ))
}

fn read_to_end(file: &File, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    ensure_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX), most)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    const MOST: u64 = 4 << 10;

    fn refused(path: &Path) -> (io::ErrorKind, String) {
        let error = read(path, MOST).unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn reads_a_plain_file_also_by_links() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        symlink("file", path("link")).unwrap();
        symlink("link", path("other")).unwrap();
        assert_eq!(read(&path("other"), MOST).unwrap(), b"text");
        assert_eq!(read_to_string(&path("file"), MOST).unwrap(), "text");
        std::fs::write(path("file"), [0xff]).unwrap();
        let error = read_to_string(&path("file"), MOST).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let absent = read(&path("absent"), MOST).unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
    }

    /// Each of them would block a reader for good, or never end.
    #[test]
    fn refuses_at_once_what_is_no_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        symlink(path("pipe"), path("link")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        for (name, what) in [
            ("pipe", "a named pipe"),
            ("link", "a named pipe"),
            ("zero", "a device"),
            ("socket", "a socket"),
            (".", "a directory"),
        ] {
            let (kind, why) = refused(&path(name));
            assert_eq!(kind, io::ErrorKind::InvalidInput, "{name}");
            assert!(why.contains(what), "{name}: {why}");
        }
    }

    #[test]
    fn refuses_what_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![0; 4 << 10]).unwrap();
        assert_eq!(read(&path, MOST).unwrap().len(), 4 << 10);
        // A file without blocks can claim any length.
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(1 << 40))
            .unwrap();
        let (kind, why) = refused(&path);
        assert_eq!(kind, io::ErrorKind::FileTooLarge);
        assert!(why.contains("4 KiB"), "{why}");
    }

    #[test]
    fn replaces_a_file_whatever_bears_the_name_of_its_draft() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(path("file.part")).status();
        assert!(made.unwrap().success());
        for content in ["one", "another"] {
            replace(&path("file"), content.as_bytes(), 0o600).unwrap();
            assert_eq!(read_to_string(&path("file"), MOST).unwrap(), content);
        }
        let mode = std::fs::metadata(path("file")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// The kernel gives its own files no length beforehand.
    #[test]
    fn bounds_what_says_no_length() {
        let maps = Path::new("/proc/self/maps");
        assert_eq!(std::fs::metadata(maps).unwrap().len(), 0);
        assert!(read(maps, 1 << 20).unwrap().len() > 64);
        let error = read(maps, 64).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
