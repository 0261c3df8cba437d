"""A headless Chromium for tests, spoken to over its DevTools protocol on two pipes."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_KEYS = {"Enter": 13, "Backspace": 8, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27}


class Chromium:
    def __init__(self, patience: float = 30.0) -> None:
        self.patience = patience
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> "Chromium":
        assert PROGRAM is not None
        self._folder = TemporaryDirectory(ignore_cleanup_errors=True)
        down, self._out = os.pipe()
        self._in, up = os.pipe()
        flags = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", f"--user-data-dir={self._folder.name}",
        ]  # fmt: skip
        # The browser reads from descriptor 3 and writes to 4. Not sh: dash takes no descriptor above 9.
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{down} 4>&{up}', PROGRAM, *flags, "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=(down, up), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(down)
        os.close(up)
        self._buffer, self._last = b"", 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._out)
        os.close(self._in)
        self._folder.cleanup()

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._last += 1
        told = {"id": self._last, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(told).encode() + b"\0")
        until = time.monotonic() + self.patience
        while True:
            message = self._read(until, method)
            if message.get("id") == self._last:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def _read(self, until: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0.0, until - time.monotonic()))[0]:
                raise AssertionError(f"the browser did not answer {what} within {self.patience} s")
            if not (chunk := os.read(self._in, 1 << 20)):
                raise AssertionError(f"the browser ended before it answered {what}")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def page(
        self, width: int = 1280, height: int = 800, phone: bool = False, dark: bool = False, language: str = "en-US"
    ) -> "Page":
        """A window with storage of its own."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        scale = 2 if phone else 1
        page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        page.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        page.send("Emulation.setUserAgentOverride", userAgent="test", acceptLanguage=language)
        return page


class Page:
    def __init__(self, browser: Chromium, session: str) -> None:
        self.browser, self.session = browser, session

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **params)

    def goto(self, url: str) -> None:
        self.send("Page.navigate", url="about:blank")  # a change of what is behind '#' alone would load nothing
        self.send("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, f"{expression}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until the expression holds; while the page is being built it may as well throw."""
        until = time.monotonic() + self.browser.patience
        while not self.js(f"(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()"):
            if time.monotonic() > until:
                raise AssertionError(
                    f"never true: {expression}; the page says: {self.js('document.body.innerText')[:2000]}"
                )
            time.sleep(0.03)

    def press(self, *keys: str) -> None:
        for key in keys:
            code = _KEYS.get(key) or ord(key.upper())
            same = {"key": key, "windowsVirtualKeyCode": code}
            text = "\r" if key == "Enter" else key if len(key) == 1 else ""
            self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **same)
            self.send("Input.dispatchKeyEvent", type="keyUp", **same)

    def click(self, selector: str) -> None:
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def requests(self) -> list[str]:
        """Addresses the page has asked for, so far."""
        self.js("1")
        own = [e for e in self.browser.events if e.get("sessionId") == self.session]
        return [e["params"]["request"]["url"] for e in own if e["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Exceptions, and what the browser logged as errors (broken content policy, failed requests)."""
        self.js("1")
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
        return found
