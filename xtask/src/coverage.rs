//! `cargo xtask coverage`: which lines of the mapper the tests of its crate run.
//!
//! The mapper turns whatever a cluster sends into what Hostler tells, so that a line of it that no
//! test has run is a word about somebody's VM that nobody has read. Only its crate is compiled with
//! counters: everything below it is what `cargo test` has compiled already.
//!
//! ```text
//!   cargo test --no-run ─► this program as compiler: + -Cinstrument-coverage for the one package
//!     └─► test programs ─► *.profraw ─► llvm-profdata ─► llvm-cov ─► lines of src/mapper
//! ```
//!
//! The tests themselves (`tests.rs`) are not counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use hostler_lab::{Error, Result, command_line, run, run_quietly};
use serde_json::Value;

use crate::arguments::{Arguments, Grammar, Words};
use crate::{needs, paths, say};

/// `coverage [--write]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["write"], options: &[], words: Words::None };

const PACKAGE: &str = "hostler-kubevirt";
const SOURCES: &str = "crates/hostler-kubevirt/src/mapper";
/// Of a hundred lines, at least.
const WANTED: u64 = 80;
const DOCUMENT: &str = "docs/reference/coverage.md";
/// Tells this program, called as a compiler, which package to compile with counters.
const COUNTED: &str = "HOSTLER_COUNTED_PACKAGE";

/// Where cargo calls this program in place of the compiler: what the compiler ended with.
pub(crate) fn as_compiler(typed: &[String]) -> Option<ExitCode> {
    let counted = std::env::var_os(COUNTED)?;
    let (compiler, words) = typed.split_first()?;
    let mut command = Command::new(compiler);
    command.args(words);
    // Also when it is only asked for its version there may be no package.
    if std::env::var_os("CARGO_PKG_NAME").is_some_and(|package| package == counted) {
        command.arg("-Cinstrument-coverage");
    }
    match command.status() {
        Ok(status) => Some(status.code().and_then(|it| u8::try_from(it).ok()).unwrap_or(1).into()),
        Err(error) => {
            say::step(&format!("cannot start `{}`: {error}", command_line(&command)));
            Some(ExitCode::FAILURE)
        }
    }
}

/// Measures, shows, and fails below what is wanted.
///
/// # Errors
/// When a test fails, a tool is missing or too few lines were run.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    needs::build()?;
    let tools = Tools::find()?;
    let folder = paths::root().join("target/coverage");
    // Counters of another build would be told as counters of this one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let programs = compile()?;
    for (nth, program) in programs.iter().enumerate() {
        let mut command = Command::new(program);
        command.current_dir(paths::root().join("crates").join(PACKAGE));
        command.env("LLVM_PROFILE_FILE", folder.join(format!("{nth}-%p.profraw")));
        run(&mut command)?;
    }
    let figures = figures(&tools.export(&folder, &programs)?, &paths::root().join(SOURCES))?;
    say::line(&table(&figures));
    let (total, wanted) = (Figure::of_all(&figures), WANTED);
    if total.covered * 100 < total.lines * wanted {
        let percent = total.percent();
        return Err(Error::new(format!(
            "the tests run {percent} of the lines of {SOURCES}, and {wanted} % are wanted: write \
             tests for the files with the least"
        )));
    }
    if arguments.has("write") {
        let date = run_quietly(Command::new("date").args(["-u", "+%F"]))?.stdout;
        let date = String::from_utf8_lossy(&date);
        fs::write(paths::root().join(DOCUMENT), document(&figures, date.trim()))?;
        say::step(&format!("wrote {DOCUMENT}"));
    }
    Ok(())
}

/// The test programs, with counters.
fn compile() -> Result<Vec<PathBuf>> {
    let mut command = paths::cargo();
    command.args(["test", "-p", PACKAGE, "--lib", "--tests", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    command.env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?).env(COUNTED, PACKAGE);
    say::step(&command_line(&command));
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(Error::new(format!("`{}` failed", command_line(&command))));
    }
    let programs = programs(&String::from_utf8_lossy(&output.stdout));
    match programs.is_empty() {
        true => Err(Error::new(format!("cargo names no test program of {PACKAGE}"))),
        false => Ok(programs),
    }
}

