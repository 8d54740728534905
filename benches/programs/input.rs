//! What the programs read, made from what is here: the same on every machine for the same lock file.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::roster::Input;
use crate::sources::{Sources, write};

/// What a program is given beside its own arguments.
pub(crate) struct Given {
    pub(crate) arguments: Vec<PathBuf>,
    /// Instead of an empty standard input.
    pub(crate) stdin: Option<PathBuf>,
}

pub(crate) fn prepare(input: Input, sources: &Sources, work: &Path) -> Result<Given, String> {
    let file = |name: &str, text: &str| {
        let path = work.join("input").join(name);
        write(&path, text).map(|()| path)
    };
    let argument = |path| Given { arguments: vec![path], stdin: None };
    Ok(match input {
        Input::Csv => argument(file("table.csv", &table())?),
        Input::Folders => Given { arguments: sources.libraries.clone(), stdin: None },
        Input::Markdown => {
            Given { arguments: Vec::new(), stdin: Some(file("readme.md", &markdown(sources))?) }
        }
        Input::Python => argument(file("python.txt", &python()?)?),
        Input::Png => argument(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lines.png")),
    })
}

fn table() -> String {
    let mut random = fastrand::Rng::with_seed(12);
    let mut text = String::from("id,name,city,amount,ratio,flag,note\n");
    for id in 0..500_000 {
        let name: String = (0..8).map(|_| random.lowercase()).collect();
        let city = ["Paris", "Berlin", "Roma", "Oslo", ""][random.usize(..5)];
        let (amount, ratio, flag) = (random.i32(-10_000..10_000), random.f64(), random.bool());
        text.push_str(&format!("{id},{name},{city},{amount},{ratio:.6},{flag},n{}\n", id % 97));
    }
    text
}

/// About 40 MB.
fn markdown(sources: &Sources) -> String {
    let read = |folder: &PathBuf| std::fs::read_to_string(folder.join("README.md")).ok();
    let once: String = sources.libraries.iter().filter_map(read).collect::<Vec<_>>().join("\n\n");
    once.repeat((40 << 20) / once.len().max(1) + 1)
}

/// The files of Python's standard library without its tests, every second one, a line each.
fn python() -> Result<String, String> {
    const LIST: &str = "
import os, sysconfig
base = sysconfig.get_paths()['stdlib']
found = []
for folder, folders, files in os.walk(base):
    folders[:] = [it for it in folders if it not in ('site-packages', 'test', 'tests', 'lib2to3', '__pycache__')]
    found += [os.path.join(folder, it) for it in files if it.endswith('.py')]
print('\\n'.join(sorted(found)[::2]))";
    let output = Command::new("python3").args(["-c", LIST]).output();
    let output = output.map_err(|error| format!("python3: {error}"))?;
    String::from_utf8(output.stdout).map_err(|error| format!("python3: {error}"))
}
