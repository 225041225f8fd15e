"""`python -m bundle`: compile api/static/{js,css} into api/static/built with esbuild.

The built files are committed, so that only people who change the sources need Node. The names of the built files
contain a hash of their content, so that browsers can cache the files indefinitely. The built index.html refers to these
names. Libraries that only one view needs, such as the map's, are in separate files, which the browser loads when the
view opens.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "api" / "static"
BUILT = STATIC / "built"
TOOLS = ROOT / "var" / "bundle"
MODULES = TOOLS / "node_modules"

# The source files that index.html refers to, by the name of the built file without its hash.
ENTRIES = {"explorer": ["js/app.jsx", "css/explorer.css"], "theme": ["js/theme.js"], "icon": ["icon.svg"]}
OPTIONS = [
    "--bundle",
    "--minify",
    "--format=esm",
    "--splitting",
    "--target=es2023,chrome120,firefox121,safari17.4",
    "--jsx=automatic",
    "--jsx-import-source=preact",
    "--entry-names=[name]-[hash]",
    "--chunk-names=[name]-[hash]",
    "--asset-names=[name]-[hash]",
    "--loader:.json=file",
    "--loader:.tsv=file",
    "--loader:.svg=copy",
    "--loader:.png=empty",  # Leaflet's stylesheet refers to images of controls that the map does not use
    "--legal-comments=none",  # licences.txt contains the complete licences
    "--log-level=warning",
]


def bundle(target: Path = BUILT) -> None:
    """Build the explorer into the folder `target`, and remove the files of earlier builds from it.

    Raises: OSError, CalledProcessError.
    """
    install()
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        built = Path(scratch, "built")
        outputs = _compile(built, Path(scratch, "metafile.json"))
        page = (STATIC / "index.html").read_text()
        for name, output in outputs.items():
            # Modules that are imported dynamically are entry points too, but the page does not refer to them.
            if (source := output.get("entryPoint")) and f'"{source}"' in page:
                page = page.replace(f'"{source}"', f'"/static/{Path(name).name}"')
                page = page.replace("</head>", f"{_preloads(output)}</head>")
        (built / "index.html").write_text(page)
        (built / "licences.txt").write_text(_licences(outputs))
        target.mkdir(parents=True, exist_ok=True)
        for old in target.iterdir():
            old.unlink()
        for file in built.iterdir():
            shutil.copyfile(file, target / file.name)


def _preloads(output: dict[str, Any]) -> str:
    """Return HTML links to the chunks that a script imports statically, so that browsers fetch them with the script."""
    chunks = (item["path"] for item in output["imports"] if item["kind"] == "import-statement")
    return "".join(f'<link rel="modulepreload" href="/static/{Path(chunk).name}">\n' for chunk in chunks)


def _compile(target: Path, metafile: Path) -> dict[str, Any]:
    """Run esbuild. Return the entry for each built file, by path, of esbuild's metafile."""
    entries = [f"{name}={source}" for name, sources in ENTRIES.items() for source in sources]
    command = [MODULES / ".bin" / "esbuild", *entries, *OPTIONS, f"--outdir={target}", f"--metafile={metafile}"]
    subprocess.run(command, cwd=STATIC, env={**os.environ, "NODE_PATH": str(MODULES)}, check=True)
    outputs: dict[str, Any] = json.loads(metafile.read_bytes())["outputs"]
    return outputs


def _licences(outputs: dict[str, Any]) -> str:
    """Return the licence texts of the packages whose code is in the built files."""
    inputs = (name for output in outputs.values() for name in output["inputs"])
    packages = sorted({match[1] for name in inputs if (match := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", name))})
    parts = []
    for package in packages:
        version = json.loads((MODULES / package / "package.json").read_bytes())["version"]
        (licence,) = (MODULES / package).glob("LICENSE*")
        parts.append(f"{package} {version}\n\n{licence.read_text().strip()}\n")
    return "\n----\n\n".join(parts)


def install() -> None:
    """Install the tools and libraries pinned by package-lock.json in var/bundle, unless they are installed already.

    Raises: OSError, CalledProcessError.
    """
    files = [ROOT / "bundle" / name for name in ("package.json", "package-lock.json")]
    stamp = TOOLS / "installed"
    pinned = b"".join(file.read_bytes() for file in files)
    if stamp.exists() and stamp.read_bytes() == pinned:
        return
    TOOLS.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for file in files:
        shutil.copy(file, TOOLS)
    command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=TOOLS, check=True)
    stamp.write_bytes(pinned)


if __name__ == "__main__":
    bundle()
