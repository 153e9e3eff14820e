"""Whether a server can be reached, asked before a library waits for it for minutes."""

from __future__ import annotations

import queue
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request

from gan_zoo.datasets.text import error_text

_WAIT = 5.0  # seconds


def why_unreachable(url: str, wait: float = _WAIT) -> str:
    """Return why the server of a URL cannot be reached, to be part of a sentence; "" if it can.

    Whatever it answers, it can be reached. Proxies of the environment are used.

    Args:
        url: Of anything there.
        wait: Seconds after which it counts as not reached.
    """
    parts = urllib.parse.urlsplit(url)
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        found.put(_ask(f"{parts.scheme}://{parts.netloc}/", wait))

    # In a thread, as no timeout holds for the search for the server's address.
    threading.Thread(target=ask, daemon=True).start()
    try:
        why = found.get(timeout=wait)
    except queue.Empty:
        why = _silence(wait)
    return f"{parts.netloc} cannot be reached: {why}" if why else ""


def _ask(url: str, wait: float) -> str:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=wait):
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as e:
        # Libraries have certificates of their own.
        known = isinstance(e.reason, ssl.SSLError)
        return "" if known else _why(e.reason if isinstance(e.reason, OSError) else e, wait)
    except Exception as e:  # a server that speaks another language answers, too
        return _why(e, wait) if isinstance(e, OSError) else ""


def _why(error: Exception, wait: float) -> str:
    return _silence(wait) if isinstance(error, TimeoutError) else error_text(error)


def _silence(wait: float) -> str:
    return f"no answer in {wait:g} seconds"
