"""MiniStack also listens on port 443 when it may: two sandboxes would fight for it, and nothing here needs it."""

from ministack import app


def install() -> None:
    app._port_is_bindable = lambda host, port: False
