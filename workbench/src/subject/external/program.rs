//! Finds the file of a program, and says what is wrong with one that cannot be started.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scenarios::problem::{nearest, shown};

/// A program that cannot be started, as a sentence with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProgramError(String);

/// The file behind the first word of a command: relative to `folder` where it has a `/`, else from the folders of
/// `path`, as a shell would look for it.
///
/// # Errors
/// No such file, or one that no kernel starts; with the nearest that there is.
pub fn find(word: &str, folder: &Path, path: &[PathBuf]) -> Result<PathBuf, ProgramError> {
    if word.contains('/') {
        let file = folder.join(word);
        return usable(&file).map(|()| file.clone()).map_err(|problem| explain(word, &file, problem));
    }
    let found = path.iter().map(|folder| folder.join(word)).find(|file| usable(file).is_ok());
    found.ok_or_else(|| {
        let beside = folder.join(word);
        let problem = format!("there is no program `{}` in PATH", shown(word));
        ProgramError(match usable(&beside) {
            Ok(()) => format!("{problem}: did you mean `./{}`?", shown(word)),
            Err(Problem::NotExecutable) => format!("{problem}; ./{0} is not executable: `chmod +x ./{0}`", shown(word)),
            Err(_) => match nearest_in(&beside) {
                Some(near) => format!("{problem}: did you mean `./{near}`?"),
                None => format!("{problem}: write its path, as in `./{}`", shown(word)),
            },
        })
    })
}

/// The interpreter that a script names in its first line, as the kernel reads it (execve(2)); `None` for other files.
pub(super) fn interpreter(file: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    fs::File::open(file).ok()?.take(MOST_SHEBANG).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok()?.split_whitespace().next().map(PathBuf::from)
}

/// Bytes of a script's first line that the kernel reads (`BINPRM_BUF_SIZE`).
const MOST_SHEBANG: u64 = 256;

/// What keeps a file from being started.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Missing,
    Folder,
    NotExecutable,
    NoProgram,
    Unreadable(String),
}

fn usable(file: &Path) -> Result<(), Problem> {
    let metadata = fs::metadata(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Problem::Missing,
        _ => Problem::Unreadable(error.to_string()),
    })?;
    if metadata.is_dir() {
        return Err(Problem::Folder);
    }
    if metadata.permissions().mode() & 0o111 == 0 || rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(Problem::NotExecutable);
    }
    let mut head = [0; 4];
    match fs::File::open(file).and_then(|mut file| file.read(&mut head)) {
        Ok(read) if read >= 2 && (head.starts_with(b"\x7fELF") || head.starts_with(b"#!")) => Ok(()),
        // A file that may be started and not read: the kernel will say.
        Err(_) => Ok(()),
        Ok(_) => Err(Problem::NoProgram),
    }
}

fn explain(word: &str, file: &Path, problem: Problem) -> ProgramError {
    let word = shown(word);
    ProgramError(match problem {
        Problem::Missing => match nearest_in(file) {
            Some(near) => {
                let folder = word.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("there is no program `{word}`: did you mean `{folder}/{near}`?")
            }
            None => format!("there is no program `{word}` in {}", folder_of(file)),
        },
        Problem::Folder => format!("`{word}` is a folder, not a program"),
        Problem::NotExecutable => format!("`{word}` is not executable: `chmod +x {word}`"),
        Problem::NoProgram => format!(
            "`{word}` is neither an ELF executable nor a script that begins with `#!`: no kernel starts it; name its \
             interpreter first"
        ),
        Problem::Unreadable(error) => format!("`{word}` cannot be looked at: {error}"),
    })
}

fn folder_of(file: &Path) -> String {
    file.parent().unwrap_or(Path::new("/")).display().to_string()
}

/// The executable of the most similar name in the same folder.
fn nearest_in(file: &Path) -> Option<String> {
    let given = file.file_name()?.to_str()?;
    let entries = fs::read_dir(file.parent()?).ok()?.flatten();
    let names: Vec<String> = entries
        .filter(|entry| usable(&entry.path()).is_ok())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    nearest(given, names.iter().map(String::as_str)).map(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str, mode: u32) {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_cannot_be_started_says_why_and_what_would_do() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "my-service", "#!/bin/sh\n", 0o755);
        write(folder.path(), "plain", "#!/bin/sh\n", 0o644);
        write(folder.path(), "notes", "hello\n", 0o755);
        write(folder.path(), "empty", "", 0o755);
        fs::create_dir(folder.path().join("sub")).unwrap();
        let refused = |word: &str| {
            let error = find(word, folder.path(), &[PathBuf::from("/bin")]).unwrap_err();
            error.to_string().replace(&*folder.path().to_string_lossy(), "FOLDER")
        };
        let words = [
            "my-service",
            "my-servce",
            "./my-servce",
            "./plain",
            "plain",
            "./notes",
            "./empty",
            "./sub",
            "./zzz",
            "zzz",
            "./sub/my-service",
            "./plain/x",
        ];
        insta::assert_snapshot!(words.map(refused).join("\n"));
    }

    #[test]
    fn what_can_be_started_is_found() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "my-service", "#!/bin/sh\n", 0o755);
        let path = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        let here = folder.path().join("my-service");
        assert_eq!(find("my-service", Path::new("/"), &path).unwrap(), here);
        assert_eq!(find("./my-service", folder.path(), &[]).unwrap(), folder.path().join("./my-service"));
        assert_eq!(find(here.to_str().unwrap(), Path::new("/"), &[]).unwrap(), here);
    }
}
