"""Fixtures that run the explorer in Chromium, with a real MongoDB.

A test fails if one of its pages logs an error or a warning, or sends a request to another server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, Playwright, Request, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from pydantic import SecretStr

from exifinator.config import Config
from tests.browser.library import store_demo, store_hostile, store_stacks
from tests.conftest import Addresses
from tests.integration.api.fixtures import TOKEN, serve_api
from tests.servers import find_chromium, find_firefox

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# pytest-timeout ends a test after 300 s. Playwright gives up earlier, because its message says what it was waiting for.
TIMEOUT_MS = 120_000
expect.set_options(timeout=TIMEOUT_MS)
# Options that find tests which depend on the speed of the machine: with SLOW_API=1500, each response of the API reaches
# the page up to 1.5 s late; with SLOW_CPU=4, the scripts of the pages in Chromium take four times as long.
SLOW_API_MS = int(os.environ.get("SLOW_API", "0"))
SLOW_CPU_RATE = float(os.environ.get("SLOW_CPU", "1"))
DELAY_RESPONSES = f"""(() => {{
  const {{ fetch, setTimeout }} = window;
  window.fetch = async (resource, options) => {{
    const response = await fetch(resource, options);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * {SLOW_API_MS}));
    options?.signal?.throwIfAborted();
    return response;
  }};
}})()"""
_open_pages: list[Page] = []
# The requests in progress of the open pages, for the report of a failed test.
_pending: dict[Request, None] = {}


@dataclass
class PageProblems:
    """The problems of one page.

    Attributes:
        problems: Console errors and warnings, exceptions, and requests to other servers.
        allowed: Patterns of the problems that the test expects.
    """

    problems: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def unexpected(self) -> list[str]:
        return [text for text in self.problems if not any(re.search(pattern, text) for pattern in self.allowed)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make a test that hangs in Playwright end its process, which pytest-xdist reports and replaces.

    By default, pytest-timeout raises an exception in the main thread. Playwright's event loop does not survive it, and
    the fixtures would wait for it forever.
    """
    for item in items:
        # This hook sees the thousands of tests of all folders.
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.timeout(method="thread"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the text of each open page to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed:
        for page in _open_pages:
            try:
                report.sections.append((page.url, page.inner_text("body", timeout=5000)))
            except PlaywrightError as error:
                report.sections.append((page.url, str(error)))
        waiting = "\n".join(f"{request.method} {request.url}" for request in _pending)
        report.sections.append(("requests without a response", waiting))
    return report


def wait_until(page: Page, condition: str, argument: Any = None) -> None:
    """Wait until a JavaScript function returns true. The function is called once per frame.

    Playwright's wait_for_function cannot be used: it needs eval, which the page's Content-Security-Policy forbids.
    """
    page.evaluate(
        f"""async (argument) => {{
          const condition = {condition};
          const end = performance.now() + {TIMEOUT_MS};
          while (!(await condition(argument))) {{
            if (performance.now() > end) throw new Error(`Not true in time: ${{condition}}`);
            await new Promise(requestAnimationFrame);
          }}
        }}""",
        argument,
    )


def next_frame(page: Page) -> None:
    """Wait until the page has drawn a frame."""
    page.evaluate("() => new Promise(requestAnimationFrame)")


def settled_box(item: Locator) -> FloatRect:
    """Return the position and size of an element once it has not moved for some frames."""
    item.evaluate(
        """async (element, frames) => {
          for (let same = 0, before = ""; same < frames; ) {
            const now = JSON.stringify(element.getBoundingClientRect());
            same = now === before ? same + 1 : 0;
            before = now;
            await new Promise(requestAnimationFrame);
          }
        }""",
        5,
    )
    box = item.bounding_box()
    assert box
    return box


@dataclass
class Explorer:
    """A running explorer, and the pages that a test has opened.

    Attributes:
        problems: The problems of each page.
        contexts: The browser contexts of the pages, to be closed after the test.
    """

    url: str
    browser: Browser
    problems: list[PageProblems] = field(default_factory=list)
    contexts: ExitStack = field(default_factory=ExitStack)

    def open(self, address: str = "/", *, allow: tuple[str, ...] = (), **options: Any) -> Page:
        """Open a page in its own browser context.

        Args:
            address: The URL, without the origin.
            allow: Patterns of the problems that the test expects, such as a console error about a response 401.
            options: Options of the browser context: viewport, color_scheme, ...
        """
        page = self.new_page(allow=allow, **options)
        page.goto(self.url + address)
        return page

    def new_page(self, *, allow: tuple[str, ...] = (), **options: Any) -> Page:
        """Create an empty page, for tests that prepare it before they open a URL."""
        # Reduced motion saves waiting for transitions. The explorer formats numbers and dates by locale.
        defaults = {"viewport": DESKTOP, "reduced_motion": "reduce", "locale": "en-GB"}
        context = self.browser.new_context(**{**defaults, **options})
        self.contexts.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        if SLOW_API_MS:
            page.add_init_script(DELAY_RESPONSES)
        if SLOW_CPU_RATE > 1 and self.browser.browser_type.name == "chromium":
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW_CPU_RATE})
        _open_pages.append(page)
        self.watch(page, allow)
        return page

    def watch(self, page: Page, allow: tuple[str, ...]) -> None:
        page_problems = PageProblems(allowed=list(allow))
        own_host = urlsplit(self.url).netloc

        def on_request(request: Request) -> None:
            _pending[request] = None
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != own_host:
                page_problems.problems.append(f"foreign request: {request.url[:200]}")

        def on_console(message: Any) -> None:
            if message.type in ("error", "warning"):
                page_problems.problems.append(
                    f"console {message.type}: {message.text[:500]} {message.location.get('url', '')}"
                )

        def on_end(request: Request) -> None:
            _pending.pop(request, None)

        page.on("request", on_request)
        page.on("requestfinished", on_end)
        page.on("requestfailed", on_end)
        page.on("console", on_console)
        page.on("pageerror", lambda error: page_problems.problems.append(f"error: {error}"))
        self.problems.append(page_problems)

    def address(self, **state: Any) -> str:
        """Return the URL of a state, without the origin, from parameters such as view="table", camera=["X-T4"]."""
        return f"/?{urlencode(state, doseq=True)}"

    def finish(self) -> None:
        """Close the pages, and fail if they had problems."""
        self.contexts.close()
        _open_pages.clear()
        _pending.clear()
        problems = [text for page_problems in self.problems for text in page_problems.unexpected()]
        self.problems.clear()
        assert not problems, "\n".join(problems)