/// The test programs in cargo's messages, one in a line.
fn programs(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter(|message| message["profile"]["test"] == true);
    tests.filter_map(|message| Some(message["executable"].as_str()?.into())).collect()
}

/// The tools of the very LLVM that the compiler is made with: others cannot read its counters.
struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Tools {
    fn find() -> Result<Self> {
        let compiler = Compiler::ask()?;
        if let Some(found) = compiler.folders().iter().find_map(|folder| Self::of(folder)) {
            return Ok(found);
        }
        // Rustup's would be the compiler's own, but is not within everybody's reach.
        needs::coverage(&compiler.llvm)?;
        compiler.folders().iter().find_map(|folder| Self::of(folder)).ok_or_else(|| {
            Error::new(format!(
                "llvm-profdata and llvm-cov of LLVM {} are missing: `rustup component add \
                 llvm-tools` installs them, and so does a package llvm-{0} of the system",
                compiler.llvm
            ))
        })
    }

    fn of(folder: &Path) -> Option<Self> {
        let (profdata, cov) = (folder.join("llvm-profdata"), folder.join("llvm-cov"));
        (profdata.is_file() && cov.is_file()).then_some(Self { profdata, cov })
    }

    fn export(&self, folder: &Path, programs: &[PathBuf]) -> Result<Value> {
        let merged = folder.join("all.profdata");
        let mut command = Command::new(&self.profdata);
        command.args(["merge", "--sparse", "--failure-mode=any", "-o"]).arg(&merged);
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "profraw") {
                command.arg(path);
            }
        }
        run(&mut command)?;
        let mut command = Command::new(&self.cov);
        command.args(["export", "--summary-only", "--instr-profile"]).arg(&merged);
        for (nth, program) in programs.iter().enumerate() {
            if nth > 0 {
                command.arg("--object");
            }
            command.arg(program);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(Error::new(format!("`{}` failed", command_line(&command))));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Error::new(format!("llvm-cov told no JSON: {error}")))
    }
}

/// What the compiler says of itself.
struct Compiler {
    sysroot: PathBuf,
    host: String,
    /// The major version of its LLVM.
    llvm: String,
}

impl Compiler {
    fn ask() -> Result<Self> {
        let ask = |words: &[&str]| -> Result<String> {
            let output = Command::new("rustc").current_dir(paths::root()).args(words).output()?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let (sysroot, told) = (ask(&["--print", "sysroot"])?, ask(&["-vV"])?);
        Self::read(&sysroot, &told)
            .ok_or_else(|| Error::new(format!("rustc -vV names no host and no LLVM: {told}")))
    }

    fn read(sysroot: &str, told: &str) -> Option<Self> {
        let field = |name: &str| told.lines().find_map(|line| line.strip_prefix(name));
        let llvm = field("LLVM version: ")?.split('.').next()?.to_owned();
        Some(Self { sysroot: sysroot.into(), host: field("host: ")?.to_owned(), llvm })
    }

    /// Where its tools may be: rustup's, Debian's, Fedora's.
    fn folders(&self) -> [PathBuf; 3] {
        [
            self.sysroot.join("lib/rustlib").join(&self.host).join("bin"),
            format!("/usr/lib/llvm-{}/bin", self.llvm).into(),
            format!("/usr/lib64/llvm{}/bin", self.llvm).into(),
        ]
    }
}

/// The lines of one file, and those that were run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Figure {
    file: String,
    lines: u64,
    covered: u64,
}

impl Figure {
    fn of_all(figures: &[Figure]) -> Figure {
        let sum = |of: fn(&Figure) -> u64| figures.iter().map(of).sum();
        Figure { file: "all".into(), lines: sum(|it| it.lines), covered: sum(|it| it.covered) }
    }

