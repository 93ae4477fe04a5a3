"""Prose check: first words of docstrings, and words that plain English does not need.

    python -m tests.prose [PATH ...]      print the findings, one per line; all files by default
    python -m tests.prose --update        lower the numbers in tests/prose_allowed.txt

The rules are those of CONTRIBUTING.md. Docstrings, comments and messages of the package, the
benchmarks, the studies and the tests are checked, and the pages of the documentation outside code.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = ROOT / "tests/prose_allowed.txt"
CODE = ("bci_affect", "benchmarks", "studies", "docs", "tests")
PAGES = ("*.md", "docs/**/*.md", "models/*.md", "benchmarks/*.md")
NOT_CHECKED = {ROOT / "tests/prose.py", ROOT / "tests/test_prose.py"}
"""The rules and their tests name what they forbid."""

DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

PHRASE = "a noun phrase or an imperative that names the thing"
QUESTIONS = "what how where when which whether who whoever whom whose why whatever"
CLAUSES = (
    "at always anything are does everything from has if is it never nobody nothing once somebody "
    "something they"
)
THIRD_PERSON = (
    "applies chooses collects compares finds fulfils gathers gives grows holds keeps leads learns "
    "looks makes owns plays publishes reads saves says sends starts subtracts takes tells throws "
    "turns watches writes"
)
NO_QUESTION = dict.fromkeys(QUESTIONS.split(), PHRASE)
FIRST_WORDS = (
    NO_QUESTION
    | dict.fromkeys(CLAUSES.split(), PHRASE)
    | {word: f"{PHRASE} (not a verb in the third person)" for word in THIRD_PERSON.split()}
    | {
        "be": "the technical verb: run, act as",
        "believe": "trust, accept",
        "hear": "receive, read",
        "judge": "evaluate, classify, validate",
        "look": "search, read, poll, find",
        "mend": "repair, fix, correct",
        "say": "Return, report, log, explain",
        "stand": "the technical verb: remain, represent",
        "take": "pop, read, accept, remove, apply",
        "tell": "report, notify, log, distinguish",
    }
)
"""First words that docstrings do not begin with, and what to write instead."""

EVERYWHERE = {
    r"anew": "again",
    r"anybody": "anyone, any caller",
    r"artefacts?": "artifact",
    r"as it were": "(leave it out)",
    r"becomes? of": "the effect on, the result of",
    r"believes?|believed": "trust, accept, use",
    r"beside": "next to, alongside, besides, in addition to, compared with",
    r"dear|dearest|dearer": "expensive, slow, slowest",
    r"everybody": "everyone, all users",
    r"foretells?|foretold": "predict",
    r"(?:go|goes|going|gone|went) on": "continue, resume",
    r"in little room": "compactly",
    r"judges?|judged|judging": "evaluate, assess, classify, score",
    r"mends?|mended|mending": "repair, fix, correct",
    r"nobody": "no one, nothing, or name the subject",
    r"None for None": "None if ... is None",
    r"once more": "again",
    r"seldom": "rarely",
    r"so many (?=\w+s\b)": "the given number of, n",
    r"somebody": "someone, a caller, a person",
    r"the very(?! (?:first|last|least|end|beginning)\b)": "the same, exactly this",
    r"whoever|whomever": "a caller that, a person who, code that",
    r"whole(?! numbers?\b)": "full, entire, complete, intact",
    r"(?:tell|tells|told|telling)(?: \w+){0,4} apart": "distinguish, separate",
}
"""Patterns to avoid in docstrings, comments, messages and pages, and what to write instead."""

IN_CODE = {
    r"hears|heard": "receive, read; of sound: audible, played",
    r"look(?:s|ed|ing)? (?:at|for)": "read, check, search for, poll",
    r"said|says": "report, state, show, record",
    r"stands?(?! for\b|-|alone)|stood": "is, remains, represents",
    r"tells|told": "report, notify, log, distinguish",
}
"""Patterns to avoid in docstrings and comments besides: code does not speak, hear or look."""


def _compiled(*tables: dict[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"), re.IGNORECASE), use)
        for table in tables
        for pattern, use in table.items()
    ]


_PROSE = _compiled(EVERYWHERE)
_CODE_PROSE = _compiled(EVERYWHERE, IN_CODE)


@dataclass(frozen=True, order=True)
class Finding:
    """A word at a place, and the replacement."""

    path: str
    line: int
    word: str
    where: str
    use: str

    def __str__(self) -> str:
        """Return one line as compilers print it."""
        return f"{self.path}:{self.line}: '{self.word}' {self.where}; use: {self.use}"


def files() -> list[Path]:
    """Return all files with prose."""
    code = (path for top in CODE for path in (ROOT / top).rglob("*.py"))
    pages = (path for pattern in PAGES for path in ROOT.glob(pattern))
    return sorted({*code, *pages} - NOT_CHECKED)


def check(path: Path) -> list[Finding]:
    """Return the findings of one file in the order of its lines."""
    name = path.resolve().relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    check_text = check_page if path.suffix == ".md" else check_code
    return sorted(check_text(name, text))


def check_page(name: str, text: str) -> Iterator[Finding]:
    """Yield the findings of a page in Markdown, outside code, links and comments."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    text = re.sub(r"^( *)```.*?^\1```", blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->|`[^`\n]+`|\]\([^)\n]*\)", blank, text, flags=re.DOTALL)
    yield from _words(name, 1, text, _PROSE, "on a page")


