"""A page that shows the HTTP interface. It loads nothing but the document from this service."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache

from hermetic.http.problems import ProblemKind, problem_kinds

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1b1f24; background: #fff; }
h1 small { font-weight: normal; color: #57606a; }
article { border: 1px solid #d0d7de; border-radius: 6px; margin: 1rem 0; padding: 0 1rem 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f6f8fa; border-radius: 4px; }
code { padding: 0.1em 0.3em; } pre { padding: 0.8rem; overflow: auto; }
h2 b { display: inline-block; min-width: 5rem; text-transform: uppercase; color: #0550ae; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } code, pre { background: #161b22; }
  article { border-color: #30363d; } h2 b { color: #79c0ff; }
}
"""
_SCRIPT = """
const make = (tag, parent, text) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
const show = (description) => {
  const main = document.querySelector("main");
  main.replaceChildren();
  const title = make("h1", main, description.info.title + " ");
  make("small", title, description.info.version);
  make("p", main, description.info.summary);
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (method === "parameters") continue;
      const article = make("article", main);
      const heading = make("h2", article);
      make("b", heading, method);
      make("code", heading, path);
      make("p", article, operation.summary + ". " + (operation.description || ""));
      const table = make("table", article);
      const row = (name, text) => {
        const cells = make("tr", table);
        make("code", make("th", cells), name);
        make("td", cells, text);
      };
      for (const each of operation.parameters || []) row(each.name, each.description);
      for (const [status, each] of Object.entries(operation.responses)) {
        row(status, each.description);
      }
    }
  }
  make("h1", main, "Schemas");
  for (const [name, schema] of Object.entries(description.components.schemas)) {
    const article = make("article", main);
    make("h2", article, name).id = name;
    make("pre", article, JSON.stringify(schema, null, 2));
  }
};
fetch("openapi.json").then((response) => response.json()).then(show);
"""


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def page() -> bytes:
    """In HTML. What `type` of a problem refers to is on it."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hermetic: the HTTP interface</title><style>{_STYLE}</style></head>
<body><main><p>The description is in <a href="openapi.json">openapi.json</a>.</p></main>
<h1>Problems</h1><table>{"".join(map(_problem, problem_kinds()))}</table>
<script>{_SCRIPT}</script></body>
</html>
""".encode()


def _problem(kind: ProblemKind) -> str:
    return (
        f'<tr id="error-{kind.code}"><th><code>{kind.code}</code></th><td>{kind.status}</td>'
        f"<td>{html.escape(kind.meaning)}</td></tr>\n"
    )


POLICY = (
    f"default-src 'none'; connect-src 'self'; script-src {_source(_SCRIPT)}; "
    f"style-src {_source(_STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page."""