# While Playwright runs its event loop, no other test can start one. Package scope ends the loop before the tests of
# other packages run.
@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NODE_OPTIONS", f"--require {Path(__file__).with_name('firefox.cjs')}")
        with sync_playwright() as driver:
            yield driver


@pytest.fixture(scope="package")
def browser(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def firefox_downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of Firefox's downloads. Playwright does not report downloads that a script starts."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="package")
def firefox(driver: Playwright, firefox_downloads: Path) -> Iterator[Browser]:
    """Yield Debian's Firefox. It has no touch screen and no colour schemes, and is_mobile does not apply to it."""
    browser = driver.firefox.launch(
        channel="moz-firefox",
        executable_path=find_firefox(),
        downloads_path=firefox_downloads,
        firefox_user_prefs={"ui.prefersReducedMotion": 1},
    )
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def explorer_mongodb(servers: Addresses) -> str:
    return servers.mongodb_uri


Start = Callable[[str], str]


@pytest.fixture(scope="package")
def start_explorer(servers: Addresses) -> Iterator[Start]:
    """Yield a function that returns the URL of an explorer of a kind. The first call for a kind starts the explorer.

    The kinds are "demo", "hostile", "stacks", "empty" and "guarded". The last one has the demo library, and requires a
    token.
    """
    addresses: dict[str, str] = {}
    # These photos are in no bucket. With previews, each page would request those of all tiles again and again.
    base = Config(mongodb_uri=SecretStr(servers.mongodb_uri), api_previews=False)
    with ExitStack() as apis:

        def start(kind: str) -> str:
            if kind not in addresses:
                database = "demo" if kind == "guarded" else kind
                config = base.model_copy(update={"mongodb_database": database, "mrq_database": f"{kind}-mrq"})
                if kind == "demo":
                    servers.once("demo", lambda: store_demo(config))
                elif kind == "hostile":
                    servers.once("hostile", lambda: store_hostile(config))
                elif kind == "stacks":
                    servers.once("stacks", lambda: store_stacks(config))
                elif kind == "guarded":
                    start("demo")
                    config = config.model_copy(update={"api_host": "127.0.0.2", "api_token": SecretStr(TOKEN)})
                addresses[kind] = apis.enter_context(serve_api(config)).url
            return addresses[kind]

        yield start


def _explorer(kind: str, start: Start, browser: Browser) -> Iterator[Explorer]:
    explorer = Explorer(start(kind), browser)
    yield explorer
    explorer.finish()


@pytest.fixture
def explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """Yield an explorer with the demo library."""
    yield from _explorer("demo", start_explorer, browser)


@pytest.fixture
def hostile_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """Yield an explorer with records whose texts contain HTML, scripts and control characters."""
    yield from _explorer("hostile", start_explorer, browser)


@pytest.fixture
def stacks_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """Yield an explorer with six files, five of them in two stacks."""
    yield from _explorer("stacks", start_explorer, browser)


@pytest.fixture
def empty_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """Yield an explorer with an empty database."""
    yield from _explorer("empty", start_explorer, browser)


@pytest.fixture
def guarded_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """Yield an explorer with the demo library, whose API requires TOKEN (tests/integration/api/fixtures.py)."""
    yield from _explorer("guarded", start_explorer, browser)