def check_code(name: str, text: str) -> Iterator[Finding]:
    """Yield the findings of a Python file: docstrings, comments and messages."""
    tests = name.startswith("tests/")
    nodes = list(ast.walk(ast.parse(text)))  # breadth first
    documented = {}  # string nodes that are documentation: true for those of a definition
    for node in nodes:
        body = getattr(node, "body", None)
        for at, child in enumerate(body if isinstance(body, list) else ()):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                documented[child.value] = at == 0 and isinstance(node, DEFINITIONS)
    for node, of_definition in documented.items():
        if isinstance(node.value, str):
            first_words = FIRST_WORDS if of_definition and not tests else NO_QUESTION
            yield from _first_word(name, node.lineno, node.value, first_words)
            yield from _words(name, node.lineno, node.value, _CODE_PROSE, "in a docstring")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from _words(name, token.start[0], token.string, _CODE_PROSE, "in a comment")
    if not tests:
        for line, message in _messages(nodes, set(documented)):
            yield from _words(name, line, message, _PROSE, "in a message")


def _messages(nodes: list[ast.AST], documented: set[ast.Constant]) -> Iterator[tuple[int, str]]:
    """Yield line and text of strings with more than one word; fields of f-strings become ``{}``."""
    parts = set(documented)
    for node in nodes:  # an f-string comes before its parts
        if isinstance(node, ast.JoinedStr):
            constants = [value for value in node.values if isinstance(value, ast.Constant)]
            parts |= set(constants)
            text = "{}".join(str(constant.value) for constant in constants)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            text = node.value
        else:
            continue
        if " " in text.strip():
            yield node.lineno, text


def _first_word(name: str, line: int, text: str, words: dict[str, str]) -> Iterator[Finding]:
    match = re.match(r"\s*[\"'*]*([A-Za-z][A-Za-z-]*)", text)
    if match and match[1].lower() in words:
        yield Finding(name, line, match[1], "begins a docstring", words[match[1].lower()])


def _words(
    name: str, line: int, text: str, rules: list[tuple[re.Pattern[str], str]], where: str
) -> Iterator[Finding]:
    text = re.sub(r"``?[^`\n]+``?", "", text)
    for pattern, use in rules:
        for match in pattern.finditer(text):
            at = line + text.count("\n", 0, match.start())
            yield Finding(name, at, " ".join(match[0].split()), where, use)


def allowed() -> Counter[str]:
    """Return how many findings each file may still have."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    entries = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
    numbers: Counter[str] = Counter()
    for path, number in entries:  # merged branches may leave two entries of one file
        numbers[path] = min(int(number), numbers.get(path, sys.maxsize))
    return numbers


def update() -> None:
    """Lower the numbers of allowed findings to the present ones; no number is raised."""
    head = [line for line in ALLOWED.read_text("utf-8").splitlines() if line.startswith("#")]
    before = allowed()
    now = {path: len(check(ROOT / path)) for path in before if (ROOT / path).exists()}
    entries = [f"{path} {min(before[path], n)}" for path, n in sorted(now.items()) if n]
    ALLOWED.write_text("\n".join([*head, *entries]) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Print the findings of files and folders; exit status 1 if there are any."""
    if arguments == ["--update"]:
        update()
        return 0
    asked = [Path(argument).resolve() for argument in arguments]
    chosen = [p for p in files() if not asked or any(p.is_relative_to(a) for a in asked)]
    findings = [finding for path in chosen for finding in check(path)]
    for finding in findings:
        print(finding)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
