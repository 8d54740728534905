//! Input of the programs, created from local sources: the same on every machine for the same lock
//! file.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::roster::Input;
use crate::sources::{Sources, write};

/// Further arguments of a program.
pub(crate) fn prepare(
    input: Input,
    sources: &Sources,
    work: &Path,
) -> Result<Vec<PathBuf>, String> {
    let file = |name: &str, text: &str| {
        let path = work.join("input").join(name);
        write(&path, text).map(|()| vec![path])
    };
    match input {
        Input::Csv { rows } => file(&format!("{rows}.csv"), &table(rows)),
        Input::Folders => Ok(sources.libraries.iter().step_by(3).cloned().collect()),
        Input::Markdown => file("markdown.txt", &markdown(sources)),
        Input::Python => file("python.txt", &python()?),
        Input::Png => Ok(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lines.png")]),
    }
}

fn table(rows: u32) -> String {
    let mut random = fastrand::Rng::with_seed(12);
    let mut text = String::from("id,name,city,amount,ratio,flag,note\n");
    for id in 0..rows {
        let name: String = (0..8).map(|_| random.lowercase()).collect();
        let city = ["Paris", "Berlin", "Roma", "Oslo", ""][random.usize(..5)];
        let (amount, ratio, flag) = (random.i32(-10_000..10_000), random.f64(), random.bool());
        text.push_str(&format!("{id},{name},{city},{amount},{ratio:.6},{flag},n{}\n", id % 97));
    }
    text
}

/// About 60 MB in total.
fn markdown(sources: &Sources) -> String {
    let files = sources.libraries.iter().map(|folder| folder.join("README.md"));
    let once: String =
        files.filter(|file| file.exists()).map(|file| format!("{}\n", file.display())).collect();
    once.repeat(80)
}

/// Every second file of Python's standard library without its tests, one per line.
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
