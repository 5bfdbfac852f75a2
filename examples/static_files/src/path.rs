//! The path of a request.

use percent_encoding::percent_decode_str;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Where in the folder a request wants to, or `None` if that can be nowhere: each part of it is the name of something in the
/// part before. `..` is not, nor is what would be one name in the URL and two in the file system.
///
/// A path that ends with a slash means the `index.html` in there.
pub(crate) fn decode(path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix('/')?;
    let path = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.into() };
    path.split('/').map(decode_name).collect()
}

fn decode_name(name: &str) -> Option<String> {
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let mut parts = Path::new(&*name).components();
    let only = (parts.next(), parts.next());
    // Compared, as the components of "a/" and of "a/." are those of "a".
    let is_a_name = matches!(only, (Some(Component::Normal(part)), None) if part == OsStr::new(&*name));
    (is_a_name && !name.contains('\0')).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, expected) in [
            ("/a", "a"),
            ("/a/b.txt", "a/b.txt"),
            ("/", "index.html"),
            ("/a/", "a/index.html"),
            ("/with%20space", "with space"),
            ("/100%", "100%"),
            ("/%C3%A4", "ä"),
            ("/..a/b..", "..a/b.."),
            ("/...", "..."),
            ("/%2541", "%41"),
        ] {
            assert_eq!(decode(path), Some(PathBuf::from(expected)), "{path}");
        }
    }

    #[test]
    fn what_is_no_name() {
        for path in [
            "",
            "a",
            "*",
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/a/../",
            "/.",
            "/./a",
            "//",
            "//etc/passwd",
            "/a//b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/..%2fa",
            "/a%2fb",
            "/%2fetc%2fpasswd",
            "/a%2f",
            "/a%2f.",
            "/%00",
            "/a%00.txt",
            "/%ff",
            "/%2e",
        ] {
            assert_eq!(decode(path), None, "{path}");
        }
    }

    #[cfg(windows)]
    #[test]
    fn what_is_no_name_on_windows() {
        for path in ["/C:", "/C:%5CWindows", "/..%5Ca", "/a%5C..%5Cb"] {
            assert_eq!(decode(path), None, "{path}");
        }
    }
}