    /// Rounded down: what is nearly reached is not reached.
    fn percent(&self) -> String {
        let tenths = (self.covered * 1000).checked_div(self.lines).unwrap_or_default();
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

/// The files below `sources`, without tests.
fn figures(told: &Value, sources: &Path) -> Result<Vec<Figure>> {
    let files = told["data"][0]["files"].as_array().into_iter().flatten();
    let mut found: Vec<Figure> = files
        .filter_map(|file| {
            let path = Path::new(file["filename"].as_str()?).strip_prefix(sources).ok()?;
            let lines = &file["summary"]["lines"];
            let (lines, covered) = (lines["count"].as_u64()?, lines["covered"].as_u64()?);
            (!path.ends_with("tests.rs")).then(|| Figure {
                file: path.display().to_string(),
                lines,
                covered,
            })
        })
        .collect();
    found.sort_by(|one, other| one.file.cmp(&other.file));
    match found.is_empty() {
        true => Err(Error::new(format!("llvm-cov tells no line of {}", sources.display()))),
        false => Ok(found),
    }
}

fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| file | lines | run | |\n|---|---:|---:|---:|\n");
    for one in figures.iter().chain([&Figure::of_all(figures)]) {
        let percent = one.percent();
        text.push_str(&format!("| {} | {} | {} | {percent} |\n", one.file, one.lines, one.covered));
    }
    text
}

fn document(figures: &[Figure], date: &str) -> String {
    let total = Figure::of_all(figures).percent();
    format!(
        "# Coverage\n\nWhat the tests of `{PACKAGE}` run of `{SOURCES}`, which turns whatever a \
         cluster sends into what Hostler tells: **{total}** of its lines, {WANTED} % at least. \
         Measured on {date} by `cargo xtask coverage --write`, which makes this page; nobody edits \
         it.\n\n{}",
        table(figures)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(name: &str, count: u64, covered: u64) -> Value {
        json!({ "filename": name, "summary": { "lines": { "count": count, "covered": covered } } })
    }

    #[test]
    fn only_the_mapper_counts_and_its_tests_do_not() {
        let told = json!({ "data": [{ "files": [
            file("/x/mapper/vms.rs", 300, 299),
            file("/x/mapper/mod.rs", 100, 50),
            file("/x/mapper/tests.rs", 100, 100),
            file("/x/power.rs", 900, 0),
        ] }] });
        let figures = figures(&told, Path::new("/x/mapper")).unwrap();
        let total = Figure::of_all(&figures);
        assert_eq!((figures.len(), total.lines, total.covered), (2, 400, 349));
        assert_eq!((total.percent(), figures[1].percent()), ("87.2 %".into(), "99.6 %".into()));
        let text = document(&figures, "2026-01-31");
        assert!(text.contains("**87.2 %** of its lines") && text.contains("2026-01-31"), "{text}");
        assert!(text.contains("| mod.rs | 100 | 50 | 50.0 % |\n| vms.rs "), "{text}");
    }

    #[test]
    fn a_report_without_the_mapper_is_no_success() {
        let error = figures(&json!({ "data": [{ "files": [] }] }), Path::new("/x")).unwrap_err();
        assert!(error.to_string().contains("no line of /x"), "{error}");
    }

    #[test]
    fn the_tools_are_those_of_the_compilers_own_llvm() {
        let told = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n";
        let folders = Compiler::read("/rust", told).unwrap().folders();
        let expected = [
            "/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin",
            "/usr/lib/llvm-22/bin",
            "/usr/lib64/llvm22/bin",
        ];
        assert_eq!(folders, expected.map(PathBuf::from));
        assert!(Compiler::read("/rust", "rustc 1.95.0\n").is_none());
    }

    #[test]
    fn test_programs_are_read_from_cargos_messages() {
        let messages = "{\"executable\":\"/a\",\"profile\":{\"test\":true}}\n\
                        {\"executable\":null,\"profile\":{\"test\":false}}\nnoise\n\
                        {\"executable\":\"/b\",\"profile\":{\"test\":false}}\n";
        assert_eq!(programs(messages), [PathBuf::from("/a")]);
    }
}
